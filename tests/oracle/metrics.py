"""Contract 4: every metric of any set of sessions over a range, by the names of its table."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from tests.oracle.sessions import OracleSession
from tests.oracle.spans import clipped, peak


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked: the range [from_ms, to_ms), the filters, and which stream is which organizer's.

    A dimension's filter of "unknown" asks for the sessions that never named it.
    """

    from_ms: int
    to_ms: int
    include_bots: bool = False
    stream_id: str | None = None
    organizer_id: str | None = None
    provider: str | None = None
    country: str | None = None
    device: str | None = None
    organizers: Mapping[str, str] = field(default_factory=dict)

    def covers(self, at: int) -> bool:
        """Tell whether the instant `at` lies in the range."""
        return self.from_ms <= at < self.to_ms

    def admits(self, session: OracleSession) -> bool:
        """Tell whether `session` passes every filter, whenever it was."""
        asked = (self.stream_id, self.organizer_id, self.provider, self.country, self.device)
        has = (
            session.stream_id,
            self.organizers.get(session.stream_id, ""),
            session.provider or "unknown",
            session.country or "unknown",
            session.device or "unknown",
        )
        is_asked = all(wanted is None or wanted == value for wanted, value in zip(asked, has, strict=True))
        return is_asked and (self.include_bots or not session.is_bot)


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The table of contract 4; None is a figure that cannot be known."""

    sessions: int
    attempts: int
    plays: int
    viewers: int
    playing_time_s: float
    playing_hidden_time_s: float
    avg_playing_time_s: float | None
    startup_ms_p50: int | None
    startup_ms_p95: int | None
    rebuffer_count: int | None
    rebuffer_time_s: float | None
    rebuffer_ratio: float | None
    failure_rate: float | None
    business_error_rate: float | None
    error_rate: float | None
    ebvs_rate: float | None
    avg_bitrate_kbps: float | None
    peak_concurrent: int
    peak_at: int | None
    qoe_score: float | None


def metrics(sessions: Iterable[OracleSession], question: Question) -> Metrics:
    """Give every metric over all of `sessions` that `question` admits."""
    admitted = [session for session in sessions if question.admits(session)]
    started = [session for session in admitted if question.covers(session.started_at)]
    attempts = [session for session in started if session.is_attempt]
    plays = [session for session in attempts if session.is_play]
    reporting = [session for session in plays if session.can_report_rebuffering]
    startups = sorted(session.startup_ms for session in plays if session.startup_ms is not None)
    playing_ms = sum(session.playing_ms for session in started)
    rebuffer_ms = sum(session.rebuffer_ms for session in reporting)
    concurrent, concurrent_at = _peak(admitted, question)
    return Metrics(
        sessions=len(started),
        attempts=len(attempts),
        plays=len(plays),
        viewers=len({(question.organizers.get(one.stream_id, ""), one.client_id) for one in attempts}),
        playing_time_s=playing_ms / 1000,
        playing_hidden_time_s=sum(session.playing_hidden_ms for session in started) / 1000,
        avg_playing_time_s=ratio(playing_ms, 1000 * len(plays)),
        startup_ms_p50=quantile(startups, Fraction(50, 100)),
        startup_ms_p95=quantile(startups, Fraction(95, 100)),
        rebuffer_count=sum(session.rebuffer_count for session in reporting) if reporting else None,
        rebuffer_time_s=rebuffer_ms / 1000 if reporting else None,
        rebuffer_ratio=ratio(rebuffer_ms, rebuffer_ms + sum(session.playing_ms for session in reporting)),
        failure_rate=share(attempts, lambda session: session.is_failure),
        business_error_rate=share(attempts, lambda session: session.is_business_error),
        error_rate=share(attempts, lambda session: session.has_error),
        ebvs_rate=share(attempts, lambda session: session.is_ebvs),
        avg_bitrate_kbps=ratio(
            sum(session.bitrate_kbps_ms for session in started), sum(session.bitrate_known_ms for session in started)
        ),
        peak_concurrent=concurrent,
        peak_at=concurrent_at,
        qoe_score=mean([session.qoe_score for session in attempts if session.qoe_score is not None]),
    )


def metrics_by(
    sessions: Iterable[OracleSession], question: Question, key: Callable[[OracleSession], str]
) -> dict[str, Metrics]:
    """Give the metrics of each group that has an admitted session which started or was active in the range."""
    groups: dict[str, list[OracleSession]] = {}
    for session in sessions:
        if question.admits(session) and is_in_view(session, question):
            groups.setdefault(key(session), []).append(session)
    return {value: metrics(group, question) for value, group in sorted(groups.items())}


def metrics_by_stream(sessions: Iterable[OracleSession], question: Question) -> dict[str, Metrics]:
    """Give the metrics of each stream in view."""
    return metrics_by(sessions, question, lambda session: session.stream_id)


def is_in_view(session: OracleSession, question: Question) -> bool:
    """Tell whether `session` started or was active in the range, whatever the filters say of it."""
    is_active = bool(clipped(session.active_spans, question.from_ms, question.to_ms))
    return is_active or question.covers(session.started_at)


def quantile(ordered: Sequence[int], q: Fraction) -> int | None:
    """Give the value at index floor(q (n - 1)) of sorted values; None of none."""
    return ordered[math.floor(q * (len(ordered) - 1))] if ordered else None


def share(sessions: Sequence[OracleSession], holds: Callable[[OracleSession], bool]) -> float | None:
    """Give the share of `sessions` for which `holds` does; None of none."""
    return ratio(sum(map(holds, sessions)), len(sessions))


def ratio(part: int, whole: int) -> float | None:
    """Give `part` / `whole`, rounded once; None when there is no whole."""
    return float(Fraction(part, whole)) if whole else None


def mean(values: Sequence[float]) -> float | None:
    """Give the mean; None of none."""
    return math.fsum(values) / len(values) if values else None


def _peak(sessions: Iterable[OracleSession], question: Question) -> tuple[int, int | None]:
    return peak(
        span for session in sessions for span in clipped(session.active_spans, question.from_ms, question.to_ms)
    )
