"""Which days marts may answer for, and what is left to the sessions."""

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
import pytest

from playhead.errors import StoreUnavailableError
from playhead.rollup.refresh import RefreshState
from playhead.serve.cover import (
    DAY_MS,
    EPOCH,
    LAST_DAY,
    VIEWERS,
    Cover,
    Freshness,
    answer_by_covers,
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
    return Cover(days=days, ranges=ranges, are_viewers_settled=are_viewers_settled)


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


def test_viewers_of_a_day_depend_on_earlier_days_alone() -> None:
    """A change of a day makes those after it stale, in the range asked about, not those before it."""
    freshness = Freshness(
        changed={10: 5, 11: 8, 12: 5},
        built={VIEWERS: {10: 6, 11: 9, 12: 7}},
        state=RefreshState(now_ms=0, refreshed_until_ms=0),
    )
    assert freshness.are_viewers_settled(range(10, 12))
    assert not freshness.are_viewers_settled(range(10, 13))
    assert freshness.are_viewers_settled(range(12, 13))


MODEL = "stream_daily"
BUILT = {MODEL: {10: 6, 11: 6}, VIEWERS: {10: 6, 11: 6}}


class MarksStore:
    """A store that answers one question alone: what is known of days, as of `freshness`, once `may_answer` is set."""

    def __init__(self, changed: dict[int, int], built: dict[str, dict[int, int]]) -> None:
        self.freshness = Freshness(changed=changed, built=built, state=RefreshState(now_ms=7, refreshed_until_ms=5))
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.error: Exception | None = None

    async def fetch(self, _: str, row_type: Any, parameters: Mapping[str, Any]) -> list[Any]:
        """Return rows of the query cover."""
        await self.may_answer.wait()
        if self.error:
            raise self.error
        first, end = ((date.fromisoformat(parameters[name]) - EPOCH).days for name in ("from_day", "to_day"))
        kinds = {"changed": self.freshness.changed} | {
            model: self.freshness.built.get(model, {}) for model in parameters["models"]
        }
        marks = [(kind, day, at) for kind, days in kinds.items() for day, at in days.items() if first <= day < end]
        return [row_type(*mark) for mark in (*marks, ("now", 0, 7), ("refreshed", 0, 5))]


class Asked:
    """An answer that takes until `may_answer` is set, and by which covers it was asked for."""

    def __init__(self) -> None:
        self.covers: list[Cover] = []
        self.answered = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.begun = asyncio.Event()

    async def __call__(self, covers: list[Cover]) -> int:
        """Answer with how many answers there were before."""
        self.covers += covers
        self.begun.set()
        await self.may_answer.wait()
        self.answered += 1
        return self.answered - 1


async def ask(store: MarksStore, asked: Asked, from_day: int = 10, to_day: int = 12) -> tuple[RefreshState, int]:
    """Ask for an answer over days."""
    days = view(from_day * DAY_MS, to_day * DAY_MS)
    return await answer_by_covers(store, [days], [MODEL], asked)  # type: ignore[arg-type]  # Only fetch is asked.


async def ask_while_the_cover_waits(
    store: MarksStore, asked: Asked, from_day: int = 10, to_day: int = 12
) -> tuple[RefreshState, int]:
    """Ask for an answer which is worked out before the database says anything of days."""
    store.may_answer.clear()
    asked.begun.clear()
    answer = asyncio.create_task(ask(store, asked, from_day, to_day))
    await asked.begun.wait()
    store.may_answer.set()
    return await answer


@pytest.mark.anyio
async def test_an_answer_does_not_wait_for_the_cover_it_expects() -> None:
    """It is asked for while the database still says of the days what it said before."""
    store, asked = MarksStore({10: 5, 11: 5}, BUILT), Asked()
    assert await ask(store, asked) == (store.freshness.state, 0)
    assert await ask_while_the_cover_waits(store, asked) == (store.freshness.state, 1)
    assert asked.covers == [cover(range(10, 12))] * 2


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changed", "built", "expected"),
    [
        ({10: 5, 11: 9}, BUILT, cover(range(10, 12), (11 * DAY_MS, 12 * DAY_MS), are_viewers_settled=False)),
        ({10: 5, 11: 9}, {MODEL: {10: 6, 11: 10}, VIEWERS: {10: 6, 11: 10}}, cover(range(10, 12))),
        ({10: 5, 11: 5}, {MODEL: {10: 6, 11: 7}, VIEWERS: {10: 6, 11: 6}}, cover(range(10, 12))),
        ({10: 5, 11: 5}, {MODEL: {10: 6, 11: 6}, VIEWERS: {10: 7, 11: 6}}, cover(range(10, 12))),
    ],
    ids=["changed", "changed and built", "built again", "viewers built again"],
)
async def test_an_answer_by_days_that_changed_is_dropped(
    changed: dict[int, int], built: dict[str, dict[int, int]], expected: Cover
) -> None:
    """Also where a build has settled it meanwhile: what was read may be of before."""
    store, asked = MarksStore({10: 5, 11: 5}, BUILT), Asked()
    await ask(store, asked)
    store.freshness = msgspec.structs.replace(store.freshness, changed=changed, built=built)
    assert await ask_while_the_cover_waits(store, asked) == (store.freshness.state, 2)
    assert asked.covers == [cover(range(10, 12)), cover(range(10, 12)), expected]


@pytest.mark.anyio
@pytest.mark.parametrize("from_ms", [TEN, TEN + 1], ids=["a stale day", "part of a day"])
async def test_sessions_are_read_after_it_is_known_how_fresh_they_are(from_ms: int) -> None:
    """Else a round of the refresh that ends in between would be told of and not be in the answer."""
    store, asked = MarksStore({10: 5, 11: 9} if from_ms == TEN else {11: 5}, BUILT), Asked()
    part = View(from_ms=from_ms, to_ms=12 * DAY_MS)
    for _ in range(2):
        store.may_answer.clear()
        asked.begun.clear()
        answer = asyncio.create_task(answer_by_covers(store, [part], [MODEL], asked))  # type: ignore[arg-type]  # As in ask.
        await asyncio.sleep(0)
        assert not asked.begun.is_set()
        store.may_answer.set()
        await answer
    assert not any(cover.is_of_days_alone for cover in asked.covers)


@pytest.mark.anyio
async def test_nothing_is_expected_of_days_never_looked_at() -> None:
    """Days beside known ones are known too once both were asked for, days far away are not."""
    store, asked = MarksStore({10: 5, 11: 5}, BUILT), Asked()
    for from_day, to_day in ((10, 12), (12, 14), (20, 22), (10, 12)):
        store.may_answer.clear()
        asked.begun.clear()
        answer = asyncio.create_task(ask(store, asked, from_day, to_day))
        await asyncio.sleep(0)
        assert not asked.begun.is_set()
        store.may_answer.set()
        await answer
    await ask(store, asked, 12, 14)
    await ask_while_the_cover_waits(store, asked, 10, 14)
    assert asked.covers[-1] == cover(range(10, 14))


@pytest.mark.anyio
async def test_an_answer_that_is_not_wanted_leaves_nothing_behind() -> None:
    """Where the cover cannot be had the answer asked for beside it is given up."""
    store, asked = MarksStore({10: 5}, BUILT), Asked()
    await ask(store, asked)
    store.error = StoreUnavailableError("gone")
    asked.may_answer.clear()
    tasks = asyncio.all_tasks()
    with pytest.raises(StoreUnavailableError, match="gone"):
        await ask_while_the_cover_waits(store, asked)
    assert asked.answered == 1
    assert asyncio.all_tasks() == tasks
