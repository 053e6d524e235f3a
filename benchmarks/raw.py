"""The same questions asked of the raw events, each by one plain statement: what the marts and sessions save.

`python -m benchmarks.raw FOLDER MIDNIGHT_MS`, with the service stopped; one JSON line.
"""

import asyncio
import sys
import time

import msgspec

from benchmarks.history import DAY_MS
from benchmarks.questions import COUNTRIES, RANGES
from benchmarks.sql import statement
from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.embedded import open_embedded_store

QUESTIONS = {
    "summary": "raw_summary",
    "timeseries by day": "raw_timeseries",
    "concurrency by hour": "raw_concurrency",
    "streams": "raw_streams",
}


class RawTime(msgspec.Struct, frozen=True):
    """How long one question of `kind` took over the last `days`, once."""

    kind: str
    days: int
    elapsed_ms: float


async def ask_raw(store: Store, midnight_ms: int) -> list[RawTime]:
    """Ask every question over each range that ends at `midnight_ms`; the first, which warms the files, is repeated."""
    await _ask(store, "summary", midnight_ms, RANGES[0], "")
    times = [
        RawTime(kind, days, await _ask(store, kind, midnight_ms, days, "")) for kind in QUESTIONS for days in RANGES
    ]
    of_country = [
        RawTime("summary, one country", days, await _ask(store, "summary", midnight_ms, days, COUNTRIES[0]))
        for days in RANGES
    ]
    return times + of_country


async def _ask(store: Store, kind: str, to_ms: int, days: int, country: str) -> float:
    question = f"{statement('raw_sessions')}\n{statement(QUESTIONS[kind])}\nFORMAT Null"
    began = time.perf_counter()
    await store.execute(question, {"from_ms": to_ms - days * DAY_MS, "to_ms": to_ms, "country": country})
    return (time.perf_counter() - began) * 1000


async def _main(folder: str, midnight_ms: int) -> bytes:
    store = open_embedded_store(Settings(data_dir=folder, query_timeout_s=3600, query_max_memory_bytes=12 * 1024**3))
    try:
        return msgspec.json.encode(await ask_raw(store, midnight_ms))
    finally:
        await store.close()


if __name__ == "__main__":
    print(asyncio.run(_main(sys.argv[1], int(sys.argv[2]))).decode())
