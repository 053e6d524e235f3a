"""Lets the views that pass rows on do so for whoever inserts, who then needs no right to read what is inserted.

The embedded engine knows one user, who may do everything but this.
"""

import msgspec

from playhead.store.clients import ClientStore

_FREE = "SQL SECURITY NONE"
_RIGHT = "ALLOW SQL SECURITY NONE ON *.*"
_READ_BOUND = """
SELECT name FROM system.tables
WHERE database = {database:String} AND engine = 'MaterializedView' AND position(create_table_query, {free:String}) = 0
ORDER BY name
"""


class _View(msgspec.Struct, frozen=True):
    name: str


async def free_writers(store: ClientStore) -> None:
    """Free the views that are bound to the rights of who inserts, where the database's user may."""
    bound = await find_bound_writers(store)
    if bound and await store.may(_RIGHT):
        for name in bound:
            await store.execute(f"ALTER TABLE {name} MODIFY {_FREE}")


async def find_bound_writers(store: ClientStore) -> list[str]:
    """Return the views for which who inserts must be allowed to read."""
    asked = {"database": store.database, "free": _FREE}
    return [view.name for view in await store.fetch(_READ_BOUND, _View, asked)]
