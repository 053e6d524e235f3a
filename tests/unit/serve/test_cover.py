"""Which days marts may answer for, and what is left to the sessions."""

import pytest

from playhead.rollup.refresh import RefreshState
from playhead.serve.cover import (
    DAY_MS,
    LAST_DAY,
    VIEWERS,
    Cover,
    Freshness,
    join_ranges,
    uncovered,
    whole_days,
)
from playhead.serve.questions import View

TEN = 10 * DAY_MS


def view(from_ms: int, to_ms: int) -> View:
    """Return a view of a range."""
    return View(from_ms=from_ms, to_ms=to_ms)


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "days"),
    [
        (TEN, TEN + 2 * DAY_MS, [10, 11]),
        (TEN + 1, TEN + 2 * DAY_MS, [11]),
        (TEN, TEN + 2 * DAY_MS - 1, [10]),
        (TEN + 1, TEN + DAY_MS, []),
        (TEN + 1, TEN + 2, []),
    ],
)
def test_whole_days(from_ms: int, to_ms: int, days: list[int]) -> None:
    """A day counts when all of it lies in the range."""
    assert list(whole_days(view(from_ms, to_ms))) == days


def test_days_end_where_the_engine_knows_no_later_ones() -> None:
    """A range without an end asks for no day that the engine cannot name."""
    assert whole_days(view(0, 10**15)).stop == LAST_DAY


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "stale", "left"),
    [
        (TEN, TEN + 3 * DAY_MS, [], []),
        (TEN, TEN + 3 * DAY_MS, [11], [(TEN + DAY_MS, TEN + 2 * DAY_MS)]),
        (TEN, TEN + 3 * DAY_MS, [10, 11, 12], [(TEN, TEN + 3 * DAY_MS)]),
        (TEN - 9, TEN + 2 * DAY_MS + 9, [], [(TEN - 9, TEN), (TEN + 2 * DAY_MS, TEN + 2 * DAY_MS + 9)]),
        (TEN - 9, TEN + 2 * DAY_MS, [10], [(TEN - 9, TEN + DAY_MS)]),
        (TEN + 1, TEN + 2, [], [(TEN + 1, TEN + 2)]),
    ],
)  # fmt: skip
def test_what_no_fresh_day_covers(from_ms: int, to_ms: int, stale: list[int], left: list[tuple[int, int]]) -> None:
    """Stale days and parts of days are left to the sessions, neighbours as one range."""
    asked = view(from_ms, to_ms)
    assert uncovered(asked, whole_days(asked), stale) == left


def test_many_ranges_become_two() -> None:
    """The widest gap stays a gap; what lies in the others is read from the sessions as well."""
    assert join_ranges([(0, 1), (5, 6), (100, 101), (103, 104)]) == ((0, 6), (100, 104))
    assert join_ranges([(0, 1), (5, 6)]) == ((0, 1), (5, 6))
    assert join_ranges([]) == ()


def cover(days: range, *ranges: tuple[int, int], are_viewers_settled: bool = True) -> Cover:
    """Return a cover."""
    state = RefreshState(now_ms=0, refreshed_until_ms=0)
    return Cover(days=days, ranges=ranges, are_viewers_settled=are_viewers_settled, state=state)


def test_two_periods_of_days_alone_are_asked_for_at_once() -> None:
    """What lies side by side and needs no session is one question."""
    joined = cover(range(20, 30)).join(cover(range(10, 20), are_viewers_settled=False))
    assert joined == cover(range(10, 30), are_viewers_settled=False)


def test_periods_with_sessions_are_asked_for_one_by_one() -> None:
    """Sessions of one period would count in the other."""
    some = (20 * DAY_MS, 21 * DAY_MS)
    assert cover(range(20, 30), some).join(cover(range(10, 20))) is None
    assert cover(range(20, 30)).join(cover(range(10, 20), some)) is None


def test_a_day_is_stale_until_a_later_build() -> None:
    """As it is while a mart never saw it."""
    freshness = Freshness(
        changed={10: 5, 11: 5, 12: 5, 13: 5, 20: 9},
        built={"stream_daily": {10: 6, 11: 5, 12: 4}, VIEWERS: {10: 6, 11: 6}},
        state=RefreshState(now_ms=0, refreshed_until_ms=0),
    )
    assert freshness.stale_days(range(10, 20), ["stream_daily"]) == [11, 12, 13]
    assert freshness.are_viewers_settled(range(10, 12))
    assert not freshness.are_viewers_settled(range(10, 13))
