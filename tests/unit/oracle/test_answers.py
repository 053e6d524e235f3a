"""Buckets, groups, tables and timelines, worked out by hand."""

import pytest

from tests.oracle.answers import (
    StateInterval,
    breakdown,
    buckets,
    concurrency,
    in_view,
    previous,
    state_intervals,
    streams,
    summary,
    timeseries,
)
from tests.oracle.fold import fold_steps
from tests.oracle.metrics import Question
from tests.oracle.model import OracleError, OracleEvent
from tests.oracle.sessions import OracleSession, fold_sessions

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def sent(name: str, at: int, session_id: str = "1", **fields: object) -> OracleEvent:
    """Give an event of type `name` at the client's ms `at`, of stream a unless `fields` say otherwise."""
    given = {"stream_id": "a", "client_id": "c" + session_id, "received_ms": 0} | fields
    return OracleEvent(ts=at, seq=at, type=name, session_id=session_id, **given)  # type: ignore[arg-type]


def played(begin: int, end: int, session_id: str = "1", **fields: object) -> list[OracleEvent]:
    """Give the events of a session that plays from `begin` to `end`, a heartbeat each minute."""
    beats = [sent("heartbeat", at, session_id, **fields) for at in range(begin + MINUTE, end, MINUTE)]
    return [sent("playing", begin, session_id, **fields), *beats, sent("ended", end, session_id, **fields)]


def folded(*parts: list[OracleEvent]) -> list[OracleSession]:
    """Give the sessions of all parts."""
    return fold_sessions([event for part in parts for event in part])


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "expected"),
    [
        (0, 2 * HOUR, [(0, 0, HOUR), (HOUR, HOUR, 2 * HOUR)]),
        (1, HOUR + 1, [(0, 1, HOUR), (HOUR, HOUR, HOUR + 1)]),
        (HOUR - 1, HOUR, [(0, HOUR - 1, HOUR)]),
        (HOUR + 5, HOUR + 6, [(HOUR, HOUR + 5, HOUR + 6)]),
    ],
)
def test_buckets_begin_on_the_hour_and_are_cut_to_the_range(
    from_ms: int, to_ms: int, expected: list[tuple[int, int, int]]
) -> None:
    """The first and the last may be parts; one that the range only touches at its end is not there."""
    asked = buckets(Question(from_ms=from_ms, to_ms=to_ms), HOUR)
    assert [(begin, part.from_ms, part.to_ms) for begin, part in asked] == expected


def test_the_period_before_is_as_long() -> None:
    """It ends where the range begins."""
    before = previous(Question(from_ms=100, to_ms=140, country="SE"))
    assert (before.from_ms, before.to_ms, before.country) == (60, 100, "SE")


def test_a_session_over_midnight_is_of_its_first_day_and_active_on_both() -> None:
    """All its time counts on the day it began; the day after has its concurrency alone, and the third nothing."""
    sessions = folded(played(DAY - 2 * MINUTE, DAY + 3 * MINUTE))
    first, second, third = timeseries(sessions, Question(from_ms=0, to_ms=3 * DAY), DAY)
    assert [point[0] for point in (first, second, third)] == [0, DAY, 2 * DAY]
    assert (first[1].sessions, first[1].playing_time_s, first[1].peak_at) == (1, 300.0, DAY - 2 * MINUTE)
    assert (second[1].sessions, second[1].playing_time_s, second[1].peak_concurrent) == (0, 0.0, 1)
    assert (second[1].peak_at, second[1].viewers, second[1].qoe_score) == (DAY, 0, None)
    assert (third[1].sessions, third[1].peak_concurrent, third[1].peak_at) == (0, 0, None)


def test_a_viewer_of_two_days_is_one_of_each_and_one_of_both() -> None:
    """Viewers are distinct within what is asked, whatever it is cut into."""
    sessions = folded(played(HOUR, HOUR + MINUTE, "1", client_id="c"), played(DAY, DAY + MINUTE, "2", client_id="c"))
    question = Question(from_ms=0, to_ms=2 * DAY)
    assert [figures.viewers for _, figures in timeseries(sessions, question, DAY)] == [1, 1]
    assert summary(sessions, question).figures.viewers == 1


