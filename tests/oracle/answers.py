"""Contract 5: what each call about analytics answers, over sessions that are folded already.

A breakdown's groups, like the table's streams, are those of the sessions that started or were active in the range.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.oracle.fold import Step
from tests.oracle.metrics import Metrics, Question, is_in_view, metrics
from tests.oracle.sessions import OracleSession
from tests.oracle.spans import clipped, peak

INTERVAL_MS: Mapping[str, int] = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
DIMENSIONS = ("country", "device", "os", "browser", "player", "provider", "error_code", "stream_id")
LIVE_MS = 60_000
UNKNOWN = "unknown"
GAP = "gap"


@dataclass(frozen=True)
class Summary:
    """Every metric over all sessions in view, and the streams they are of."""

    figures: Metrics
    streams: int


@dataclass(frozen=True)
class StreamRow:
    """A stream in view. Of sessions that began first at the same instant any may name the provider; none: not known."""

    figures: Metrics
    first_event_at: int
    last_event_at: int
    first_providers: frozenset[str]


@dataclass(frozen=True)
class Concurrency:
    """The peak of the range and when it was first reached; of each bucket its begin and its own peak."""

    peak_concurrent: int
    peak_at: int | None
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class StateInterval:
    """A stretch [from_ms, to_ms) in one state, or a gap, by instants."""

    state: str
    from_ms: int
    to_ms: int


def previous(question: Question) -> Question:
    """Give the same question of the period of equal length before."""
    return dataclasses.replace(question, from_ms=2 * question.from_ms - question.to_ms, to_ms=question.from_ms)


def buckets(question: Question, bucket_ms: int) -> list[tuple[int, Question]]:
    """Give each UTC bucket that the range touches: its begin, and the question of what of it is in the range."""
    first = question.from_ms // bucket_ms * bucket_ms
    return [
        (
            begin,
            dataclasses.replace(
                question, from_ms=max(begin, question.from_ms), to_ms=min(begin + bucket_ms, question.to_ms)
            ),
        )
        for begin in range(first, question.to_ms, bucket_ms)
    ]


def in_view(sessions: Iterable[OracleSession], question: Question) -> list[OracleSession]:
    """Give the admitted sessions that started or were active in the range, newest first."""
    seen = [session for session in sessions if question.admits(session) and is_in_view(session, question)]
    return sorted(seen, key=lambda session: -session.started_at)


def live(sessions: Iterable[OracleSession], question: Question, now_ms: int) -> dict[str, int]:
    """Count by stream the admitted sessions heard of in the last 60 s that are active up to their last event.

    The question's range does not matter, and a last event that lies ahead counts as heard of.
    """
    heard = [one for one in sessions if question.admits(one) and one.ended_at > now_ms - LIVE_MS]
    active = [one for one in heard if any(end > one.ended_at for _, end in one.active_spans)]
    return dict(Counter(one.stream_id for one in active))


def summary(sessions: Iterable[OracleSession], question: Question) -> Summary:
    """Give the metrics of the union of all sessions in view."""
    seen = in_view(sessions, question)
    return Summary(metrics(seen, question), len({session.stream_id for session in seen}))


def streams(sessions: Iterable[OracleSession], question: Question) -> dict[str, StreamRow]:
    """Give the row of each stream in view."""
    seen = in_view(sessions, question)
    names = {session.stream_id for session in seen}
    return {name: _stream_row([one for one in seen if one.stream_id == name], question) for name in sorted(names)}


def timeseries(sessions: Sequence[OracleSession], question: Question, bucket_ms: int) -> list[tuple[int, Metrics]]:
    """Give every metric of each bucket, also of those without any session."""
    seen = in_view(sessions, question)
    return [(begin, metrics(seen, part)) for begin, part in buckets(question, bucket_ms)]


def concurrency(sessions: Iterable[OracleSession], question: Question, bucket_ms: int) -> Concurrency:
    """Give the exact peak of each bucket, also of those without any session, and that of the whole range."""
    seen = in_view(sessions, question)
    points = tuple((begin, _peak(seen, part)[0]) for begin, part in buckets(question, bucket_ms))
    return Concurrency(*_peak(seen, question), points)


def breakdown(sessions: Iterable[OracleSession], question: Question, by: str) -> dict[str, Metrics]:
    """Give the metrics of each value of the dimension `by`; a session with several error codes is under each."""
    seen = in_view(sessions, question)
    groups = {value for session in seen for value in dimension_values(session, by)}
    return {
        value: metrics([session for session in seen if value in dimension_values(session, by)], question)
        for value in sorted(groups)
    }


def dimension_values(session: OracleSession, by: str) -> tuple[str, ...]:
    """Give the values of dimension `by` under which `session` is listed: without an error code, none."""
    if by == "error_code":
        return session.error_codes
    name = "player_name" if by == "player" else by
    return (getattr(session, name) or UNKNOWN,)


def state_intervals(steps: Iterable[Step], skew_ms: int) -> list[StateInterval]:
    """Give a session's states and gaps in order: no empty ones, and neighbours of one state as one."""
    ordered = list(steps)
    intervals: list[StateInterval] = []
    for step, following in pairwise(ordered):
        state = GAP if step.until_next_ms is None else step.state
        stretch = StateInterval(state, step.event.ts + skew_ms, following.event.ts + skew_ms)
        if intervals and intervals[-1].state == state:
            intervals[-1] = dataclasses.replace(intervals[-1], to_ms=stretch.to_ms)
        elif stretch.from_ms < stretch.to_ms:
            intervals.append(stretch)
    return intervals


def _stream_row(sessions: Sequence[OracleSession], question: Question) -> StreamRow:
    naming = [session for session in sessions if session.provider]
    first = min((session.started_at for session in naming), default=0)
    return StreamRow(
        figures=metrics(sessions, question),
        first_event_at=min(session.started_at for session in sessions),
        last_event_at=max(session.ended_at for session in sessions),
        first_providers=frozenset(session.provider for session in naming if session.started_at == first),
    )


def _peak(sessions: Iterable[OracleSession], question: Question) -> tuple[int, int | None]:
    spans = (clipped(session.active_spans, question.from_ms, question.to_ms) for session in sessions)
    return peak(span for inside in spans for span in inside)
