"""What a data folder takes on disk, by table and by column. `python -m benchmarks.sizes FOLDER`; one JSON line.

Every partition is first merged into one part, as the engine itself does in time: copies and older versions go,
and so does what an hour or a job makes go.
"""

import asyncio
import sys

import msgspec

from benchmarks.sql import statement
from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.embedded import open_embedded_store
from playhead.store.tables import forget_first_clients


class TableSize(msgspec.Struct, frozen=True):
    """What one table takes on disk, indexes and marks included."""

    name: str
    rows: int
    bytes: int
    parts: int


class ColumnSize(msgspec.Struct, frozen=True):
    """What one column of a table takes on disk; those of small parts are stored together and are missing."""

    table_name: str
    name: str
    bytes: int
    uncompressed_bytes: int


class Sizes(msgspec.Struct, frozen=True):
    """All tables and columns, the largest first, of `events` distinct events in `sessions`."""

    events: int
    sessions: int
    tables: list[TableSize]
    columns: list[ColumnSize]

    @property
    def bytes_per_event(self) -> float:
        """Everything over all events."""
        return sum(table.bytes for table in self.tables) / self.events


class _Count(msgspec.Struct, frozen=True):
    events: int
    sessions: int


class _Partition(msgspec.Struct, frozen=True):
    table_name: str
    partition_id: str


_COUNT = "SELECT count() AS events, uniqExact(stream_id, session_id) AS sessions FROM playback_events"


async def merge_parts(store: Store) -> None:
    """Merge every partition that has several parts into one."""
    for partition in await store.fetch(statement("unmerged_partitions"), _Partition):
        await store.execute(f"OPTIMIZE TABLE {partition.table_name} PARTITION ID '{partition.partition_id}' FINAL")


async def measure_sizes(store: Store) -> Sizes:
    """Merge what can be merged, let go what is past its time, and return what is left."""
    await merge_parts(store)
    await store.execute("OPTIMIZE TABLE client_sessions FINAL")
    await forget_first_clients(store, Settings())
    [count] = await store.fetch(_COUNT, _Count)
    return Sizes(
        events=count.events,
        sessions=count.sessions,
        tables=await store.fetch(statement("bytes_by_table"), TableSize),
        columns=await store.fetch(statement("bytes_by_column"), ColumnSize),
    )


async def _main(folder: str) -> bytes:
    store = open_embedded_store(Settings(data_dir=folder, query_timeout_s=3600))
    try:
        # Lists of sessions that were refolded live for an hour: those of a rebuild are no part of what is kept.
        await store.execute("TRUNCATE TABLE refold_scope")
        return msgspec.json.encode(await measure_sizes(store))
    finally:
        await store.close()


if __name__ == "__main__":
    print(asyncio.run(_main(sys.argv[1])).decode())
