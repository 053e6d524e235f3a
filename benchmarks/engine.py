"""The engine alone, in a process of its own: its insert rate of the same rows, and what a folder holds.

`python -m benchmarks.engine rate FOLDER SECONDS THREADS BLOCK_ROWS batches|rows` | `count FOLDER`; one JSON line each.
"""

import asyncio
import sys
import time
from collections.abc import Sequence

import msgspec

from benchmarks.bodies import Encode, make_bodies, make_cuts, make_row_block
from playhead.events import BATCH_COLUMNS, EVENT_COLUMNS
from playhead.ingest.lines import encode_rows
from playhead.ingest.writer import EVENTS_TABLE
from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.embedded import open_embedded_store
from playhead.store.migrate import migrate

BLOCKS_PER_PASS = 12

_COUNT = """
SELECT uniqExact(stream_id, session_id, ts, seq, type) AS events, uniqExact(stream_id, session_id) AS sessions
FROM playback_events
"""


class EngineRate(msgspec.Struct, frozen=True):
    """Rows stored in `elapsed_s`, views included."""

    rows: int
    elapsed_s: float
    threads: int
    block_rows: int
    row_bytes: int
    layout: str = "batches"

    @property
    def rows_per_second(self) -> float:
        """The rate everything else is compared with."""
        return self.rows / self.elapsed_s


class Stored(msgspec.Struct, frozen=True):
    """Distinct events and sessions in the database."""

    events: int
    sessions: int


LAYOUTS: dict[str, tuple[str, Sequence[str], Encode]] = {
    "batches": (EVENTS_TABLE, BATCH_COLUMNS, encode_rows),
    "rows": ("playback_events", EVENT_COLUMNS, msgspec.json.Encoder().encode_lines),
}
"""How the same rows can be inserted: a line a batch, as ingest does, or a line a row, as it did before."""


async def measure_rate(
    store: Store, seconds: float, threads: int, block_rows: int, layout: str = "batches"
) -> EngineRate:
    """Insert unique rows in blocks, `threads` at once, for about `seconds`; making the blocks is not timed."""
    await migrate(store)
    received_ms = time.time_ns() // 1_000_000
    bodies = make_bodies(make_cuts(received_ms, 25))
    rows, elapsed_s, first, row_bytes = 0, 0.0, 0, 0
    while elapsed_s < seconds:
        blocks = [
            make_row_block(bodies, received_ms, block_rows, number, LAYOUTS[layout][2])
            for number in range(first, first + BLOCKS_PER_PASS)
        ]
        first += BLOCKS_PER_PASS
        began = time.perf_counter()
        await _insert_all(store, blocks, threads, layout)
        elapsed_s += time.perf_counter() - began
        rows += block_rows * len(blocks)
        row_bytes = sum(map(len, blocks)) // (block_rows * len(blocks))
    [stored] = await store.fetch(_COUNT, Stored)
    assert stored.events == rows, f"{rows} rows went in, {stored.events} are there"
    return EngineRate(rows, elapsed_s, threads, block_rows, row_bytes, layout)


async def _insert_all(store: Store, blocks: Sequence[bytes], threads: int, layout: str) -> None:
    table, columns, _ = LAYOUTS[layout]
    left = iter(blocks)

    async def insert() -> None:
        for block in left:
            await store.insert(table, columns, block)

    await asyncio.gather(*(insert() for _ in range(threads)))


async def _main(command: str, folder: str, arguments: Sequence[str]) -> bytes:
    threads = int(arguments[1]) if command == "rate" else 1
    store = open_embedded_store(Settings(data_dir=folder, flush_parallel=threads))
    try:
        if command == "rate":
            seconds, block_rows, layout = float(arguments[0]), int(arguments[2]), arguments[3]
            return msgspec.json.encode(await measure_rate(store, seconds, threads, block_rows, layout))
        [stored] = await store.fetch(_COUNT, Stored)
        return msgspec.json.encode(stored)
    finally:
        await store.close()


if __name__ == "__main__":
    print(asyncio.run(_main(sys.argv[1], sys.argv[2], sys.argv[3:])).decode())
