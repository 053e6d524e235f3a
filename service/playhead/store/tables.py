"""What settings decide about the tables: how long rows are kept, and whether an insert waits for the disk."""

import msgspec

from playhead.settings import Settings
from playhead.store.contract import Store

KEPT_BY = {
    "playback_events": "event_day",
    "session_index": "touched_week",
    "sessions": "last_week",
    "stream_daily": "day",
    "dimension_daily": "day",
    "dimension_hourly": "day",
    "viewers_daily": "day",
}
"""Tables that PLAYHEAD_RETENTION_DAYS is about, and the column that says how old a row is."""

SYNCED = ("playback_events", "session_index", "client_sessions")
"""Tables that an insert of events writes to."""

_READ_ENGINE = "SELECT engine_full FROM system.tables WHERE database = {database:String} AND name = {table:String}"


class _Engine(msgspec.Struct, frozen=True):
    engine_full: str


async def fit_tables(store: Store, settings: Settings) -> None:
    """Change the tables where they differ from the settings; parts written before are left as they are.

    A shorter retention drops old parts with the next merges. Raises StoreError when the database refuses.
    """
    for table, column in KEPT_BY.items():
        ttl = f"{column} + toIntervalDay({settings.retention_days})"
        engine = await _read_engine(store, table)
        if f"TTL {ttl}" not in engine:
            # Parts of a table that had none know no age: without it they would be kept for ever.
            is_first = int(" TTL " not in engine)
            await store.execute(
                f"ALTER TABLE {table} MODIFY TTL {ttl} SETTINGS materialize_ttl_after_modify = {is_first}"
            )
    for table in SYNCED:
        is_synced = "fsync_after_insert = 1" in await _read_engine(store, table)
        if settings.fsync and not is_synced:
            await store.execute(f"ALTER TABLE {table} MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1")
        elif is_synced and not settings.fsync:
            await store.execute(f"ALTER TABLE {table} RESET SETTING fsync_after_insert, fsync_part_directory")


async def _read_engine(store: Store, table: str) -> str:
    [engine] = await store.fetch(_READ_ENGINE, _Engine, {"database": store.database, "table": table})
    return engine.engine_full
