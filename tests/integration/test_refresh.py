"""The refresh: what is stored before a round is in the sessions after it, whoever else runs one."""

import asyncio
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from playhead.errors import StoreError
from playhead.events import EventRow, EventType
from playhead.rollup.refold import read_watermark
from playhead.rollup.refresh import Refresher, read_refresh_state, refresh_sessions
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from playhead.store.sql_files import name_of
from tests.stores import insert_events

pytestmark = pytest.mark.anyio

SETTINGS = Settings()
NOW = int(time.time() * 1000)


class SessionRow(msgspec.Struct, frozen=True):
    """What the tests look at of a session."""

    events: int
    is_truncated: bool


class PartPath(msgspec.Struct, frozen=True):
    """Where a part of a table lies."""

    path: str


NEWEST_ARRIVALS = """
SELECT path FROM system.parts
WHERE database = currentDatabase() AND table = 'arrivals' AND active
ORDER BY modification_time DESC, name DESC
LIMIT 1
"""


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


async def plant(store: ClientStore, session_id: str, playing_ms: int) -> None:
    """Give a session a newest row with a wrong figure, which only a refold of the whole would set right."""
    await store.execute(
        "INSERT INTO sessions SELECT * REPLACE (version + 1 AS version, toUInt64({playing_ms:UInt64}) AS playing_ms) "
        "FROM sessions FINAL WHERE session_id = {session_id:UUID}",
        {"session_id": session_id, "playing_ms": playing_ms},
    )


async def read_playing_ms(store: ClientStore, session_id: str) -> int:
    """Return the figure that was planted, or what became of it."""
    sql = "SELECT playing_ms AS n FROM sessions FINAL WHERE session_id = {session_id:UUID}"
    [row] = await store.fetch(sql, Number, {"session_id": session_id})
    return row.n


async def test_a_session_goes_on_from_its_row(store: ClientStore) -> None:
    """What comes after a row's last event is added to it: the events before are not read again."""
    session_id = str(uuid4())
    await insert_events(store, [heartbeat(session_id, 1)])
    await refresh_sessions(store, SETTINGS)
    await plant(store, session_id, 777)
    await insert_events(store, [heartbeat(session_id, 2, NOW + 5000)])
    assert await refresh_sessions(store, SETTINGS) == 1
    assert await read_playing_ms(store, session_id) == 777
    assert await read_session(store, session_id) == [SessionRow(2, is_truncated=False)]


@pytest.mark.parametrize(
    "late",
    [[(1, 0)], [(0, -1)], [(2, 5000), (2, 5000)], [(0, 0), (2, 5000)]],
    ids=["a copy", "earlier", "twice", "earlier and later"],
)
async def test_what_is_not_after_the_row_is_folded_whole(store: ClientStore, late: list[tuple[int, int]]) -> None:
    """A copy, an event that sorts earlier, or two of one key: the session is worked out from all its events."""
    session_id = str(uuid4())
    await insert_events(store, [heartbeat(session_id, 1)])
    await refresh_sessions(store, SETTINGS)
    await plant(store, session_id, 777)
    await insert_events(store, [heartbeat(session_id, seq, NOW + ms) for seq, ms in late])
    assert await refresh_sessions(store, SETTINGS) == 1
    assert await read_playing_ms(store, session_id) == 0
    distinct = {(1, 0), *late}
    assert await read_session(store, session_id) == [SessionRow(len(distinct), is_truncated=False)]


async def test_what_the_arrivals_do_not_tell_is_found_by_counting(store: ClientStore) -> None:
    """Inserts that left no arrival, as of a restored backup, are folded when they are counted."""
    session_id = str(uuid4())
    await insert_events(store, [heartbeat(session_id, 1)])
    await refresh_sessions(store, SETTINGS)
    await insert_events(store, [heartbeat(session_id, 2, NOW + 5000)])
    await store.execute("TRUNCATE TABLE arrivals")
    await refresh_sessions(store, SETTINGS)
    assert await read_session(store, session_id) == [SessionRow(1, is_truncated=False)]
    await store.execute("TRUNCATE TABLE refresh_marks")
    assert await refresh_sessions(store, SETTINGS) > 0
    assert await read_session(store, session_id) == [SessionRow(2, is_truncated=False)]


