"""The schema as the database tells it, for the golden file clickhouse/schema.sql."""

import re

import msgspec

from playhead.store.contract import Store

_READ_TABLES = """
SELECT name, formatQuery(create_table_query) AS statement FROM system.tables
WHERE database = {database:String} AND name NOT IN ('schema_migrations', 'migration_lock')
ORDER BY name
"""


class _Table(msgspec.Struct, frozen=True):
    name: str
    statement: str


async def dump_schema(store: Store) -> str:
    """Return the statements of all tables and views by name, without the database's name, the same on every engine."""
    tables = await store.fetch(_READ_TABLES, _Table, {"database": store.database})
    return "\n\n".join(_normalize(table.statement, store.database) + ";" for table in tables) + "\n"


def _normalize(statement: str, database: str) -> str:
    without_database = re.sub(rf"`?{re.escape(database)}`?\.", "", statement)
    without_default = re.sub(r"\bindex_granularity = 8192(, |(?=\n|$))", "", without_database)
    return re.sub(r"(, |\nSETTINGS )(?=\n|$)", "", without_default)
