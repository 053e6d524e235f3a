"""Refused events and their reasons."""

import asyncio
import json

import msgspec
import pytest

from playhead.errors import StoreRejectedError, StoreUnavailableError
from playhead.ingest import dead_letters
from playhead.ingest.dead_letters import DeadLetterBox
from tests.unit.ingest.bodies import envelope, event
from tests.unit.ingest.conftest import NOW, Open, Service
from tests.unit.ingest.fake_store import FakeStore

pytestmark = pytest.mark.anyio


async def test_refused_events_are_kept_with_their_reason(service: Service) -> None:
    """What was invalid as it was sent, what was too old as it would have been stored."""
    await service.post(json=envelope(event(), event(kind="x"), event(5), event(seq=-1)))
    await service.app.stop()

    letters = service.store.letters
    assert [(letter.protocol, letter.stream_id, letter.reason) for letter in letters] == [
        ("native", "s", "unknown_type"),
        ("native", "s", "invalid_event"),
        ("native", "s", "too_old"),
    ]
    assert json.loads(letters[0].payload) == event(kind="x")
    assert json.loads(letters[2].payload)["ts"] == 5
    assert service.app.counts.events == {
        ("native", "accepted"): 1,
        ("native", "unknown_type"): 1,
        ("native", "invalid_event"): 1,
        ("native", "too_old"): 1,
    }


async def test_refused_requests_are_counted_and_not_kept(service: Service) -> None:
    """There is no event to keep."""
    await service.post(json={})
    await service.post(content=b"{}")
    await service.app.stop()

    assert service.store.letters == []
    assert service.app.counts.requests == {("native", "invalid_request"): 1, ("native", "unsupported_media_type"): 1}


async def test_so_many_a_minute_and_reason_are_kept(store: FakeStore) -> None:
    """The others are counted; the next minute has its own share."""
    now = [60.0]
    box = DeadLetterBox(store, 2, clock=lambda: now[0])
    for reason in ("a", "a", "a", "b"):
        box.drop_letter("native", "s", reason, "", "")
    now[0] = 120.0
    box.drop_letter("native", "s", "a", "", "")
    await box.stop()

    assert [letter.reason for letter in store.letters] == ["a", "a", "b", "a"]
    assert box.dropped == 1


async def test_texts_are_cut_to_2_kib_between_characters(store: FakeStore) -> None:
    """A cut never leaves half a character."""
    box = DeadLetterBox(store, 1)
    box.drop_letter("native", "s", "a", "", "x" + "ä" * 2000)
    await box.stop()

    assert store.letters[0].payload == "x" + "ä" * 1023


async def test_letters_are_written_without_being_asked(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Soon after they were dropped, and again when the database was away."""
    monkeypatch.setattr(dead_letters, "FLUSH_INTERVAL_S", 0.001)
    written = asyncio.Event()
    answers = [StoreUnavailableError(), None]

    def check(_: bytes) -> StoreUnavailableError | None:
        answer = answers.pop(0)
        if answer is None:
            written.set()
        return answer

    store.check_letters = check
    box = DeadLetterBox(store, 10)
    box.start()
    box.drop_letter("native", "s", "a", "", "")
    async with asyncio.timeout(5):
        await written.wait()
    await box.stop()

    assert len(store.letters) == 1


async def test_letters_the_database_never_takes_are_counted_and_let_go(store: FakeStore) -> None:
    """They do not stand before the letters that come after them."""
    store.check_letters = lambda lines: StoreRejectedError() if b"bad" in lines else None
    box = DeadLetterBox(store, 10, clock=lambda: 1_790_000_000.25)
    box.drop_letter("native", "s", "bad", "", "")
    await box.stop()
    box.drop_letter("native", "s", "good", "", "")
    await box.stop()

    assert [(letter.reason, letter.received_at) for letter in store.letters] == [("good", "2026-09-21 14:13:20.250")]
    assert box.dropped == 1


async def test_a_database_that_takes_no_letters_takes_events(service: Service) -> None:
    """Dead letters never stand in the way of accepted events."""
    service.store.check_letters = lambda _: StoreUnavailableError()

    reply = await service.post(json=envelope(event(), event(kind="x")))

    assert reply.json()["accepted"] == 1


async def test_rows_the_database_never_takes_are_a_400_and_a_dead_letter(service: Service) -> None:
    """The sender need not try again, and whoever looks finds the rows and the database's words."""
    service.store.check = lambda lines: StoreRejectedError("bad row") if b"poison" in lines else None

    reply = await service.post(json=envelope(stream_id="poison"))
    await service.app.stop()

    assert (reply.status_code, reply.json()["code"]) == (400, "store_rejected")
    [letter] = service.store.letters
    assert (letter.stream_id, letter.reason, letter.message) == ("poison", "poison_row", "bad row")
    assert msgspec.json.decode(letter.payload)[3] == NOW
    assert service.app.counts.events == {("native", "poison_row"): 1}


async def test_a_database_that_is_away_is_a_503_with_retry_after(open_service: Open) -> None:
    """Nothing is said to be accepted."""
    async with open_service(insert_attempts=1) as service:
        service.store.check = lambda _: StoreUnavailableError("secret host name")
        reply = await service.post(json=envelope(event(), event(kind="x")))

    assert (reply.status_code, reply.headers["retry-after"], reply.json()["code"]) == (503, "2", "unavailable")
    assert "secret" not in reply.text
    assert service.app.counts.events == {}


async def test_so_many_a_day_are_kept(store: FakeStore) -> None:
    """Whatever the reasons, so that a week of abuse has a bound on disk; the next day has its own share."""
    now = [0.0]
    box = DeadLetterBox(store, 2, 3, clock=lambda: now[0])
    for minute in range(3):
        now[0] = minute * 60.0
        for reason in "ab":
            box.drop_letter("native", "s", reason, "", "")
    now[0] = 86_400.0
    box.drop_letter("native", "s", "a", "", "")
    await box.stop()

    assert [letter.reason for letter in store.letters] == ["a", "b", "a", "a"]
    assert box.dropped == 3
