"""Batches without a session id as they may arrive, and the session each must go to."""

from collections.abc import Sequence
from typing import NamedTuple

from playhead.events import BATCH_COLUMNS, EventRow
from playhead.ingest.lines import encode_rows
from playhead.ingest.sessions import Hold, SessionResolver, make_session_id
from playhead.ingest.writer import EVENTS_TABLE
from playhead.store.contract import Store
from tests.unit.ingest.conftest import NOW

TIMEOUT_S = 1800
MINUTE = 60_000


def row(ts: int, seq: int = 0, stream_id: str = "s", client_id: str = "c", session_id: str = "") -> EventRow:
    """Return a row at `ts`."""
    return EventRow(
        stream_id=stream_id, session_id=session_id, client_id=client_id, ts=ts, seq=seq, type=1, received_ms=NOW,
        sent_offset_ms=None,
    )  # fmt: skip


def session(minute: int, stream_id: str = "s", client_id: str = "c") -> str:
    """Return the session that begins with a batch at `minute`."""
    return make_session_id(NOW + minute * MINUTE, stream_id.encode(), client_id.encode())


class Arrival(NamedTuple):
    """A batch with events at these minutes, its worker, and the session it must go to, by that one's first minute."""

    minutes: Sequence[float]
    goes_to: int
    worker: int = 0
    client_id: str = "c"
    stream_id: str = "s"


ARRIVALS = {
    "in time": [Arrival([0], 0), Arrival([10, 20], 0), Arrival([30], 0)],
    "just in time": [Arrival([0], 0), Arrival([30], 0), Arrival([60], 0)],
    "a millisecond too late": [Arrival([0], 0), Arrival([31], 31)],
    "the smallest ts decides": [Arrival([0], 0), Arrival([31, 29], 0), Arrival([60], 0)],
    "late, before the session": [Arrival([0], 0), Arrival([-30], 0), Arrival([-60], 0)],
    "late, long before the session": [Arrival([0], 0), Arrival([-31], -31), Arrival([1], 0)],
    "out of order": [Arrival([20], 20), Arrival([10], 20), Arrival([0], 20), Arrival([30], 20)],
    "between two sessions the later one": [Arrival([0], 0), Arrival([50], 50), Arrival([25], 50), Arrival([20], 50)],
    "a session inside a longer one": [Arrival([0], 0), Arrival([40], 40), Arrival([9], 0), Arrival([11], 40)],
    "two workers": [Arrival([0], 0, worker=0), Arrival([10], 0, worker=1), Arrival([35], 0, worker=0)],
    "after a restart": [Arrival([0], 0, worker=0), Arrival([10], 0, worker=2), Arrival([20], 0, worker=3)],
    "resent at once": [Arrival([0], 0), Arrival([0], 0)],
    "resent after the next session grew over it": [
        Arrival([0], 0), Arrival([40], 40), Arrival([15], 40), Arrival([0], 0), Arrival([0], 0, worker=1),
    ],
    "resent in part": [Arrival([0, 5, 10], 0), Arrival([50], 50), Arrival([25], 50), Arrival([5], 0), Arrival([10], 0)],
    "resent by way of another worker after a restart": [Arrival([0], 0), Arrival([31], 31), Arrival([0], 0, worker=4)],
    "another client": [
        Arrival([0], 0), Arrival([1], 1, client_id="d"), Arrival([2], 0), Arrival([3], 1, client_id="d"),
    ],
    "another stream": [Arrival([0], 0), Arrival([1], 1, stream_id="t"), Arrival([2], 0)],
}  # fmt: skip


class Worker:
    """A process: a resolver of its own over the shared store."""

    def __init__(self, store: Store) -> None:
        self.resolver = SessionResolver(store, TIMEOUT_S)
        self._store = store

    async def take(self, arrival: Arrival, suffix: str = "") -> str:
        """Assign and store a batch; return its session. `suffix` keeps cases in one database apart."""
        stream_id = arrival.stream_id + suffix
        rows = [row(NOW + round(minute * MINUTE), 0, stream_id, arrival.client_id) for minute in arrival.minutes]
        hold = await self.resolver.assign(stream_id, arrival.client_id, rows)
        await self.store_rows(hold, rows)
        return hold.session_id

    async def store_rows(self, hold: Hold, rows: Sequence[EventRow]) -> None:
        """Store what a hold is for, and release it."""
        for assigned in rows:
            assigned.session_id = hold.session_id
        await self._store.insert(EVENTS_TABLE, BATCH_COLUMNS, encode_rows(rows))
        self.resolver.release(hold)
