"""What settings decide about the tables: how long they keep what, and whether an insert waits for the disk."""

from datetime import date

import msgspec

from playhead.settings import Settings
from playhead.store.contract import Store

KEPT_BY = {
    "playback_events": "event_day",
    "session_index": "touched_week",
    "sessions": "last_week",
    "stream_daily": "day",
    "stream_dimension_daily": "day",
    "dimension_daily": "day",
    "dimension_hourly": "day",
    "viewers_daily": "day",
}
"""Tables that PLAYHEAD_RETENTION_DAYS is about, and the column that says how old a row is."""

LINKED_DAYS = 8
"""Days beyond PLAYHEAD_MAX_EVENT_AGE_DAYS that a session's clients are remembered after its last event came.

A batch without a session_id goes on with a session of its client, and when the batch may still come in, so did the
session's events: later than this nothing can be asked of them.
"""

SYNCED = ("playback_events", "session_index", "client_sessions")
"""Tables that an insert of events writes to."""

_READ_ENGINE = "SELECT engine_full FROM system.tables WHERE database = {database:String} AND name = {table:String}"


_READ_OLD_WEEKS = """
SELECT DISTINCT partition AS week
FROM system.parts_columns
WHERE database = {database:String} AND table = 'session_index' AND active AND column = 'first_client'
    AND toDateOrZero(partition) + 7 + {days:UInt16} < toDate(now('UTC'))
ORDER BY week
"""


class _Week(msgspec.Struct, frozen=True):
    week: date


class _Engine(msgspec.Struct, frozen=True):
    engine_full: str


async def fit_tables(store: Store, settings: Settings) -> None:
    """Change the tables where they differ from the settings; parts written before are left as they are.

    A shorter retention drops old parts with the next merges. Raises StoreError when the database refuses.
    """
    for table, ttl in ages(settings).items():
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


def ages(settings: Settings) -> dict[str, str]:
    """Return the TTL of each table that is to forget by the settings."""
    kept = {table: f"{column} + toIntervalDay({settings.retention_days})" for table, column in KEPT_BY.items()}
    return kept | {"client_sessions": f"toDateTime(last_touched_at) + toIntervalDay({_linked_days(settings)})"}


async def forget_first_clients(store: Store, settings: Settings) -> int:
    """Take from session_index, of the weeks whose sessions nobody will go on with, whose they were; return how many.

    client_sessions forgets the same by its TTL. The rest of a week's index is needed as long as its events.
    """
    weeks = await store.fetch(_READ_OLD_WEEKS, _Week, {"database": store.database, "days": _linked_days(settings)})
    for old in weeks:
        await store.execute(
            f"ALTER TABLE session_index CLEAR COLUMN first_client IN PARTITION '{old.week}' SETTINGS mutations_sync = 1"
        )
    return len(weeks)


def _linked_days(settings: Settings) -> int:
    return settings.max_event_age_days + LINKED_DAYS


async def _read_engine(store: Store, table: str) -> str:
    [engine] = await store.fetch(_READ_ENGINE, _Engine, {"database": store.database, "table": table})
    return engine.engine_full
