"""The oracle's own laws, on any world: what it is used to prove of the SQL must hold of it first."""

import dataclasses
import random
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden_traces import DAY_MS
from tests.oracle.metrics import Metrics, Question, metrics, metrics_by_stream
from tests.oracle.model import GAP_MS, OracleEvent
from tests.oracle.sessions import MIN_REBUFFER_MS, OracleSession, fold_sessions
from tests.oracle.spans import MAX_REBUFFER_ACTIVE_MS
from tests.property.strategies import World, questions, worlds

HOUR_MS = 3_600_000


def sent_again(event: OracleEvent) -> OracleEvent:
    """Give the copy that the same batch makes when it comes again an hour later."""
    offset_ms = None if event.offset_ms is None else event.offset_ms + HOUR_MS
    usable = offset_ms if offset_ms is None or abs(offset_ms) <= DAY_MS else None
    return dataclasses.replace(event, received_ms=event.received_ms + HOUR_MS, offset_ms=usable)


@given(worlds(), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(world: World, chance: random.Random) -> None:
    """Events in any order, with any of them again later, fold to the same sessions."""
    again = [sent_again(event) for event in world.events if chance.random() < 0.5]
    received = [*world.events, *again]
    chance.shuffle(received)
    assert fold_sessions(received) == fold_sessions(world.events)


@given(worlds())
def test_time_is_neither_made_nor_lost(world: World) -> None:
    """States and gaps share a session's duration; it is active within its first and last instant, and 1 ms."""
    for session in fold_sessions(world.events):
        assert sum(session.time_ms_by_state.values()) == sum(one or 0 for one in session.intervals_ms)
        assert sum(session.time_ms_by_state.values()) <= session.duration_ms
        assert sum(session.rebuffer_episodes_ms) <= session.time_ms_by_state.get("rebuffering", 0)
        assert session.playing_hidden_ms <= session.playing_ms == session.time_ms_by_state.get("playing", 0)
        assert all(session.started_at <= start < end <= session.ended_at + 1 for start, end in session.active_spans)
        assert list(session.active_spans) == sorted(session.active_spans)


@given(worlds(), st.integers(-30, 30))
def test_the_day_does_not_matter(world: World, days: int) -> None:
    """A world on another day has the same sessions on that day."""
    by_ms = days * DAY_MS
    moved = [
        dataclasses.replace(
            session,
            started_at=session.started_at + by_ms,
            ended_at=session.ended_at + by_ms,
            active_spans=tuple((start + by_ms, end + by_ms) for start, end in session.active_spans),
        )
        for session in fold_sessions(world.events)
    ]
    assert fold_sessions(world.at(by_ms).events) == moved


@given(worlds(), questions())
def test_streams_add_up_to_the_whole(world: World, question: Question) -> None:
    """Counts are sums over streams; a peak lies between the largest of theirs and their sum; rates are shares."""
    sessions = fold_sessions(world.events)
    whole = metrics(sessions, question)
    streams = list(metrics_by_stream(sessions, question).values())
    for count in ("sessions", "attempts", "plays"):
        assert getattr(whole, count) == sum(getattr(one, count) for one in streams)
    peaks = [one.peak_concurrent for one in streams]
    assert max(peaks, default=0) <= whole.peak_concurrent <= sum(peaks)
    assert (whole.peak_at is None) == (whole.peak_concurrent == 0)
    assert whole.viewers <= whole.attempts <= whole.sessions
    assert all(0 <= share <= 1 for share in shares(whole) if share is not None)
    assert whole.qoe_score is None or 0 <= whole.qoe_score <= 100.000001


KINDS: dict[str, Callable[[OracleSession], object]] = {
    "failed": lambda session: session.is_failure,
    "refused": lambda session: session.is_business_error,
    "left before the start": lambda session: session.is_ebvs,
    "accidental": lambda session: session.is_accidental,
    "bot": lambda session: session.is_bot,
    "never begun": lambda session: not session.is_attempt and not session.is_accidental,
    "without stalls to report": lambda session: session.is_play and not session.can_report_rebuffering,
    "just a stall": lambda session: MIN_REBUFFER_MS in session.rebuffer_episodes_ms,
    "long stall": lambda session: max(session.rebuffer_episodes_ms, default=0) > MAX_REBUFFER_ACTIVE_MS,
    "just no gap": lambda session: GAP_MS in session.intervals_ms,
    "gap": lambda session: None in session.intervals_ms[:-1],
    "partly hidden": lambda session: 0 < session.playing_hidden_ms < session.playing_ms,
    "upscaled": lambda session: session.quality_part is not None and session.quality_part < 100,
    "bitrate partly known": lambda session: 0 < session.bitrate_known_ms < session.playing_ms,
    "fast clock": lambda session: session.startup_ms and session.skew_ms < 0,
    "slowest clock": lambda session: session.skew_ms == DAY_MS,
    "over midnight": lambda session: session.started_at // DAY_MS != session.ended_at // DAY_MS,
}
"""What the rules are about; a session is of a kind where the function gives something true."""


def test_worlds_hold_every_kind_of_session() -> None:
    """The strategies make each kind, or the properties over them would prove little."""
    seen: set[str] = set()

    @settings(max_examples=150, database=None, derandomize=True)
    @given(worlds())
    def look(world: World) -> None:
        for session in fold_sessions(world.events):
            seen.update(kind for kind, is_of_kind in KINDS.items() if is_of_kind(session))

    look()
    assert set(KINDS) - seen == set()


def shares(figures: Metrics) -> list[float | None]:
    """Give the figures that are a part of a whole."""
    return [
        figures.failure_rate,
        figures.business_error_rate,
        figures.error_rate,
        figures.ebvs_rate,
        figures.rebuffer_ratio,
    ]
