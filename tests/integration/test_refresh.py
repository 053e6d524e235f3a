"""The refresh: what is stored before a round is in the sessions after it, whoever else runs one."""

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from playhead.events import EventRow, EventType
from playhead.rollup.refresh import read_refresh_state, refresh_sessions
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.stores import insert_events

pytestmark = pytest.mark.anyio

SETTINGS = Settings()
NOW = int(time.time() * 1000)


class SessionRow(msgspec.Struct, frozen=True):
    """What the tests look at of a session."""

    events: int
    is_truncated: bool


class Number(msgspec.Struct, frozen=True):
    """One row of one number."""

    n: int


def heartbeat(session_id: str, seq: int, ts: int = NOW) -> EventRow:
    """Return an event that only lets a session live on."""
    return EventRow(
        stream_id="s", session_id=session_id, client_id="c", ts=ts, seq=seq, type=int(EventType.heartbeat),
        received_ms=NOW, sent_offset_ms=None,
    )  # fmt: skip


async def read_session(store: ClientStore, session_id: str) -> list[SessionRow]:
    """Return the newest row of a session."""
    sql = "SELECT events, is_truncated FROM sessions FINAL WHERE session_id = {session_id:UUID}"
    return await store.fetch(sql, SessionRow, {"session_id": session_id})


async def test_each_round_brings_what_was_stored_before_it(store: ClientStore) -> None:
    """Events added to a session, early or late, are in its row after the next round; nothing new is no work."""
    session_id = str(uuid4())
    await insert_events(store, [heartbeat(session_id, 5)])
    assert await refresh_sessions(store, SETTINGS) == 1
    await insert_events(store, [heartbeat(session_id, 6), heartbeat(session_id, 4, NOW - 5 * 86_400_000)])
    assert await refresh_sessions(store, SETTINGS) == 1
    assert await read_session(store, session_id) == [SessionRow(3, is_truncated=False)]
    assert await refresh_sessions(store, SETTINGS) == 0


async def test_two_refreshers_at_once(store: ClientStore) -> None:
    """Double work changes nothing."""
    sessions = [str(uuid4()) for _ in range(50)]
    await insert_events(store, [heartbeat(session_id, 1) for session_id in sessions])
    await asyncio.gather(*(refresh_sessions(store, SETTINGS) for _ in range(3)))
    for session_id in sessions[:3]:
        assert await read_session(store, session_id) == [SessionRow(1, is_truncated=False)]
    assert await refresh_sessions(store, SETTINGS) == 0


async def test_many_sessions_are_taken_in_bounded_batches(store: ClientStore) -> None:
    """A round goes on until nothing is stale, however small its batches; one long session is a batch by itself."""
    sessions = [str(uuid4()) for _ in range(30)]
    await insert_events(store, [heartbeat(session_id, seq) for session_id in sessions for seq in range(40)])
    await insert_events(store, [heartbeat(sessions[0], seq) for seq in range(40, 2000)])
    small = msgspec.structs.replace(SETTINGS, refold_rows=1000)
    assert await refresh_sessions(store, small) == 30
    assert await read_session(store, sessions[0]) == [SessionRow(2000, is_truncated=False)]


class BusyStore:
    """A store in which something new is stored after every statement: traffic that never rests."""

    def __init__(self, store: ClientStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def execute(self, sql: str, parameters: Any = None) -> None:
        """Run the statement, then store an event of a new session and one of a known session."""
        await self._store.execute(sql, parameters)
        await insert_events(self._store, [heartbeat(str(uuid4()), 1), heartbeat(str(UUID(int=1)), uuid4().int % 2**32)])


async def test_a_round_ends_although_traffic_goes_on(store: ClientStore) -> None:
    """What was stored before a round is in after it, and what comes meanwhile is the next round's."""
    await insert_events(store, [heartbeat(str(uuid4()), 1) for _ in range(20)])
    before = (await read_refresh_state(store)).now_ms
    await asyncio.wait_for(refresh_sessions(BusyStore(store), SETTINGS), timeout=60)
    assert (await read_refresh_state(store)).refreshed_until_ms >= before
    assert await refresh_sessions(store, SETTINGS) > 0


async def test_a_session_over_its_limit_is_marked(store: ClientStore) -> None:
    """Events past the limit are left out, and the row says so."""
    session_id = str(uuid4())
    await insert_events(store, [heartbeat(session_id, seq) for seq in range(150)])
    await refresh_sessions(store, msgspec.structs.replace(SETTINGS, max_session_events=100))
    assert await read_session(store, session_id) == [SessionRow(150, is_truncated=True)]


async def test_the_mark_moves_with_each_round_that_found_something(store: ClientStore) -> None:
    """freshness_s is the age of the last round's begin."""
    before = (await read_refresh_state(store)).now_ms
    await insert_events(store, [heartbeat(str(uuid4()), 1)])
    await refresh_sessions(store, SETTINGS)
    state = await read_refresh_state(store)
    assert before <= state.refreshed_until_ms <= state.now_ms
    assert state.freshness_s == (state.now_ms - state.refreshed_until_ms) / 1000


async def test_the_index_is_never_ahead_of_the_events(store: ClientStore) -> None:
    """Whoever reads that a session has new inserts finds their events: what the refresh stands on."""
    session_id = str(uuid4())
    parameters = {"session_id": session_id}
    count_indexed = "SELECT sum(inserted_rows) AS n FROM session_index WHERE session_id = {session_id:UUID}"
    count_stored = "SELECT count() AS n FROM playback_events WHERE session_id = {session_id:UUID}"

    async def insert_all() -> None:
        for begin in range(0, 4000, 40):
            await insert_events(store, [heartbeat(session_id, seq) for seq in range(begin, begin + 40)])

    writer = asyncio.create_task(insert_all())
    looks = 0
    while not writer.done():
        [indexed] = await store.fetch(count_indexed, Number, parameters)
        [stored] = await store.fetch(count_stored, Number, parameters)
        assert stored.n >= indexed.n
        looks += 1
    await writer
    assert looks > 10
