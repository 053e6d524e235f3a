"""One session's record: everything contract 4 derives from its folded events."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.oracle.copies import ordered_sessions
from tests.oracle.fold import Step, fold_steps, rebuffer_runs
from tests.oracle.model import OracleEvent
from tests.oracle.quality import quality_part, smoothness_part, startup_part, weighted
from tests.oracle.spans import Span, active_spans

DIMENSIONS = ("provider", "player_name", "country", "device", "os", "browser")
ATTEMPT_STATES = frozenset({"starting", "playing", "failed"})
ACCIDENTAL_MS = 1000
MIN_REBUFFER_MS = 250
PROVIDERS_WITHOUT_REBUFFERING = frozenset({"bunny"})
SCORE_EBVS = 50.0


@dataclass(frozen=True)
class OracleSession:
    """A session's derived values: instants are corrected by `skew_ms`, durations are the client's, "" is unknown.

    `states` and `intervals_ms` have one item an event; an interval is None before a gap and at the end.
    `time_ms_by_state` leaves out states without time, `rebuffer_episodes_ms` the episodes that do not count;
    `error_codes` has each code once, in the order of the events.
    The parts of the score are of 100 each.
    """

    stream_id: str
    session_id: str
    client_id: str
    skew_ms: int
    started_at: int
    ended_at: int
    duration_ms: int
    states: tuple[str, ...]
    intervals_ms: tuple[int | None, ...]
    time_ms_by_state: dict[str, int]
    playing_ms: int
    playing_hidden_ms: int
    startup_ms: int | None
    rebuffer_episodes_ms: tuple[int, ...]
    can_report_rebuffering: bool
    bitrate_known_ms: int
    bitrate_kbps_ms: int
    active_spans: tuple[Span, ...]
    is_attempt: bool
    is_play: bool
    is_accidental: bool
    is_ebvs: bool
    is_failure: bool
    is_business_error: bool
    has_error: bool
    error_codes: tuple[str, ...]
    startup_part: float | None
    smoothness_part: float | None
    quality_part: float | None
    qoe_score: float | None
    provider: str
    player_name: str
    country: str
    device: str
    os: str
    browser: str

    @property
    def rebuffer_count(self) -> int:
        """The number of rebuffering episodes that count."""
        return len(self.rebuffer_episodes_ms)

    @property
    def rebuffer_ms(self) -> int:
        """The time in rebuffering episodes that count."""
        return sum(self.rebuffer_episodes_ms)

    @property
    def is_bot(self) -> bool:
        """Whether the session is a declared crawler's."""
        return self.device == "bot"


@dataclass(frozen=True)
class _Outcome:
    """How a session went, of its states and errors alone."""

    is_attempt: bool
    is_play: bool
    is_accidental: bool
    is_ebvs: bool
    is_failure: bool
    is_business_error: bool
    has_error: bool


def fold_sessions(events: Iterable[OracleEvent]) -> list[OracleSession]:
    """Fold any pile of received copies, in any order, to its sessions, sorted by stream and session."""
    return [fold_session(ordered) for ordered in ordered_sessions(events).values()]


