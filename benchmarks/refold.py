"""How long the sessions take to be fresh again after 10 000 of them got one more event.

`python -m benchmarks.refold FOLDER SESSIONS`, with the service stopped; one JSON line.
"""

import asyncio
import sys
import time

import msgspec

from benchmarks.sql import statement
from playhead.rollup.refresh import refresh_sessions
from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.embedded import open_embedded_store

ROUNDS = 7


class Refold(msgspec.Struct, frozen=True):
    """Sessions touched and refolded in each round, their events, and the seconds of each round."""

    sessions: int
    events: int
    elapsed_s: list[float]

    @property
    def median_s(self) -> float:
        """The middle one, which neither a cold file nor a merge under way decides."""
        return sorted(self.elapsed_s)[len(self.elapsed_s) // 2]


class _Last(msgspec.Struct, frozen=True):
    sessions: int
    events: int


_LAST = """
SELECT count() AS sessions, sum(s.events) AS events FROM (
    SELECT events FROM sessions FINAL ORDER BY started_at DESC LIMIT {sessions:UInt64}
) AS s
"""


async def measure_refold(store: Store, settings: Settings, sessions: int) -> Refold:
    """Touch the `sessions` that began last (or all, of fewer) and refresh, ROUNDS times; only the refresh is timed."""
    await refresh_sessions(store, settings)
    [count] = await store.fetch(_LAST, _Last, {"sessions": sessions})
    elapsed_s = []
    for _ in range(ROUNDS):
        await store.execute(statement("touch_sessions"), {"sessions": sessions})
        began = time.perf_counter()
        refolded = await refresh_sessions(store, settings)
        elapsed_s.append(time.perf_counter() - began)
        assert refolded == count.sessions, f"{count.sessions} were touched, {refolded} refolded"
    return Refold(count.sessions, count.events, elapsed_s)


async def _main(folder: str, sessions: int) -> bytes:
    settings = Settings(data_dir=folder, query_timeout_s=600)
    store = open_embedded_store(settings)
    try:
        return msgspec.json.encode(await measure_refold(store, settings, sessions))
    finally:
        await store.close()


if __name__ == "__main__":
    print(asyncio.run(_main(sys.argv[1], int(sys.argv[2]))).decode())
