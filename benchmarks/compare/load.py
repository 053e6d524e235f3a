"""Makes the events to compare with, and stores them in Playhead as ingest would.

`python -m benchmarks.compare.load FOLDER EVENTS` fills FOLDER, leaves FOLDER/sent.csv, and prints one JSON line.
"""

import asyncio
import itertools
import sys
import time
from pathlib import Path

import msgspec

from benchmarks.compare.sql import statement
from benchmarks.history import Plan, last_midnight_ms, play_templates, register_streams, store_templates
from playhead.events import EVENT_COLUMNS, EventRow
from playhead.rollup.refresh import refresh_sessions
from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.embedded import open_embedded_store
from playhead.store.migrate import migrate

BLOCK_ROWS = 20_000
"""Rows of an insert: what ingest does under load (PLAYHEAD_FLUSH_ROWS)."""

SENT_FILE = "sent.csv"


class Loaded(msgspec.Struct, frozen=True):
    """`sent` events arrived, copies among them; seconds to insert them and until every answer has them."""

    sent: int
    csv_bytes: int
    insert_s: float
    refresh_s: float


class _Count(msgspec.Struct, frozen=True):
    rows: int


async def load_events(store: Store, settings: Settings, folder: Path, plan: Plan) -> Loaded:
    """Make what was sent, write it as CSV, and insert it block by block, as many at once as the service would."""
    await migrate(store)
    await register_streams(store, plan)
    await store_templates(store, plan)
    await store.execute("CREATE TABLE bench_sent AS bench_templates ENGINE = MergeTree ORDER BY tuple()")
    await play_templates(store, plan, "bench_sent", EventRow.__struct_fields__)
    [count] = await store.fetch("SELECT count() AS rows FROM bench_sent", _Count)
    sent, rows = folder / SENT_FILE, folder / "rows.json"
    await store.execute(statement("export_sent"), {"path": str(sent)})
    await store.execute(statement("export_rows"), {"path": str(rows)})
    for table in ("bench_sent", "bench_templates"):
        await store.execute(f"DROP TABLE {table} SYNC")
    began = time.perf_counter()
    await _insert(store, rows, settings.flush_parallel)
    inserted = time.perf_counter()
    await refresh_sessions(store, settings)
    refreshed = time.perf_counter()
    rows.unlink()
    return Loaded(count.rows, sent.stat().st_size, inserted - began, refreshed - inserted)


async def _insert(store: Store, rows: Path, parallel: int) -> None:
    with rows.open("rb") as lines:

        async def insert() -> None:
            while block := b"".join(itertools.islice(lines, BLOCK_ROWS)):
                await store.insert("playback_events", EVENT_COLUMNS, block)

        await asyncio.gather(*(insert() for _ in range(parallel)))


async def _main(folder: Path, events: int) -> bytes:
    settings = Settings(data_dir=str(folder), query_timeout_s=3600, insert_timeout_s=30)
    store = open_embedded_store(settings)
    try:
        plan = Plan(events=events, midnight_ms=last_midnight_ms())
        return msgspec.json.encode(await load_events(store, settings, folder, plan))
    finally:
        await store.close()


if __name__ == "__main__":
    print(asyncio.run(_main(Path(sys.argv[1]).resolve(), int(sys.argv[2]))).decode())
