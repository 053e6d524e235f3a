"""The oracle's answers about worlds of many days: laws of their own, and whether such worlds hold what they are for."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from hypothesis import given, settings

from tests.oracle.answers import (
    DIMENSIONS,
    INTERVAL_MS,
    breakdown,
    buckets,
    concurrency,
    in_view,
    previous,
    streams,
    summary,
    timeseries,
)
from tests.oracle.metrics import Question
from tests.oracle.sessions import OracleSession, fold_sessions
from tests.property.strategies import DAY_MS
from tests.property.wide_worlds import DAYS_APART, Told, told

Seen = Sequence[OracleSession]


@given(told())
def test_buckets_add_up_to_the_range(one: Told) -> None:
    """Counts are sums over buckets; the peak is that of the highest bucket, at the first instant that reaches it."""
    sessions, question = fold_sessions(one.world.events), one.asked.question
    whole = summary(sessions, question).figures
    for interval_ms in (INTERVAL_MS["hour"], INTERVAL_MS["day"]):
        points = timeseries(sessions, question, interval_ms)
        for count in ("sessions", "attempts", "plays"):
            assert getattr(whole, count) == sum(getattr(figures, count) for _, figures in points)
        answer = concurrency(sessions, question, interval_ms)
        assert [(t, figures.peak_concurrent) for t, figures in points] == list(answer.points)
        assert (answer.peak_concurrent, answer.peak_at) == (whole.peak_concurrent, whole.peak_at)
        reached = [one.peak_at for _, one in points if one.peak_concurrent == whole.peak_concurrent]
        assert whole.peak_at == (reached[0] if whole.peak_concurrent else None)


@given(told())
def test_the_values_of_a_dimension_share_the_sessions(one: Told) -> None:
    """Every session in view is under one value; under error codes it is as often as it has any."""
    sessions, question = fold_sessions(one.world.events), one.asked.question
    started = [session for session in in_view(sessions, question) if question.covers(session.started_at)]
    for by in DIMENSIONS:
        listed = sum(figures.sessions for figures in breakdown(sessions, question, by).values())
        assert listed == (sum(len(one.error_codes) for one in started) if by == "error_code" else len(started))
    assert list(breakdown(sessions, question, "stream_id")) == list(streams(sessions, question))


@given(told())
def test_no_question_sees_the_next_world(one: Told) -> None:
    """What happens in a world, and what is asked of it and of the period before, lie within what is kept apart."""
    sessions, question = fold_sessions(one.world.events), one.asked.question
    first = min(previous(question).from_ms, *(session.started_at for session in sessions))
    last = max(question.to_ms, *(session.ended_at for session in sessions))
    assert first >= -DAYS_APART * DAY_MS // 2
    assert last <= DAYS_APART * DAY_MS // 2


def is_of_days(question: Question) -> bool:
    """Tell whether the range begins and ends at midnight UTC."""
    return question.from_ms % DAY_MS == question.to_ms % DAY_MS == 0


def lone(question: Question, name: str) -> Question | None:
    """Return the question with the filter `name` alone, if it has that."""
    only = Question(from_ms=question.from_ms, to_ms=question.to_ms, organizers=question.organizers)
    value = getattr(question, name)
    return replace(only, **{name: value}) if value else None


KINDS: dict[str, Callable[[Seen, Question], object]] = {
    "active over midnight": lambda seen, _: any(
        start // DAY_MS != (end - 1) // DAY_MS for session in seen for start, end in session.active_spans
    ),
    "active on three days": lambda seen, _: any(
        len({start // DAY_MS for start, _ in session.active_spans}) > 2 for session in seen
    ),
    "five days long": lambda seen, _: any(session.duration_ms > 5 * DAY_MS for session in seen),
    "active in another hour": lambda seen, _: any(
        end - start > INTERVAL_MS["hour"] for session in seen for start, end in session.active_spans
    ),
    "a client of two organizers": lambda seen, question: any(
        one.client_id == other.client_id
        and question.organizers.get(one.stream_id) != question.organizers.get(other.stream_id)
        for one in seen
        for other in seen
    ),
    "a viewer on two days": lambda seen, _: any(
        one.client_id == other.client_id and one.started_at // DAY_MS != other.started_at // DAY_MS
        for one in seen
        for other in seen
        if one.stream_id == other.stream_id and one.is_attempt and other.is_attempt
    ),
    "not registered": lambda seen, question: any(one.stream_id not in question.organizers for one in seen),
    "two error codes": lambda seen, _: any(len(session.error_codes) > 1 for session in seen),
    "began before the range, active in it": lambda seen, question: any(
        session.started_at < question.from_ms for session in in_view(seen, question)
    ),
    "whole days and parts of days": lambda seen, question: (
        in_view(seen, question)
        and question.from_ms % DAY_MS
        and any(part.to_ms - part.from_ms == DAY_MS for _, part in buckets(question, DAY_MS))
    ),
    "whole days of an organizer": lambda seen, question: (
        in_view(seen, question) and is_of_days(question) and question == lone(question, "organizer_id")
    ),
    "whole days of a country": lambda seen, question: (
        in_view(seen, question) and is_of_days(question) and question == lone(question, "country")
    ),
    "something in the period before": lambda seen, question: in_view(seen, previous(question)),
    "a filter that leaves some": lambda seen, question: (
        (question.organizer_id or question.country or question.device) and in_view(seen, question)
    ),
}
"""What answers are about; a world and its question are of a kind where the function gives something true."""


def test_wide_worlds_hold_every_kind() -> None:
    """The strategies make each kind, or comparing answers about them would prove little."""
    seen: set[str] = set()

    @settings(max_examples=400, database=None, derandomize=True)
    @given(told())
    def look(one: Told) -> None:
        sessions = fold_sessions(one.world.events)
        seen.update(kind for kind, is_of_kind in KINDS.items() if is_of_kind(sessions, one.asked.question))

    look()
    assert set(KINDS) - seen == set()
