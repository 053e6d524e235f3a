"""Many viewers: arrivals, order, repetition."""

import itertools
import json
from collections import Counter
from typing import Any

import msgspec
import pytest

from playhead.simulate.audience import Catalogue
from playhead.simulate.delivery import Delivery
from playhead.simulate.load import Load
from playhead.simulate.traffic import ProtocolChoice, Traffic
from playhead.simulate.wire import Batch

BASE_MS = 1_795_000_000_000
HOUR_MS = 3_600_000


def traffic(**options: Any) -> Traffic:
    """Return an hour of 60 viewers, but for `options`."""
    given: dict[str, Any] = {"seed": 1, "from_ms": BASE_MS, "to_ms": BASE_MS + HOUR_MS, "viewers": 60}
    return Traffic(**(given | options))


def native_events(batch: Batch) -> list[dict[str, Any]]:
    """Return the events of a native batch."""
    events: list[dict[str, Any]] = json.loads(batch.body)["events"]
    return events


@pytest.mark.parametrize("protocol", ["native", "cmcd", "mixed"])
def test_the_same_seed_gives_the_same_bytes(protocol: ProtocolChoice) -> None:
    """Two runs agree to the byte; another seed does not."""
    first, again, other = (
        [
            (batch.at_ms, batch.path, batch.headers, batch.body)
            for batch in traffic(seed=seed, protocol=protocol).batches()
        ]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_batches_come_in_the_order_of_their_arrival() -> None:
    """Arrival instants never fall, and none lies past the end."""
    until_ms = BASE_MS + HOUR_MS // 2
    instants = [batch.at_ms for batch in traffic(until_ms=until_ms).batches()]
    assert instants == sorted(instants)
    assert instants[0] >= BASE_MS
    assert instants[-1] <= until_ms


def test_viewers_abreast_send_the_same_batches_each_in_its_order() -> None:
    """Taking turns changes which viewer is next, not what any of them sends, nor in which order."""
    in_time, in_turns = list(traffic().batches()), list(traffic(abreast=7).batches())
    assert sorted(batch.body for batch in in_turns) == sorted(batch.body for batch in in_time)
    for viewer in range(60):
        sent = [batch.at_ms for batch in in_turns if batch.session.viewer == viewer]
        assert sent == sorted(sent)
    assert len({batch.session.viewer for batch in in_turns[:7]}) == 7


def test_a_count_of_viewers_is_kept() -> None:
    """Sixty viewers are sixty sessions, but for those that vanished before anything was sent."""
    viewers = {batch.session.viewer for batch in traffic().batches()}
    assert viewers <= set(range(60))
    assert len(viewers) > 50


def test_arrivals_by_rate_are_as_many_as_the_rate_says() -> None:
    """Half a viewer a second over an hour: 1800, within five standard deviations."""
    arrivals = list(traffic(viewers=None, rate=0.5)._arrivals())
    assert abs(len(arrivals) - 1800) < 5 * 1800**0.5
    assert arrivals == sorted(arrivals)


def test_endless_traffic_is_made_as_it_is_asked_for() -> None:
    """Without an end, the first batches come without the last ever being made."""
    endless = Traffic(seed=1, from_ms=BASE_MS, rate=2.0)
    assert len(list(itertools.islice(endless.batches(), 500))) == 500


def test_copies_repeat_a_part_to_the_byte() -> None:
    """With every batch sent twice, each part comes exactly twice, with one body."""
    bodies: dict[tuple[int, int], list[bytes]] = {}
    for batch in traffic(delivery=Delivery(repeated=1.0)).batches():
        bodies.setdefault((batch.session.viewer, batch.part), []).append(batch.body)
    assert all(len(pair) == 2 and pair[0] == pair[1] for pair in bodies.values())


def test_late_batches_arrive_after_later_ones() -> None:
    """With late batches on, some arrive seconds after their successor; without, none does."""

    def is_disordered(share: float) -> bool:
        arrived_ms = {
            (batch.session.viewer, batch.part): batch.at_ms
            for batch in traffic(delivery=Delivery(late=share, repeated=0.0)).batches()
        }
        return any(
            at_ms - arrived_ms.get((viewer, part + 1), at_ms) > 2_000 for (viewer, part), at_ms in arrived_ms.items()
        )

    assert is_disordered(0.3)
    assert not is_disordered(0.0)


def test_shuffled_batches_hold_the_same_events() -> None:
    """Shuffling changes the order inside a batch alone."""

    def events_of(share: float) -> tuple[list[list[int]], Counter[int]]:
        delivery = Delivery(shuffled=share, late=0.0, repeated=0.0, batch_ms=60_000)
        orders = [[event["seq"] for event in native_events(batch)] for batch in traffic(delivery=delivery).batches()]
        return orders, Counter(seq for order in orders for seq in order)

    (kept, kept_events), (shuffled, shuffled_events) = events_of(0.0), events_of(1.0)
    assert all(order == sorted(order) for order in kept)
    assert any(order != sorted(order) for order in shuffled)
    assert kept_events.keys() == shuffled_events.keys()


def test_wrong_clocks_show_in_ts_and_sent_at_alike() -> None:
    """The difference of arrival and sent_at is minus the skew and the way, so the service can correct it."""
    seen = set()
    for batch in traffic(viewers=200, delivery=Delivery(late=0.0, repeated=0.0)).batches():
        body = json.loads(batch.body)
        if "sent_at" in body:
            skew_ms = batch.session.client.skew_ms
            seen.add(skew_ms != 0)
            assert 0 < batch.at_ms - body["sent_at"] + skew_ms < 5_000
            assert max(event["ts"] for event in body["events"]) <= body["sent_at"]
    assert seen == {True, False}


def test_the_past_is_sent_now() -> None:
    """Queued batches stamp the instant they are sent at, and only where the clock is wrong."""
    delivery = Delivery(queued_until_ms=BASE_MS + HOUR_MS)
    for batch in traffic(viewers=200, delivery=delivery).batches():
        skew_ms = batch.session.client.skew_ms
        expected = BASE_MS + HOUR_MS + skew_ms if skew_ms else None
        assert json.loads(batch.body).get("sent_at") == expected


def test_nameless_sessions_have_clients_of_their_own() -> None:
    """Who leaves the naming to the service never comes twice, so the service must make exactly one session."""
    sessions = {batch.session.viewer: batch.session for batch in traffic(viewers=300).batches()}.values()
    clients = Counter(session.client.client_id for session in sessions)
    nameless = [session for session in sessions if session.session_id is None]
    assert nameless
    assert all(clients[session.client.client_id] == 1 for session in nameless)
    assert max(clients.values()) > 1


def test_popular_streams_are_watched_more() -> None:
    """The first stream has more sessions than the last; every fourth is live."""
    counts = Counter(
        session.stream.stream_id
        for session in {batch.session.viewer: batch.session for batch in traffic(viewers=400).batches()}.values()
    )
    streams = Catalogue(8, 1).streams
    assert counts[streams[0].stream_id] > 3 * counts[streams[-1].stream_id]
    assert [stream.is_live for stream in streams] == [False, False, False, True] * 2


class TestLoad:
    """The steady load of long sessions."""

    load = Load(seed=1, base_ms=BASE_MS, events_per_second=20, until_ms=BASE_MS + 300_000, session_s=240, batch_s=60)

    def test_it_holds_its_pace(self) -> None:
        """Events a second are as asked, but for each session's first and last words."""
        batches = list(self.load.batches())
        beats = sum(event["type"] == "heartbeat" for batch in batches for event in native_events(batch))
        assert 0.98 < beats / (20 * 300) <= 1.04
        assert [batch.at_ms for batch in batches] == sorted(batch.at_ms for batch in batches)

    def test_its_sessions_are_whole(self) -> None:
        """No event comes twice, seq and ts agree, and whoever comes to the end quits and begins anew."""
        sessions: dict[str, list[tuple[int, int, str]]] = {}
        for batch in self.load.batches():
            assert batch.session.session_id is not None
            events = [(event["seq"], event["ts"], event["type"]) for event in native_events(batch)]
            assert events[-1][1] <= batch.at_ms
            sessions.setdefault(batch.session.session_id, []).extend(events)
        for events in sessions.values():
            seqs = [seq for seq, _, _ in events]
            assert seqs == sorted(set(seqs))
            assert [ts for _, ts, _ in events] == sorted(ts for _, ts, _ in events)
            assert [kind for _, _, kind in events[:2]] == ["play", "playing"]
        assert any(events[-1][2] == "quit" for events in sessions.values())
        assert len(sessions) > self.load.viewers

    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        """Two runs agree to the byte."""
        first, again = ([batch.body for batch in self.load.batches()] for _ in range(2))
        assert first == again

    def test_it_speaks_cmcd_too(self) -> None:
        """As CMCD every event is said as well."""
        spoken = msgspec.structs.replace(self.load, protocol="cmcd")
        assert all(batch.body.count(b"\n") == batch.events for batch in spoken.batches())
