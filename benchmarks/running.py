"""Sessions under way: what they told before, what they tell now, and whether their rows are right in the end.

`python -m benchmarks.running begin FOLDER SESSIONS | insert FOLDER SESSIONS RATE BEGUN_MS TOLD SECONDS | check FOLDER
PARTS`, with the service stopped; one JSON line each.
"""

import asyncio
import sys
import time
from uuid import UUID, uuid4

import msgspec

from benchmarks.sql import statement
from playhead.events import EVENT_COLUMNS, EventRow, EventType
from playhead.rollup.refresh import Refresher, read_refresh_state, refresh_sessions
from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.embedded import open_embedded_store
from playhead.store.migrate import migrate

LONGEST_MS = 3 * 3_600_000
SPACING_MS = 30_000
"""Of the events told before the measurement."""

EVENTS_EACH = 15
"""Events of a request: what a player tells at once."""

BLOCKS_PER_SECOND = 10
FIRST_LIVE_SEQ = 1_000_000


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """So many sessions that tell `rate` events a second together, EVENTS_EACH at once, one session after the other."""

    sessions: int
    rate: float
    begun_ms: int
    """Until when they have told their events already."""

    live_ms: int
    """From when they tell more."""

    told: int = 0
    """How many batches they told in a measurement before, which this one goes on from."""

    def batches(self, seconds: float) -> range:
        """Return the batches that they tell in so many seconds."""
        return range(self.told, self.told + int(self.rate / EVENTS_EACH * seconds))

    def due_ms(self, batch: int) -> float:
        """When the batch is sent."""
        return self.live_ms + 1000 * (batch - self.told) * EVENTS_EACH / self.rate

    def session(self, batch: int) -> tuple[str, str, str]:
        """Return the stream, session and client that the batch is of."""
        number = batch % self.sessions
        began_ms = self.begun_ms - number * 7919 % LONGEST_MS
        session_id = UUID(int=(began_ms << 16 | 0x7000) << 64 | 1 << 63 | number)
        return f"live-{number % 1000}", str(session_id), f"client-{number}"

    def events(self, batch: int) -> list[tuple[str, int, int]]:
        """Return (type, ts, seq) of the batch's events, which happened since the session's last batch."""
        turn, until_ms = batch // self.sessions, int(self.due_ms(batch))
        spacing_ms = int(min(1000 * self.sessions / self.rate, (until_ms - self.begun_ms) / EVENTS_EACH))
        return [
            (
                {4: "rebuffer_start", 5: "rebuffer_end", 9: "quality_change"}.get(number, "heartbeat"),
                until_ms - (EVENTS_EACH - 1 - number) * spacing_ms,
                FIRST_LIVE_SEQ + turn * EVENTS_EACH + number,
            )
            for number in range(EVENTS_EACH)
        ]


class Begun(msgspec.Struct, frozen=True):
    """The instant up to which the sessions have told their events, how many, and the seconds that this took."""

    begun_ms: int
    events: int
    sessions: int
    insert_s: float
    refresh_s: float


class Inserted(msgspec.Struct, frozen=True):
    """What was inserted straight into the store, and the series of freshness_s, one a second."""

    events: int
    elapsed_s: float
    insert_ms: list[float]
    freshness_s: list[float]


class Checked(msgspec.Struct, frozen=True):
    """How many sessions were folded whole, and how many came out other than their rows; all events stored."""

    sessions: int
    different: int
    events: int = 0


class _Count(msgspec.Struct, frozen=True):
    events: int
    sessions: int = 0


async def begin(store: Store, settings: Settings, sessions: int) -> Begun:
    """Store what the sessions have told so far, and fold it."""
    await migrate(store)
    begun_ms = time.time_ns() // 1_000_000
    parameters = {"sessions": sessions, "now_ms": begun_ms, "spacing_ms": SPACING_MS, "longest_ms": LONGEST_MS}
    began = time.perf_counter()
    await store.execute(statement("begin_sessions"), parameters)
    inserted = time.perf_counter()
    while await refresh_sessions(store, settings):
        pass
    refreshed = time.perf_counter()
    [count] = await store.fetch("SELECT sum(events) AS events, count() AS sessions FROM sessions FINAL", _Count)
    return Begun(begun_ms, count.events, count.sessions, inserted - began, refreshed - inserted)


async def insert(store: Store, settings: Settings, audience: Audience, seconds: float) -> Inserted:
    """Insert what the audience tells, block after block as it is due, while the sessions are refreshed."""
    refresher = Refresher(store, settings)
    refresher.start()
    insert_ms: list[float] = []
    sampler = asyncio.create_task(_sample(store, seconds))
    batches = audience.batches(seconds)
    per_block = max(int(audience.rate / EVENTS_EACH / BLOCKS_PER_SECOND), 1)
    began = time.perf_counter()
    for first in batches[::per_block]:
        await asyncio.sleep(max(audience.due_ms(first + per_block) / 1000 - time.time(), 0))
        rows = [row for batch in range(first, first + per_block) for row in _rows(audience, batch)]
        lines = msgspec.json.Encoder().encode_lines(rows)
        before = time.perf_counter()
        await store.insert("playback_events", EVENT_COLUMNS, lines)
        insert_ms.append((time.perf_counter() - before) * 1000)
    elapsed_s = time.perf_counter() - began
    freshness_s = await sampler
    await refresher.stop()
    return Inserted(len(insert_ms) * per_block * EVENTS_EACH, elapsed_s, insert_ms, freshness_s)


def _rows(audience: Audience, batch: int) -> list[EventRow]:
    stream_id, session_id, client_id = audience.session(batch)
    received_ms = time.time_ns() // 1_000_000
    return [
        EventRow(
            stream_id=stream_id, session_id=session_id, client_id=client_id, ts=ts, seq=seq,
            type=int(EventType[name]), received_ms=received_ms, sent_offset_ms=120, country="SE", device="desktop",
        )
        for name, ts, seq in audience.events(batch)
    ]  # fmt: skip


async def _sample(store: Store, seconds: float) -> list[float]:
    series = []
    for _ in range(int(seconds)):
        await asyncio.sleep(1)
        state = await read_refresh_state(store)
        series.append(state.freshness_s or 0)
    return series


async def check(store: Store, settings: Settings, parts: int) -> Checked:
    """Refresh, then fold one of `parts` of the sessions whole, and compare them with their rows in every column."""
    while await refresh_sessions(store, settings):
        pass
    batch = {"batch_id": str(uuid4())}
    await store.execute(statement("scope_sample"), batch | {"part": 0, "parts": parts})
    [checked] = await store.fetch(statement("compare_with_refold"), Checked, batch)
    [count] = await store.fetch("SELECT sum(events) AS events FROM sessions FINAL", _Count)
    return msgspec.structs.replace(checked, events=count.events)


async def _main(command: str, folder: str, *numbers: str) -> bytes:
    settings = Settings(data_dir=folder, query_timeout_s=600)
    store = open_embedded_store(settings)
    try:
        match command:
            case "begin":
                return msgspec.json.encode(await begin(store, settings, int(numbers[0])))
            case "check":
                return msgspec.json.encode(await check(store, settings, int(numbers[0])))
            case _:
                sessions, rate, begun_ms, told, seconds = (int(float(number)) for number in numbers)
                live_ms = time.time_ns() // 1_000_000
                audience = Audience(sessions=sessions, rate=rate, begun_ms=begun_ms, live_ms=live_ms, told=told)
                return msgspec.json.encode(await insert(store, settings, audience, seconds))
    finally:
        await store.close()


if __name__ == "__main__":
    print(asyncio.run(_main(*sys.argv[1:])).decode())
