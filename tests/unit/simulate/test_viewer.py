"""One viewer's events."""

import itertools
import random

import pytest

from playhead.simulate.audience import Catalogue, Stream, make_client
from playhead.simulate.viewer import HEARTBEAT_MS, Fate, Mix, Viewer
from playhead.simulate.wire import SentEvent

START_MS = 1_795_000_000_000
VOD, LIVE = Catalogue(4, seed=1).streams[0], Catalogue(4, seed=1).streams[3]


def play_out(seed: int, mix: Mix, stream: Stream = VOD) -> list[SentEvent]:
    """Return the events of the session that `seed` gives."""
    return Viewer(random.Random(seed), stream, make_client("one", 1), mix).play_out(START_MS)


def only(fate: Fate, **rates: float) -> Mix:
    """Return a mix in which all viewers go the same way."""
    return Mix(fates={fate: 1.0}, **rates)


def types(events: list[SentEvent]) -> list[str]:
    """Return the events' types in order."""
    return [event.type for event in events]


@pytest.mark.parametrize("fate", Fate)
def test_a_session_begins_with_play_and_counts_its_events_in_order_of_time(fate: Fate) -> None:
    """Every session begins with play at its start, seq rises by one, ts never falls."""
    for seed in range(50):
        events = play_out(seed, only(fate))
        assert (events[0].type, events[0].ts) == ("play", START_MS)
        assert [event.seq for event in events] == list(range(len(events)))
        assert [event.ts for event in events] == sorted(event.ts for event in events)


@pytest.mark.parametrize("fate", [Fate.accidental, Fate.gave_up, Fate.startup_failure, Fate.blocked])
def test_some_never_see_a_first_frame(fate: Fate) -> None:
    """Who leaves or fails at the start has no playing event."""
    assert all("playing" not in types(play_out(seed, only(fate))) for seed in range(50))


def test_an_accident_is_over_within_a_second() -> None:
    """An accidental attempt spans less than 1000 ms, so that the metrics leave it out."""
    assert all(play_out(seed, only(Fate.accidental))[-1].ts - START_MS < 1000 for seed in range(50))


@pytest.mark.parametrize(
    ("fate", "is_business"), [(Fate.startup_failure, False), (Fate.blocked, True), (Fate.failure, False)]
)
def test_failures_end_in_a_fatal_error(fate: Fate, is_business: bool) -> None:
    """The last event of a failed session is its fatal error, of the right kind."""
    error = play_out(1, only(fate))[-1].error
    assert error is not None
    assert (error.fatal, error.business) == (True, is_business)


def test_who_vanishes_does_not_say_so() -> None:
    """A vanished tab sends neither quit nor ended."""
    assert all({"quit", "ended"}.isdisjoint(types(play_out(seed, only(Fate.vanished)))) for seed in range(50))


def test_warnings_are_not_fatal() -> None:
    """A session with warnings alone has error events, none of them fatal."""
    events = play_out(3, only(Fate.watched, warnings=20.0))
    errors = [event.error for event in events if event.error is not None]
    assert errors
    assert not any(error.fatal for error in errors)


@pytest.mark.parametrize(
    ("rate", "opens", "closes"),
    [("stalls", "rebuffer_start", "rebuffer_end"), ("seeks", "seek_start", "seek_end"), ("pauses", "pause", "playing")],
)
def test_what_opens_closes_in_a_session_watched_to_its_end(rate: str, opens: str, closes: str) -> None:
    """Stalls, seeks and pauses come, and each is over before playing goes on."""
    none = dict.fromkeys(("stalls", "seeks", "pauses", "switches", "hidings", "warnings", "resizes"), 0.0)
    seen = types(play_out(5, only(Fate.watched, **(none | {rate: 6.0}))))
    assert seen.count(opens) > 0
    assert seen.count(closes) >= seen.count(opens)


def test_a_seek_rebuffers_inside_itself() -> None:
    """Between seek_start and seek_end lies a short rebuffering, as real players report it."""
    seen = types(play_out(5, only(Fate.watched, seeks=6.0)))
    at = seen.index("seek_start")
    assert seen[at : at + 4] == ["seek_start", "rebuffer_start", "rebuffer_end", "seek_end"]


def test_switches_name_the_new_rendition() -> None:
    """A quality change by the network carries bitrate, width and height."""
    events = play_out(5, only(Fate.watched, switches=6.0, resizes=0.0))
    switches = [event for event in events if event.type == "quality_change"]
    assert switches
    assert all(event.bitrate_kbps and event.width and event.height for event in switches)


def test_heartbeats_come_each_ten_seconds_of_playing() -> None:
    """With nothing else going on, heartbeats are 10 s apart, less than 20 ms late."""
    calm = only(Fate.watched, stalls=0, seeks=0, pauses=0, switches=0, hidings=0, warnings=0, resizes=0)
    beats = [event.ts for event in play_out(8, calm, LIVE) if event.type == "heartbeat"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(beats)]
    assert len(gaps) > 5
    assert all(HEARTBEAT_MS <= gap < HEARTBEAT_MS + 20 for gap in gaps)


def test_live_streams_are_not_sought_in() -> None:
    """A live stream has no seeks and no end."""
    seen = types(play_out(5, only(Fate.watched, seeks=50.0, mean_watch_s=3000.0), LIVE))
    assert {"seek_start", "ended"}.isdisjoint(seen)


def test_content_that_is_over_ends() -> None:
    """Who watches a film for long enough comes to its end, and not past its length by more than a tick."""
    events = play_out(2, only(Fate.watched, mean_watch_s=1e7, seeks=0.0))
    assert "ended" in types(events)
    assert max(event.position_ms or 0 for event in events) <= VOD.duration_ms + 1
