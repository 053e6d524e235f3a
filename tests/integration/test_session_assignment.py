"""Batches without a session id on the real engines: the table of arrivals, and the questions behind it."""

import pytest

from playhead.ingest.batch import EventKey
from playhead.ingest.client_sessions import ClientSessions, Sender, SessionSpan
from playhead.store.clients import ClientStore
from tests.stores import insert_events
from tests.unit.ingest.arrivals import ARRIVALS, Arrival, Worker, row, session
from tests.unit.ingest.conftest import NOW

pytestmark = pytest.mark.anyio

GIVEN = "ffffffff-0000-7000-8000-000000000000"


@pytest.mark.parametrize("case", ARRIVALS)
async def test_each_arrival_goes_to_its_session(store: ClientStore, case: str) -> None:
    """The database alone carries the sessions from worker to worker and over a restart."""
    suffix = "-" + case.translate({ord(" "): "-", ord(","): None})
    workers = [Worker(store) for _ in range(5)]

    found = [await workers[arrival.worker].take(arrival, suffix) for arrival in ARRIVALS[case]]

    def expected(arrival: Arrival) -> str:
        return session(arrival.goes_to, arrival.stream_id + suffix, arrival.client_id)

    assert found == [expected(arrival) for arrival in ARRIVALS[case]]


async def test_the_questions_give_the_sessions_of_those_asked_for(store: ClientStore) -> None:
    """Of the client of the first event, near the range, for any pair of stream and client and no mixture of pairs."""
    await insert_events(
        store,
        [
            row(NOW, 1, "q1", "a", GIVEN),
            row(NOW + 5, 2, "q1", "b", GIVEN),
            row(NOW + 7, 3, "q2", "b", GIVEN),
            row(NOW, 1, "q2", "a", "eeeeeeee-0000-7000-8000-000000000000"),
        ],
    )
    questions = ClientSessions(store, lambda _: [])

    async def ask(stream_id: str, client_id: str, from_ts: int = NOW, to_ts: int = NOW) -> list[SessionSpan]:
        return await questions.find(Sender(stream_id, client_id), from_ts, to_ts)

    assert await ask("q1", "a") == [SessionSpan(GIVEN, NOW, NOW + 5)]
    assert await ask("q1", "a", NOW + 5, NOW + 9) == [SessionSpan(GIVEN, NOW, NOW + 5)]
    assert await ask("q1", "a", NOW + 6, NOW + 9) == []
    assert await ask("q1", "b") == []
    assert await ask("q2", "b", NOW, NOW + 9) == [SessionSpan(GIVEN, NOW + 7, NOW + 7)]
    assert await ask("q3", "a") == []
    assert await questions.find_holding("q1", [GIVEN], EventKey(NOW, 1, 1)) == {GIVEN}
    assert await questions.find_holding("q1", [GIVEN], EventKey(NOW, 2, 1)) == set()
