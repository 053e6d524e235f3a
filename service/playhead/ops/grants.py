"""What each user of the database must be allowed, and whether it is."""

from collections.abc import Iterator

import msgspec

from playhead.errors import StoreDeniedError
from playhead.settings import Settings, variable_of
from playhead.store.clients import ClientStore
from playhead.store.cluster import LOCAL_SUFFIX, nodes_of, open_cluster_store
from playhead.store.contract import Store
from playhead.store.server import ServerAddress, open_store_at, read_server_address
from playhead.store.writers import find_bound_writers

_INGEST = (
    "INSERT ON event_batches",
    "INSERT ON dead_letters",
    "SELECT ON client_sessions",
    "SELECT ON session_index",
    "SELECT(stream_id, session_id, ts, seq, type) ON playback_events",
)
_MARTS = ("stream_daily", "stream_dimension_daily", "dimension_daily", "dimension_hourly", "viewers_daily")
_DBT = (
    *(f"INSERT ON {mart}" for mart in _MARTS),
    "INSERT ON mart_builds",
    "SELECT ON playback_events",
    "SELECT ON changed_days",
    "SELECT ON system.processes",
    "CREATE VIEW ON fct_sessions",
)
_DBT_ON_ONE_SERVER = (
    *(f"INSERT ON {table}" for table in ("refold_scope", "sessions", "changed_days")),
    *(f"OPTIMIZE ON {mart}" for mart in _MARTS),
    "SELECT ON system.parts",
)
"""Not on a cluster, where each shard folds its own, and merges by itself."""
_API = (
    *(f"INSERT ON {table}" for table in ("api_keys", "streams", "refold_scope", "sessions", "changed_days")),
    *(f"INSERT ON {table}" for table in ("refresh_marks", "job_runs", "job_leases", "drift_checks")),
    *(f"SELECT ON {table}" for table in ("playback_events", "sessions", "stream_daily", "dead_letters", "api_keys")),
    "SELECT ON system.processes",
)
_API_ON_CLUSTER = ("SELECT ON system.clusters", "SHOW TABLES ON system.zookeeper")


_NOT_LET_IN = frozenset({192, 193, 194, 516})
"""Unknown users and wrong passwords; whoever is denied for another reason is in."""

SHIPPED_USERS = tuple(f"playhead_{role}" for role in ("owner", "api", "ingest", "dbt", "grafana"))
"""Of clickhouse/server/users.d/playhead.xml; one whose password the server's environment lacks has an empty one."""


class UserGrants(msgspec.Struct, frozen=True):
    """The user of one URL: the setting that names it, and what it may not do though its part of the work needs it."""

    variable: str
    user: str
    missing: tuple[str, ...]


async def check_grants(settings: Settings) -> list[UserGrants]:
    """Return what the users in the settings lack on any node, nothing for the embedded engine; raises StoreError."""
    hosts = await _hosts(settings)
    found = []
    for name, needed in _work(settings):
        address = read_server_address(getattr(settings, name))
        asked = _everywhere(needed, address.database) if settings.clickhouse_cluster else needed
        nodes = [msgspec.structs.replace(address, host=host) for host in hosts] or [address]
        lacking = {right for node in nodes for right in await _lacking(node, settings, asked)}
        found.append(UserGrants(variable_of(name), address.user, tuple(filter(lacking.__contains__, asked))))
    return found


async def _hosts(settings: Settings) -> list[str]:
    """Return the names of a cluster's nodes; none for one server."""
    if not settings.clickhouse_cluster:
        return []
    store = open_cluster_store(settings)
    try:
        return [node.host for node in await store.nodes()]
    finally:
        await store.close()


def _everywhere(needed: tuple[str, ...], database: str) -> tuple[str, ...]:
    """Return the rights, and those on tables once more for the database of each shard; views are over all of them."""
    on_tables = [right for right in needed if " ON system." not in right and not right.startswith("CREATE VIEW")]
    return needed + tuple(right.replace(" ON ", f" ON {database}{LOCAL_SUFFIX}.") for right in on_tables)


async def _lacking(address: ServerAddress, settings: Settings, needed: tuple[str, ...]) -> list[str]:
    store = open_store_at(address, settings)
    try:
        return [right for right in needed if not await store.may(right)]
    finally:
        await store.close()


async def find_views_that_ask_for_rights(store: Store, settings: Settings) -> list[str]:
    """Return the views that keep a user for events alone from inserting, which has no right to read them."""
    if not settings.clickhouse_ingest_url:
        return []
    nodes = [node for node in await nodes_of(store) if isinstance(node, ClientStore)]
    return sorted({view for node in nodes for view in await find_bound_writers(node)})


async def users_without_password(settings: Settings) -> list[str]:
    """Return which of the shipped users anybody can sign in as."""
    if not settings.clickhouse_url:
        return []
    address = msgspec.structs.replace(read_server_address(settings.clickhouse_url), password="")
    return [
        user for user in SHIPPED_USERS if await _gets_in(msgspec.structs.replace(address, user=user), settings)
    ]  # fmt: skip


async def _gets_in(address: ServerAddress, settings: Settings) -> bool:
    store = open_store_at(address, settings)
    try:
        await store.execute("SELECT 1")
    except StoreDeniedError as error:
        return error.code_number not in _NOT_LET_IN
    finally:
        await store.close()
    return True


def _work(settings: Settings) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each URL's setting, and what its user does: one without a URL of its own is done by the first."""
    if not settings.clickhouse_url:
        return
    dbt = _DBT + (() if settings.clickhouse_cluster else _DBT_ON_ONE_SERVER)
    narrow = {"clickhouse_ingest_url": _INGEST, "clickhouse_dbt_url": dbt}
    own = {name: needed for name, needed in narrow.items() if getattr(settings, name)}
    api = _API + (_API_ON_CLUSTER if settings.clickhouse_cluster else ())
    yield "clickhouse_url", api + tuple(right for name in narrow.keys() - own.keys() for right in narrow[name])
    yield from own.items()