SLOW_INSERTS = {
    "rows": "INSERT INTO playback_events (stream_id, session_id, client_id, ts, seq, type, received_ms) "
    "SELECT 's', {session_id:UUID}, 'c', {ts:Int64} + number, number, 8, {ts:Int64} FROM numbers(3) "
    "WHERE sleepEachRow(1) = 0",
    "batches": "INSERT INTO event_batches (stream_id, session_id, client_id, received_ms, events) "
    "SELECT 's', {session_id:UUID}, 'c', {ts:Int64}, [(8, {ts:Int64} + number, number, NULL, 0, 0, 0, 0, 0, NULL, "
    "NULL, NULL, NULL, ('', '', FALSE, FALSE))] FROM numbers(3) WHERE sleepEachRow(1) = 0",
}
"""What takes three seconds to insert three events, by either table that events are inserted into."""


@pytest.mark.parametrize("what", SLOW_INSERTS)
async def test_an_insert_under_way_holds_the_watermark(store: ClientStore, what: str) -> None:
    """No arrival that is not to be seen yet has a stamp up to the watermark; after the insert, all are seen."""
    session_id = str(uuid4())
    await refresh_sessions(store, SETTINGS)
    begun = (await read_refresh_state(store)).now_ms
    slow = asyncio.create_task(store.execute(SLOW_INSERTS[what], {"session_id": session_id, "ts": NOW}))
    watermarks = []
    while not slow.done():
        watermarks.append(await read_watermark(store) // 1_000_000)
        await asyncio.wait([slow], timeout=0.1)
    await slow
    assert max(watermarks[1:-1]) <= begun + 1000
    await refresh_sessions(store, SETTINGS)
    assert await read_session(store, session_id) == [SessionRow(3, is_truncated=False)]


async def test_a_fold_under_way_does_not_hold_the_watermark(store: ClientStore) -> None:
    """It reads events and inserts none: held up by it, another round would leave out what came since."""
    fold = (
        "INSERT INTO sessions (session_id) SELECT session_id FROM playback_events "
        "UNION ALL SELECT generateUUIDv4() FROM numbers(2) WHERE sleepEachRow(1) = 0 AND number > 1"
    )
    slow = asyncio.create_task(store.execute(fold))
    late = False
    while not slow.done():
        now_ms = (await read_refresh_state(store)).now_ms
        late = late or await read_watermark(store) // 1_000_000 < now_ms
        await asyncio.wait([slow], timeout=0.1)
    await slow
    assert not late


def empty_files(folder: Path) -> None:
    """Leave of each file only its name."""
    for file in folder.iterdir():
        file.write_bytes(b"")


async def test_damaged_arrivals_are_passed_over(store: ClientStore) -> None:
    """A part of the log whose files a full disk has left empty costs a round that counts, and nothing else."""
    session_id = str(uuid4())
    await refresh_sessions(store, SETTINGS)
    await insert_events(store, [heartbeat(session_id, 1)])
    [part] = await store.fetch(NEWEST_ARRIVALS, PartPath)
    empty_files(Path(part.path))
    assert await refresh_sessions(store, SETTINGS) == 1
    assert await read_session(store, session_id) == [SessionRow(1, is_truncated=False)]
    await insert_events(store, [heartbeat(session_id, 2)])
    assert await refresh_sessions(store, SETTINGS) == 1
    assert await read_session(store, session_id) == [SessionRow(2, is_truncated=False)]


async def test_freshness_tells_that_the_refresh_stands(store: ClientStore) -> None:
    """While nobody refreshes, freshness_s grows as the clock does, and covers no event that is not in the sessions."""
    session_id = str(uuid4())
    refresher = Refresher(store, msgspec.structs.replace(SETTINGS, refresh_interval_s=0.05))
    refresher.start()
    await insert_events(store, [heartbeat(session_id, 1)])
    stored = await read_refresh_state(store)
    state = stored
    while state.refreshed_until_ms < stored.now_ms:
        state = await read_refresh_state(store)
    assert await read_session(store, session_id) == [SessionRow(1, is_truncated=False)]
    await refresher.stop()
    before = await read_refresh_state(store)
    await insert_events(store, [heartbeat(session_id, 2, NOW + 5000)])
    after = await read_refresh_state(store)
    assert after.refreshed_until_ms == before.refreshed_until_ms < after.now_ms
    assert after.freshness_s == (after.now_ms - before.refreshed_until_ms) / 1000 > 0
    assert await read_session(store, session_id) == [SessionRow(1, is_truncated=False)]
    await refresh_sessions(store, SETTINGS)
    assert (await read_refresh_state(store)).refreshed_until_ms >= after.now_ms
    assert await read_session(store, session_id) == [SessionRow(2, is_truncated=False)]


async def test_days_of_a_round_that_failed_are_noted_by_the_next(
    store: ClientStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions were stored, but not that their days changed, nor a mark: the next round notes them before its own."""
    session_id = str(uuid4())
    noted = (
        "SELECT count() AS n FROM changed_days "
        "WHERE changed_version IN (SELECT version FROM sessions WHERE session_id = {session_id:UUID})"
    )
    await insert_events(store, [heartbeat(session_id, 5)])
    execute = store.execute

    async def fail_to_note(sql: str, parameters: Any = None) -> None:
        if name_of(sql) == "note_changed_days":
            raise StoreError("the database is gone")
        await execute(sql, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(store, "execute", fail_to_note)
        with pytest.raises(StoreError, match="is gone"):
            await refresh_sessions(store, SETTINGS)
    assert await read_session(store, session_id) == [SessionRow(1, is_truncated=False)]
    assert await store.fetch(noted, Number, {"session_id": session_id}) == [Number(0)]
    await refresh_sessions(store, SETTINGS)
    assert await store.fetch(noted, Number, {"session_id": session_id}) == [Number(1)]


async def test_two_refreshers_at_once(store: ClientStore) -> None:
    """Double work changes nothing."""
    sessions = [str(uuid4()) for _ in range(50)]
    await insert_events(store, [heartbeat(session_id, 1) for session_id in sessions])
    await asyncio.gather(*(refresh_sessions(store, SETTINGS) for _ in range(3)))
    for session_id in sessions[:3]:
        assert await read_session(store, session_id) == [SessionRow(1, is_truncated=False)]
    assert await refresh_sessions(store, SETTINGS) == 0


class MeetingStore:
    """A store in which, right before the statement of one number, an event comes in and another round runs whole."""

    def __init__(self, store: ClientStore, meeting: int, late: EventRow) -> None:
        self.statements = 0
        self._store = store
        self._meeting = meeting
        self._late = late

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def _meet(self) -> None:
        if self.statements == self._meeting:
            await insert_events(self._store, [self._late])
            await refresh_sessions(self._store, SETTINGS)
        self.statements += 1

    async def execute(self, sql: str, parameters: Any = None) -> None:
        """Run the statement, after the other round if it is its turn."""
        await self._meet()
        await self._store.execute(sql, parameters)

    async def fetch(self, sql: str, row_type: Any, parameters: Any = None) -> Any:
        """Run the question, after the other round if it is its turn."""
        await self._meet()
        return await self._store.fetch(sql, row_type, parameters)


@pytest.mark.parametrize("is_new", [True, False], ids=["a new session", "a known session"])
async def test_another_round_between_any_two_statements(store: ClientStore, *, is_new: bool) -> None:
    """Wherever a round meets another, every row is the fold of some of the events, and the next has them all."""
    meeting, statements = 0, 1
    while meeting < statements:
        session_id = str(uuid4())
        began = msgspec.structs.replace(heartbeat(session_id, 1), type=int(EventType.playing))
        later = [heartbeat(session_id, number + 1, NOW + number * 10_000) for number in (1, 2, 3)]
        await insert_events(store, [began, later[0]])
        if not is_new:
            await refresh_sessions(store, SETTINGS)
        await insert_events(store, [later[1]])
        meeting_store = MeetingStore(store, meeting, later[2])
        await refresh_sessions(meeting_store, SETTINGS)
        [row] = await read_session(store, session_id)
        assert await read_playing_ms(store, session_id) == (row.events - 1) * 10_000, meeting
        await refresh_sessions(store, SETTINGS)
        assert await read_session(store, session_id) == [SessionRow(4, is_truncated=False)], meeting
        assert await read_playing_ms(store, session_id) == 30_000, meeting
        statements = meeting_store.statements
        meeting += 1
    assert meeting > 3


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
        self._sessions = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def execute(self, sql: str, parameters: Any = None) -> None:
        """Run the statement, then store an event of a new session, whose id is the last so far, and of a known one."""
        await self._store.execute(sql, parameters)
        self._sessions += 1
        new = str(UUID(int=2**128 - 2**32 + self._sessions))
        await insert_events(self._store, [heartbeat(new, 1), heartbeat(str(UUID(int=1)), uuid4().int % 2**32)])


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