def fold_session(events: Sequence[OracleEvent]) -> OracleSession:
    """Fold one session's distinct events, given in order and at least one."""
    steps = fold_steps(events)
    skew_ms = min((event.offset_ms for event in events if event.offset_ms is not None), default=0)
    outcome = _outcome(steps)
    dimensions: dict[str, Any] = {name: first_known(events, name) for name in DIMENSIONS}
    can_report = dimensions["provider"] not in PROVIDERS_WITHOUT_REBUFFERING
    playing = [step for step in steps if step.state == "playing"]
    playing_ms = sum(step.time_ms for step in playing)
    episodes = tuple(ms for ms in map(_run_ms, rebuffer_runs(steps)) if ms >= MIN_REBUFFER_MS)
    startup_ms = startup_time_ms(steps)
    parts = (
        startup_part(startup_ms),
        smoothness_part(len(episodes), sum(episodes), playing_ms) if can_report else None,
        quality_part(steps),
    )
    with_bitrate = [step for step in playing if step.carried.bitrate_kbps]
    return OracleSession(
        stream_id=events[0].stream_id,
        session_id=events[0].session_id,
        client_id=events[0].client_id,
        skew_ms=skew_ms,
        started_at=events[0].ts + skew_ms,
        ended_at=events[-1].ts + skew_ms,
        duration_ms=events[-1].ts - events[0].ts,
        states=tuple(step.state for step in steps),
        intervals_ms=tuple(step.until_next_ms for step in steps),
        time_ms_by_state=_time_by_state(steps),
        playing_ms=playing_ms,
        playing_hidden_ms=sum(step.time_ms for step in playing if not step.carried.visible),
        startup_ms=startup_ms,
        rebuffer_episodes_ms=episodes,
        can_report_rebuffering=can_report,
        bitrate_known_ms=sum(step.time_ms for step in with_bitrate),
        bitrate_kbps_ms=sum(step.carried.bitrate_kbps * step.time_ms for step in with_bitrate),
        active_spans=active_spans(steps, skew_ms),
        error_codes=tuple(dict.fromkeys(event.error.code for event in events if event.error and event.error.code)),
        startup_part=parts[0],
        smoothness_part=parts[1],
        quality_part=parts[2],
        qoe_score=_score(outcome, parts),
        **vars(outcome),
        **dimensions,
    )


def first_known(events: Iterable[OracleEvent], dimension: str) -> str:
    """Give the first value of `dimension` that is neither "" nor "unknown", or ""."""
    values = (str(getattr(event, dimension)) for event in events)
    return next((value for value in values if value not in {"", "unknown"}), "")


def startup_time_ms(steps: Sequence[Step]) -> int | None:
    """Give first `playing` - first `play` where the wait between them was seen without a gap and in view, else None."""
    types = [step.event.type for step in steps]
    if "playing" not in types:
        return None
    first_playing = types.index("playing")
    if "play" not in types[:first_playing]:
        return None
    first_play = types.index("play")
    wait = steps[first_play:first_playing]
    has_gap = any(step.until_next_ms is None for step in wait)
    is_seen = all(step.carried.visible for step in steps[first_play : first_playing + 1])
    return steps[first_playing].event.ts - steps[first_play].event.ts if is_seen and not has_gap else None


def _outcome(steps: Sequence[Step]) -> _Outcome:
    events = [step.event for step in steps]
    fatal = [event.error for event in events if event.is_fatal and event.error]
    has_frame = any(event.type == "playing" for event in events)
    is_short = events[-1].ts - events[0].ts < ACCIDENTAL_MS
    is_begun = any(step.state in ATTEMPT_STATES for step in steps)
    is_accidental = is_begun and is_short and not has_frame and not fatal
    is_attempt = is_begun and not is_accidental
    return _Outcome(
        is_attempt=is_attempt,
        is_play=is_attempt and has_frame,
        is_accidental=is_accidental,
        is_ebvs=is_attempt and not has_frame and not fatal,
        is_failure=is_attempt and any(not error.business for error in fatal),
        is_business_error=is_attempt and any(error.business for error in fatal),
        has_error=is_attempt and any(event.type == "error" for event in events),
    )


def _score(outcome: _Outcome, parts: tuple[float | None, float | None, float | None]) -> float | None:
    if outcome.is_failure:
        return 0.0
    if outcome.is_business_error or not outcome.is_attempt:
        return None
    return SCORE_EBVS if outcome.is_ebvs else weighted(*parts)


def _run_ms(run: Sequence[Step]) -> int:
    return sum(step.time_ms for step in run)


def _time_by_state(steps: Sequence[Step]) -> dict[str, int]:
    times: Counter[str] = Counter()
    for step in steps:
        times[step.state] += step.time_ms
    return dict(+times)
