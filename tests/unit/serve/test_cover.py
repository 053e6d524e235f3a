"""Which days marts may answer for, and what is left to the sessions."""

import pytest

from playhead.serve.cover import DAY_MS, LAST_DAY, join_ranges, uncovered, whole_days
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