def test_the_peak_of_a_range_is_that_of_its_highest_bucket() -> None:
    """Two at once in the second minute; the last instant of a session is a ms long; an empty minute is 0."""
    sessions = folded(played(0, MINUTE + 500, "1"), played(MINUTE + 100, 2 * MINUTE - 1, "2"))
    answer = concurrency(sessions, Question(from_ms=0, to_ms=3 * MINUTE), MINUTE)
    assert answer.points == ((0, 1), (MINUTE, 2), (2 * MINUTE, 0))
    assert (answer.peak_concurrent, answer.peak_at) == (2, MINUTE + 100)
    assert concurrency(sessions, Question(from_ms=0, to_ms=MINUTE + 100), MINUTE).points == ((0, 1), (MINUTE, 1))
    assert concurrency([], Question(from_ms=0, to_ms=1), MINUTE).points == ((0, 0),)


def test_a_session_is_listed_under_each_of_its_error_codes() -> None:
    """Without any it is not listed; a code that comes twice counts once; a code of no fatal error counts too."""
    net, geo = OracleError("net"), OracleError("geo", fatal=True, business=True)
    sessions = folded(
        played(0, MINUTE, "1"),
        [sent("playing", 0, "2"), sent("error", 1, "2", error=net), sent("error", 2, "2", error=net)],
        [sent("playing", 0, "3"), sent("error", 5, "3", error=net), sent("error", 9, "3", error=geo)],
    )
    answer = breakdown(sessions, Question(from_ms=0, to_ms=10), "error_code")
    assert {code: (one.sessions, one.business_error_rate) for code, one in answer.items()} == {
        "geo": (1, 1.0),
        "net": (2, 0.5),
    }
    assert answer["net"].peak_concurrent == 2


def test_what_a_session_never_named_is_unknown() -> None:
    """Each other dimension lists every session in view once."""
    sessions = folded(
        played(0, MINUTE, "1", country="SE", player_name="hls.js", provider="hls"),
        played(0, MINUTE, "2", device="unknown", stream_id="b"),
        played(DAY, DAY + MINUTE, "3", country="NO"),
    )
    question = Question(from_ms=0, to_ms=DAY)
    assert list(breakdown(sessions, question, "country")) == ["SE", "unknown"]
    assert list(breakdown(sessions, question, "player")) == ["hls.js", "unknown"]
    assert list(breakdown(sessions, question, "device")) == ["unknown"]
    assert list(breakdown(sessions, question, "stream_id")) == ["a", "b"]


def test_the_table_of_streams() -> None:
    """A row has the whole of its sessions in view, also what of them is outside the range."""
    sessions = folded(
        played(DAY - MINUTE, DAY + MINUTE, "1", provider="hls"),
        played(DAY + HOUR, DAY + HOUR + 5, "2", provider="dash"),
        played(0, 5, "3", provider="youtube"),
        played(DAY, DAY + 5, "4", stream_id="bots", device="bot"),
        played(DAY, DAY + 5, "5", stream_id="plain"),
    )
    question = Question(from_ms=DAY, to_ms=2 * DAY)
    rows = streams(sessions, question)
    assert list(rows) == ["a", "plain"]
    assert (rows["a"].first_event_at, rows["a"].last_event_at) == (DAY - MINUTE, DAY + HOUR + 5)
    assert (rows["a"].first_providers, rows["plain"].first_providers) == (frozenset({"hls"}), frozenset())
    assert (rows["a"].figures.sessions, rows["a"].figures.peak_at) == (1, DAY)
    assert summary(sessions, question).streams == 2
    assert [session.session_id for session in in_view(sessions, question)] == ["2", "5", "1"]


def test_states_and_gaps_of_a_session() -> None:
    """Neighbours of one state are one stretch, nothing is empty, and instants are corrected by the skew."""
    events = [
        sent("play", 0),
        sent("playing", 10),
        sent("heartbeat", 20),
        sent("pause", 30),
        sent("quit", 30 + MINUTE),
        sent("heartbeat", 31 + 2 * MINUTE),
        sent("playing", 32 + 2 * MINUTE),
        sent("pause", 32 + 2 * MINUTE),
    ]
    assert state_intervals(fold_steps(events), 1000) == [
        StateInterval("starting", 1000, 1010),
        StateInterval("playing", 1010, 1030),
        StateInterval("paused", 1030, 1030 + MINUTE),
        StateInterval("gap", 1030 + MINUTE, 1031 + 2 * MINUTE),
        StateInterval("ended", 1031 + 2 * MINUTE, 1032 + 2 * MINUTE),
    ]
    assert state_intervals(fold_steps(events[:1]), 0) == []
