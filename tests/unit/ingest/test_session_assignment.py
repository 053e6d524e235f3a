"""Batches without a session id: which session each arrival must go to."""

import asyncio

import pytest

from playhead.errors import StoreUnavailableError
from playhead.ingest.client_sessions import SessionSpan
from playhead.ingest.sessions import SessionResolver, make_session_id
from tests.unit.ingest.arrivals import ARRIVALS, MINUTE, TIMEOUT_S, Arrival, Worker, row, session
from tests.unit.ingest.conftest import NOW
from tests.unit.ingest.fake_store import FakeStore

pytestmark = pytest.mark.anyio

GIVEN = "ffffffff-0000-7000-8000-000000000000"


@pytest.mark.parametrize("arrivals", ARRIVALS.values(), ids=ARRIVALS.keys())
async def test_each_arrival_goes_to_its_session(store: FakeStore, arrivals: list[Arrival]) -> None:
    """Whatever the order, the worker and the process's age."""
    workers = [Worker(store) for _ in range(5)]

    found = [await workers[arrival.worker].take(arrival) for arrival in arrivals]

    assert found == [session(arrival.goes_to, arrival.stream_id, arrival.client_id) for arrival in arrivals]


@pytest.mark.parametrize(("distance_ms", "is_same"), [(1_800_000, True), (1_800_001, False)])
@pytest.mark.parametrize("sign", [-1, 1])
async def test_the_timeout_is_inclusive_on_both_ends(
    store: FakeStore, distance_ms: int, is_same: bool, sign: int
) -> None:
    """30 minutes belong to the session, a millisecond more does not."""
    resolver = SessionResolver(store, TIMEOUT_S)
    store.rows.append(row(NOW, session_id=GIVEN))

    hold = await resolver.assign("s", "c", [row(NOW + sign * distance_ms)])

    assert (hold.session_id == GIVEN) == is_same


async def test_of_sessions_that_begin_together_the_larger_id_counts(store: FakeStore) -> None:
    """So that any worker chooses the same."""
    smaller = "00000000-0000-7000-8000-000000000000"
    store.rows += [row(NOW, session_id=GIVEN), row(NOW, session_id=smaller)]

    hold = await SessionResolver(store, TIMEOUT_S).assign("s", "c", [row(NOW + 1)])

    assert hold.session_id == GIVEN


async def test_a_session_belongs_to_the_client_of_its_first_event(store: FakeStore) -> None:
    """Another client that took part in it begins its own."""
    store.rows += [row(NOW, client_id="d", session_id=GIVEN), row(NOW + 1, client_id="c", session_id=GIVEN)]

    hold = await SessionResolver(store, TIMEOUT_S).assign("s", "c", [row(NOW + 2)])

    assert hold.session_id == make_session_id(NOW + 2, b"s", b"c")


async def test_a_batch_under_way_counts_for_the_next(store: FakeStore) -> None:
    """Its session is found, widened by its events, although the database does not know it yet."""
    resolver = SessionResolver(store, TIMEOUT_S)

    first = await resolver.assign("s", "c", [row(NOW), row(NOW + 20 * MINUTE)])
    second = await resolver.assign("s", "c", [row(NOW + 45 * MINUTE)])
    third = await resolver.assign("s", "c", [row(NOW + 70 * MINUTE)])

    assert first.session_id == second.session_id == third.session_id


async def test_a_batch_with_a_session_id_under_way_counts_too(store: FakeStore) -> None:
    """The next batch without one goes on with it."""
    resolver = SessionResolver(store, TIMEOUT_S)
    resolver.hold("s", "c", SessionSpan(GIVEN, NOW, NOW))

    hold = await resolver.assign("s", "c", [row(NOW + 1)])

    assert hold.session_id == GIVEN


async def test_what_was_given_up_counts_no_more(store: FakeStore) -> None:
    """A session that was never stored is not gone on with, and nothing of it is remembered."""
    resolver = SessionResolver(store, TIMEOUT_S)
    resolver.release(await resolver.assign("s", "c", [row(NOW)]))

    hold = await resolver.assign("s", "c", [row(NOW + 1)])
    resolver.release(hold)

    assert hold.session_id == make_session_id(NOW + 1, b"s", b"c")
    assert resolver._holds == {}


async def test_batches_that_come_at_once_share_questions_and_sessions(store: FakeStore) -> None:
    """A hundred arrivals of ten clients are asked for in two queries, and each client gets one session."""
    resolver = SessionResolver(store, TIMEOUT_S)
    arrivals = [(f"c{number % 10}", NOW + number) for number in range(100)]

    holds = await asyncio.gather(*(resolver.assign("s", client, [row(ts)]) for client, ts in arrivals))

    sessions = {(hold.sender.client_id, hold.session_id) for hold in holds}
    assert len(sessions) == 10
    assert len(store.queries) <= 2


async def test_a_session_stored_while_the_question_ran_is_seen(store: FakeStore) -> None:
    """It is under way when the question starts and released before the answer comes."""
    worker = Worker(store)
    rows = [row(NOW)]
    hold = await worker.resolver.assign("s", "c", rows)

    async def end_insert() -> None:
        store.before_fetch = lambda: asyncio.sleep(0)
        await worker.store_rows(hold, rows)

    store.before_fetch = end_insert
    second = await worker.resolver.assign("s", "c", [row(NOW + 1)])

    assert second.session_id == hold.session_id


async def test_a_database_that_is_away_is_told_to_all_who_wait(store: FakeStore) -> None:
    """Nobody gets a new session because the old ones could not be asked for."""
    resolver = SessionResolver(store, TIMEOUT_S)

    async def fail() -> None:
        raise StoreUnavailableError

    store.before_fetch = fail
    outcomes = await asyncio.gather(*(resolver.assign("s", "c", [row(NOW)]) for _ in range(3)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailableError] * 3


def test_a_new_session_is_a_uuid7_of_its_first_instant() -> None:
    """Equal for equal senders and instants, different for others, without a way to shift bytes between the parts."""
    made = make_session_id(NOW, b"s", b"c")

    assert made == make_session_id(NOW, b"s", b"c")
    assert int(made.replace("-", "")[:12], 16) == NOW
    assert (made[14], made[19] in "89ab") == ("7", True)
    assert (
        len(
            {
                made,
                make_session_id(NOW + 1, b"s", b"c"),
                make_session_id(NOW, b"sc", b""),
                make_session_id(NOW, b"s", b"d"),
            }
        )
        == 4
    )
