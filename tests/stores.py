"""The store under test on both engines: every test that takes `store` runs on each.

A process can open one embedded engine only, so all tests of a worker share its folder and take a database each.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from playhead.events import BATCH_COLUMNS, EventRow
from playhead.ingest.lines import encode_rows
from playhead.ingest.writer import EVENTS_TABLE
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from playhead.store.cluster import ClusterStore, nodes_of, open_cluster_store, shards_of
from playhead.store.contract import Store
from playhead.store.embedded import open_embedded_store
from playhead.store.prepare import migrate_everywhere
from playhead.store.server import open_server_store
from playhead.store.spread import create_databases
from playhead.store.tables import fit_tables
from tests.servers.clickhouse_http import ask
from tests.servers.cluster import CLUSTER

ENGINES = ("embedded", "server", "cluster")
"""The cluster is for modules with the marker of its name, or with PLAYHEAD_TEST_CLUSTER=all for every one."""
READ_CLOCK = "SELECT toUnixTimestamp64Nano(now64(9)) AS ns"
LISTED_SINCE = """
SELECT count() AS inserts
FROM system.processes
WHERE query_kind = 'Insert' AND toUnixTimestamp64Nano(now64(9)) - toInt64(elapsed * 1e9) >= {since_ns:Int64}
"""
RETENTION_DAYS = 20_000
"""So long that no day a test names is too old, whenever it runs."""


class _Instant(msgspec.Struct, frozen=True):
    ns: int


class _Listed(msgspec.Struct, frozen=True):
    inserts: int


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio, which is what the service runs on."""
    return "asyncio"


@pytest.fixture(scope="session")
def embedded_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give the settings of the one embedded engine of this worker."""
    return Settings(
        data_dir=str(tmp_path_factory.mktemp("data")), query_threads=2, scheduler=False, retention_days=RETENTION_DAYS
    )


@pytest.fixture(scope="module", params=ENGINES)
async def empty_store(
    request: pytest.FixtureRequest, embedded_settings: Settings, anyio_backend: str
) -> AsyncIterator[ClientStore]:
    """Give a store on an empty database, which is the test module's own."""
    database = f"test_{uuid4().hex}"
    if request.param == "embedded":
        store = open_embedded_store(embedded_settings, database)
    elif request.param == "server":
        server = request.getfixturevalue("clickhouse_server")
        ask(server.url(), f"CREATE DATABASE {database}")
        store = open_server_store(msgspec.structs.replace(embedded_settings, clickhouse_url=server.url(database)))
    else:
        cluster = request.getfixturevalue("clickhouse_cluster")
        store = open_cluster_store(
            msgspec.structs.replace(embedded_settings, clickhouse_url=cluster.url(database), clickhouse_cluster=CLUSTER)
        )
        await create_databases(store)
    yield store
    for node in await nodes_of(store):
        await node.execute(f"DROP DATABASE {node.database}")
    if isinstance(store, ClusterStore):
        for whole in await store.nodes():
            await whole.system.execute(f"DROP DATABASE {database}")
    await store.close()


@pytest.fixture(scope="module")
async def store(empty_store: ClientStore, embedded_settings: Settings) -> ClientStore:
    """Give a store with the schema, shared by the tests of the module."""
    await migrate_everywhere(empty_store)
    for node in await nodes_of(empty_store):
        await fit_tables(node, embedded_settings)
    return empty_store


async def insert_events(store: ClientStore, rows: list[EventRow]) -> None:
    """Insert rows as one batch, past the ingest path.

    A server may list an insert as under way when it has answered already, and a refresh would then leave what it
    brought to its next round; so that is waited for.
    """
    shards = await shards_of(store)
    clocks = [(await type(shard).fetch(shard, READ_CLOCK, _Instant))[0] for shard in shards]
    await store.insert(EVENTS_TABLE, BATCH_COLUMNS, encode_rows(rows))
    for shard, began in zip(shards, clocks, strict=True):
        while await _is_any_listed(shard, began.ns):
            pass


async def _is_any_listed(store: Store, since_ns: int) -> bool:
    """Tell whether an insert that began then or later is listed; not by what a test has put in the place of `fetch`."""
    [listed] = await type(store).fetch(store, LISTED_SINCE, _Listed, {"since_ns": since_ns})
    return listed.inserts > 0


def repository() -> Path:
    """Return the folder of the repository."""
    return Path(__file__).parents[1]
