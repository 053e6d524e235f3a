"""A cluster of ClickHouse servers, sharded by session (docs/decisions/0008-two-databases-on-every-node.md).

Every node has two databases. `<database>_local` holds tables and views under their usual names, made by the very
migrations that a single server gets: a shard's sessions lie whole in it, so that what is done session by session is
done there. `<database>` holds a Distributed table for each of them, and the views once more, over those: what is asked
there is answered by all shards.
"""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from playhead.errors import MigrationError, StoreDeniedError, StoreError
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from playhead.store.contract import Parameters, Row, Store
from playhead.store.on_cluster import on_cluster
from playhead.store.server import ServerAddress, connections_to, open_store_at, read_server_address

LOCAL_SUFFIX = "_local"

_READ_NODES = """
SELECT shard_num AS shard, replica_num AS replica, host_name AS host
FROM system.clusters WHERE cluster = {cluster:String} ORDER BY shard, replica
"""
_COUNT_KEEPERS = "SELECT count() AS n FROM system.tables WHERE database = 'system' AND name = 'zookeeper'"
_COUNT_DATABASES = "SELECT count() AS n FROM system.databases WHERE name IN {names:Array(String)}"


class _Place(msgspec.Struct, frozen=True):
    shard: int
    replica: int
    host: str


class _Count(msgspec.Struct, frozen=True):
    n: int


class Node:
    """One server of the cluster: its two databases, and the one of ClickHouse itself."""

    def __init__(self, place: _Place, address: ServerAddress, settings: Settings) -> None:
        def open_database(name: str) -> ClientStore:
            return open_store_at(msgspec.structs.replace(address, host=place.host, database=name), settings)

        self.shard = place.shard
        self.host = place.host
        self.local = open_database(address.database + LOCAL_SUFFIX)
        self.whole = open_database(address.database)
        self.system = open_database("system")

    async def has_databases(self) -> bool:
        """Return whether both databases are there."""
        names = [self.local.database, self.whole.database]
        [found] = await self.system.fetch(_COUNT_DATABASES, _Count, {"names": names})
        return found.n == len(names)

    async def is_up(self) -> bool:
        """Return whether it answers."""
        try:
            await self.system.fetch("SELECT 1 AS n", _Count)
        except StoreDeniedError:
            return True
        except StoreError:
            return False
        return True

    async def close(self, within_s: float | None = None, /) -> bool:
        """Wait for running calls and let the connections go; return whether they ended in time."""
        return await _close_all((self.local, self.whole, self.system), within_s)


class ClusterStore(ClientStore):
    """The Store over all shards of `settings.clickhouse_cluster`, through the node of the URL.

    Its `execute` is for statements about rows: what changes tables is done on the nodes. An insert that raises may have
    reached some of its shards.
    """

    def __init__(self, address: ServerAddress, settings: Settings) -> None:
        super().__init__(address.database, **connections_to(address, settings))
        self.name = settings.clickhouse_cluster
        self._address = address
        self._settings = settings
        self._system = open_store_at(msgspec.structs.replace(address, database="system"), settings)
        self._nodes: list[Node] = []
        self._finding = asyncio.Lock()

    async def nodes(self) -> list[Node]:
        """Return every node, by shard and replica; raises MigrationError where the server knows no such cluster."""
        async with self._finding:
            if not self._nodes:
                places = await self._system.fetch(_READ_NODES, _Place, {"cluster": self.name})
                if not places:
                    raise MigrationError(f"the server knows no cluster {self.name}: see <remote_servers>")
                self._nodes = [Node(place, self._address, self._settings) for place in places]
            return self._nodes

    async def shards(self) -> list[Store]:
        """Return the local database of each shard, of the first of its replicas that is up."""
        nodes = await self.nodes()
        return [await _first_up(node for node in nodes if node.shard == shard) for shard in _shards_of(nodes)]

    async def schema_targets(self) -> list[Store]:
        """Return where migrations are applied: every node's local database, or with a Keeper the first one for all."""
        nodes = await self.nodes()
        if await self.has_keeper():
            return [OnCluster(nodes[0].local, self.name)]
        return [node.local for node in nodes]

    async def has_keeper(self) -> bool:
        """Return whether the servers have a Keeper, so that tables can be replicated."""
        [found] = await self._system.fetch(_COUNT_KEEPERS, _Count)
        return found.n > 0

    async def close(self, within_s: float | None = None, /) -> bool:
        """Wait for running calls and let the connections go; return whether they ended in time."""
        has_ended = await super().close(within_s)
        return await _close_all((self._system, *self._nodes), within_s) and has_ended


async def _close_all(stores: Iterable[Store | Node], within_s: float | None) -> bool:
    return all(await asyncio.gather(*(store.close(within_s) for store in stores)))


class OnCluster:
    """The local database of one node, whose tables and views are changed on all nodes at once, and replicated."""

    def __init__(self, store: Store, cluster: str) -> None:
        self.database = store.database
        self._store = store
        self._cluster = cluster

    async def fetch(self, sql: str, row_type: type[Row], parameters: Parameters | None = None) -> list[Row]:
        """Return the rows of a SELECT on the node."""
        return await self._store.fetch(sql, row_type, parameters)

    async def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement, on all nodes where it is about a table or view itself."""
        await self._store.execute(on_cluster(sql, self._cluster), parameters)

    async def insert(self, table: str, columns: Sequence[str], lines: bytes) -> None:
        """Insert rows on the node."""
        await self._store.insert(table, columns, lines)

    async def close(self, _: float | None = None, /) -> bool:
        """It is the node's store that is closed."""
        return True


def open_cluster_store(settings: Settings) -> ClusterStore:
    """Open a store on the cluster `settings.clickhouse_cluster` through the node of `settings.clickhouse_url`."""
    return ClusterStore(read_server_address(settings.clickhouse_url), settings)


async def shards_of(store: Store) -> Sequence[Store]:
    """Return the databases that hold whole sessions each: the store itself, or those of a cluster's shards."""
    return await store.shards() if isinstance(store, ClusterStore) else (store,)


async def nodes_of(store: Store) -> Sequence[Store]:
    """Return the databases that have tables of their own: the store itself, or those of a cluster's nodes."""
    return [node.local for node in await store.nodes()] if isinstance(store, ClusterStore) else (store,)


def _shards_of(nodes: Iterable[Node]) -> list[int]:
    return sorted({node.shard for node in nodes})


async def _first_up(replicas: Iterable[Node]) -> Store:
    nodes = list(replicas)
    if len(nodes) > 1:
        for node in nodes:
            if await node.is_up():
                return node.local
    return nodes[0].local
