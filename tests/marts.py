"""Builds the marts of a test store: fast, by the models' own SELECTs, or by dbt itself."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import jinja2
import msgspec
import pytest

from playhead.rollup.dbt import DbtResult, project_folder, run_dbt
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from playhead.store.sql_target import open_sql_target

MARTS = ("stream_daily", "stream_dimension_daily", "dimension_daily", "dimension_hourly", "viewers_daily")
"""In the order in which they are built."""

_FIRST_MS, _END_MS = 10_000 * 86_400_000, 60_000 * 86_400_000
"""From 1997 to 2134: further ends would overflow the engine's Date."""
_READ_COLUMNS = "SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String}"
_SETTLE = """
INSERT INTO mart_builds (model, day, settled_version)
SELECT {model:String}, day, toUInt64(toUnixTimestamp64Nano(now64(9)))
FROM changed_days
GROUP BY day
"""


class _Column(msgspec.Struct, frozen=True):
    name: str


async def build_marts(store: ClientStore) -> None:
    """Build every day of every mart anew from the sessions as they are, today too, and call them fresh at once."""
    for mart in MARTS:
        columns = [column.name for column in await store.fetch(_READ_COLUMNS, _Column, _table(store, mart))]
        kept = ", ".join(name for name in columns if name != "version")
        await store.execute(f"TRUNCATE TABLE {mart}")
        await store.execute(
            f"INSERT INTO {mart} ({kept}, version) "
            f"SELECT {kept}, toUInt64(toUnixTimestamp64Nano(now64(9))) FROM ({mart_select(mart)})"
        )
    await settle_marts(store)


async def settle_marts(store: ClientStore) -> None:
    """Say that the marts hold all that is stored: a build alone leaves the last minute open to slow refolds."""
    for mart in MARTS:
        await store.execute(_SETTLE, {"model": mart})


async def build_marts_by_dbt(store: ClientStore, settings: Settings, *arguments: str) -> DbtResult:
    """Run `dbt build` (or the arguments) on the store's database, and fail the test where it fails."""
    result = await run_dbt(settings, arguments or ("build",), database=store.database)
    assert result.status == 0, result.output
    return result


@pytest.fixture
async def store_settings(
    request: pytest.FixtureRequest, empty_store: ClientStore, embedded_settings: Settings, anyio_backend: str
) -> AsyncIterator[Settings]:
    """Give the settings by which another process reaches the module's store, at one address for the whole test."""
    settings = msgspec.structs.replace(embedded_settings, sql_port=0)
    if request.node.callspec.params["empty_store"] == "server":
        server = request.getfixturevalue("clickhouse_server")
        settings = msgspec.structs.replace(settings, clickhouse_url=server.url(empty_store.database))
    async with open_sql_target(settings, empty_store.database) as target:
        yield msgspec.structs.replace(settings, clickhouse_url=target.url)


def mart_select(mart: str) -> str:
    """Return the SELECT of a mart's model over all days, as dbt would compile it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([project_folder() / "models" / "marts", project_folder() / "macros"]),
        extensions=["jinja2.ext.do"],
        autoescape=False,  # noqa: S701  # It is SQL.
        undefined=jinja2.StrictUndefined,
    )
    environment.globals |= _names_of_dbt()
    macros: Any = environment.get_template("metric_sums.sql").module
    newest: Any = environment.get_template("newest.sql").module
    model = environment.get_template(f"{mart}.sql")
    select = model.render(
        metric_sums=macros.metric_sums, mart_dimensions=macros.mart_dimensions, newest=newest.newest
    )  # fmt: skip
    bounds = {"from_ms": _FIRST_MS, "to_ms": _END_MS}
    return re.sub(r"\{(from_ms|to_ms):Int64\}", lambda match: str(bounds[match[1]]), select)


def _names_of_dbt() -> Mapping[str, Any]:
    return {
        "config": lambda **_: "",
        "ref": lambda name: name,
        "source": lambda _, name: name,
        "return": lambda value: value,
    }


def _table(store: ClientStore, table: str) -> dict[str, object]:
    return {"database": store.database, "table": table}
