"""The database of a cluster's node that is over all shards: Distributed tables and views, made of what is local."""

import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter

import msgspec

from playhead.errors import MigrationError
from playhead.store.cluster import ClusterStore, Node
from playhead.store.on_cluster import on_cluster

OF_EACH_SHARD = frozenset({"refresh_marks"})
"""Tables in which each shard says how far it is: the whole is as far as the last of them."""

OF_SHARDS = "_of_shards"
"""What the Distributed table over such a table has behind its name; the name alone is the view of the whole."""

_READ_OBJECTS = """
SELECT name, engine, engine_full, as_select FROM system.tables
WHERE database = {database:String} AND name NOT IN ('schema_migrations', 'migration_lock')
    AND engine != 'MaterializedView' AND NOT startsWith(name, '.') AND NOT startsWith(name, '_tmp_')
"""
_READ_COLUMNS = """
SELECT table, groupArray([name, type, default_kind, default_expression]) AS columns
FROM (SELECT * FROM system.columns WHERE database = {database:String} ORDER BY table, position)
GROUP BY table
"""


class _Object(msgspec.Struct, frozen=True):
    name: str
    engine: str
    engine_full: str
    as_select: str


class _Columns(msgspec.Struct, frozen=True):
    """The columns of a table, in order: (name, type, kind of default, default)."""

    table: str
    columns: list[tuple[str, str, str, str]]


class _Database(msgspec.Struct, frozen=True):
    objects: dict[str, _Object]
    columns: dict[str, list[tuple[str, str, str, str]]]


async def spread(store: ClusterStore) -> int:
    """Bring the databases over all shards up to date with the local ones; returns how many statements it took.

    Asks nothing but reading where they are. Raises MigrationError where a table cannot be sharded, StoreError.
    """
    done = 0
    for node in await store.nodes():
        for sql in await missing(store, node):
            await node.system.execute(on_cluster(sql, store.name) if await store.has_keeper() else sql)
            done += 1
    return done


async def create_databases(store: ClusterStore) -> None:
    """Create the two databases on the nodes that lack one."""
    for node in await store.nodes():
        if not await node.has_databases():
            for name in (node.local.database, node.whole.database):
                await node.system.execute(f"CREATE DATABASE IF NOT EXISTS {name}")


async def missing(store: ClusterStore, node: Node) -> list[str]:
    """Return the statements that a node's database over all shards lacks, in the order to run them."""
    local, whole = node.local.database, node.whole.database
    here, there = await _read(node, local), await _read(node, whole)
    tables = {name: found for name, found in here.objects.items() if found.engine != "View"}
    views = {
        name: re.sub(rf"\b{local}\.", f"{whole}.", found.as_select)
        for name, found in here.objects.items()
        if found.engine == "View"
    }
    shards = len({other.shard for other in await store.nodes()})
    for name in OF_EACH_SHARD & tables.keys():
        columns = [column for column, *_ in here.columns[name]]
        views[name] = _last_of_all(f"{whole}.{name}{OF_SHARDS}", columns, shards)
    statements = list(_missing_tables(f"'{store.name}', '{local}'", tables, here, there))
    statements += [
        f"CREATE OR REPLACE VIEW {whole}.{name} AS {views[name]}"
        for name in _in_order(views, whole)
        if name not in there.objects or there.objects[name].as_select != views[name]
    ]
    return [sql.replace("{local}", local).replace("{whole}", whole) for sql in statements]


def sharding_key(name: str, columns: Mapping[str, str]) -> str:
    """Return by what a table is spread: its sessions, or where it has none, nothing: all is on the first shard.

    `columns` are types by name. Raises MigrationError where session_id is not a UUID, which would be another hash.
    """
    kind = columns.get("session_id")
    if kind is None:
        return "0"
    if kind != "UUID":
        raise MigrationError(f"{name}.session_id is {kind}: only as UUID is a session on the same shard everywhere")
    return "cityHash64(session_id)"


def _last_of_all(table: str, columns: list[str], shards: int) -> str:
    """Return the SELECT of how far the last shard is; nothing, where one has not said anything yet."""
    least = ", ".join(f"min(greatest_{name}) AS {name}" for name in columns)
    greatest = ", ".join(f"max({name}) AS greatest_{name}" for name in columns)
    return (
        f"SELECT {least} FROM (SELECT _shard_num, {greatest} FROM {table} GROUP BY _shard_num) "  # noqa: S608 - names of the schema
        f"HAVING count() = {shards}"
    )


def _missing_tables(
    where: str, tables: Mapping[str, _Object], here: _Database, there: _Database
) -> Iterator[str]:  # fmt: skip
    for name in sorted(tables):
        key = sharding_key(name, {column: kind for column, kind, *_ in here.columns[name]})
        engine = f"Distributed({where}, '{name}', {key})"
        spread_name = name + OF_SHARDS * (name in OF_EACH_SHARD)
        known = there.objects.get(spread_name)
        if known is None or known.engine_full != engine or there.columns[spread_name] != here.columns[name]:
            yield f"CREATE OR REPLACE TABLE {{whole}}.{spread_name} AS {{local}}.{name} ENGINE = {engine}"
    for name, found in sorted(there.objects.items()):
        if found.engine == "Distributed" and name.removesuffix(OF_SHARDS) not in tables:
            yield f"DROP TABLE IF EXISTS {{whole}}.{name}"


def _in_order(views: Mapping[str, str], whole: str) -> list[str]:
    """Return the names of views, each after those that it reads."""
    reads = {name: {other for other in views if re.search(rf"\b{whole}\.{other}\b", views[name])} for name in views}
    return list(TopologicalSorter(reads).static_order())


async def _read(node: Node, database: str) -> _Database:
    objects = await node.system.fetch(_READ_OBJECTS, _Object, {"database": database})
    tables = await node.system.fetch(_READ_COLUMNS, _Columns, {"database": database})
    return _Database({found.name: found for found in objects}, {found.table: found.columns for found in tables})
