"""Which part of a question the marts may answer, and which the sessions must: the smallest cover that is fresh."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import TypeVar
from weakref import WeakKeyDictionary

import msgspec

from playhead.rollup.refresh import RefreshState
from playhead.serve.questions import View
from playhead.store.contract import Store
from playhead.store.sql_files import query

DAY_MS = 86_400_000
LAST_DAY = 65_535
"""The last day the engine's Date knows (2149); nothing can be stored of later ones."""
EPOCH = date(1970, 1, 1)
FIRST_DAY = "1970-01-01"
VIEWERS = "viewers_daily"
CHANGED = "changed"

Range = tuple[int, int]
"""[from, to) in ms since the epoch."""

Answer = TypeVar("Answer")


class Cover(msgspec.Struct, frozen=True, kw_only=True):
    """How a question is answered: `ranges`, at most two, by sessions, the rest of `days` (since 1970) by marts."""

    days: range
    ranges: tuple[Range, ...]
    are_viewers_settled: bool

    @property
    def is_of_days_alone(self) -> bool:
        """Whether no session has to be read."""
        return not self.ranges

    @property
    def first_day(self) -> str:
        """The first of `days`."""
        return _to_date(self.days.start)

    def join(self, before: "Cover") -> "Cover | None":
        """Return a cover of this and of the days `before` it, if neither needs sessions."""
        if not (self.is_of_days_alone and before.is_of_days_alone):
            return None
        return Cover(
            days=range(before.days.start, self.days.stop),
            ranges=(),
            are_viewers_settled=self.are_viewers_settled and before.are_viewers_settled,
        )

    def parameters(self) -> dict[str, object]:
        """Return the cover as the parameters of the queries' sources."""
        (from_a, to_a), (from_b, to_b) = (*self.ranges, (0, 0), (0, 0))[:2]
        bounds = {"from_a": from_a, "to_a": to_a, "from_b": from_b, "to_b": to_b}
        return bounds | {"from_day": _to_date(self.days.start), "to_day": _to_date(self.days.stop)}


class _Mark(msgspec.Struct, frozen=True):
    kind: str
    day_number: int
    version: int


class Freshness(msgspec.Struct, frozen=True):
    """When each day (since 1970) changed, and up to when it is built, by mart; versions in ns."""

    changed: dict[int, int]
    built: dict[str, dict[int, int]]
    state: RefreshState

    def stale_days(self, days: range, models: Iterable[str]) -> list[int]:
        """Return those of `days` that changed since one of the marts `models` was built."""
        return sorted(
            day
            for day, changed in self.changed.items()
            if day in days and any(self.built[model].get(day, 0) <= changed for model in models)
        )

    def basis(self, days: range, models: Sequence[str]) -> object:
        """Return all that covers of `days` go by: while it stays equal, marts answer what they answered before."""
        kinds = [self.changed, *(self.built[model] for model in (*models, VIEWERS))]
        return [{day: at for day, at in kind.items() if day in days} for kind in kinds]

    def are_viewers_settled(self, days: range) -> bool:
        """Tell whether viewers_daily is newer, on each of `days`, than every change in it and in those before it."""
        changed = sorted((day, version) for day, version in self.changed.items() if day in days)
        newest = accumulate((version for _, version in changed), max)
        return all(self.built[VIEWERS].get(day, 0) > version for (day, _), version in zip(changed, newest, strict=True))


class _Memory:
    """What was last known of each day of one database, to expect the next covers by."""

    def __init__(self) -> None:
        self._days: dict[str, range] = {}
        self._marks: dict[str, dict[int, int]] = {}

    def keep(self, freshness: Freshness, days: range) -> None:
        """Remember what was found of `days`."""
        for kind, found in {CHANGED: freshness.changed, **freshness.built}.items():
            known_days = self._days.get(kind, days)
            is_beside = known_days.start <= days.stop and days.start <= known_days.stop
            kept = self._marks.get(kind, {}) if is_beside else {}
            hull = range(min(known_days.start, days.start), max(known_days.stop, days.stop)) if is_beside else days
            self._days[kind] = hull
            self._marks[kind] = {day: at for day, at in kept.items() if day not in days} | found

    def recall(self, days: range, models: Sequence[str]) -> Freshness | None:
        """Return what was last known; None where that was not asked for all of `days`."""
        for kind in (CHANGED, *models):
            known_days = self._days.get(kind, range(0))
            if days and not (known_days.start <= days.start and days.stop <= known_days.stop):
                return None
        return Freshness(
            changed=self._marks.get(CHANGED, {}),
            built={model: self._marks.get(model, {}) for model in models},
            state=RefreshState(now_ms=0, refreshed_until_ms=0),
        )


_memories: WeakKeyDictionary[Store, _Memory] = WeakKeyDictionary()


async def answer_by_covers(
    store: Store, views: Sequence[View], models: Sequence[str], ask: Callable[[list[Cover]], Awaitable[Answer]]
) -> tuple[RefreshState, Answer]:
    """Return how fresh the answer is, and what `ask` returns for the covers of `views` by the marts `models`.

    The covers are of one instant; without models they are of sessions alone. To ask the database for them takes as long
    as answers from marts do, so these are asked for at once, by the covers to expect from what was last known of the
    days. Where one of these has changed or was built since then, that answer is dropped for another. Sessions are read
    only after it is known how fresh they are: in between they may become fresher, not the other way.
    """
    days = [whole_days(view) if models else range(0) for view in views]
    whole = range(min((each.start for each in days if each), default=0), max((each.stop for each in days), default=0))
    builds = (*models, VIEWERS)
    memory = _memories.setdefault(store, _Memory())

    def make_covers(freshness: Freshness) -> list[Cover]:
        return [_make_cover(view, each, freshness, models) for view, each in zip(views, days, strict=True)]

    known = memory.recall(whole, builds)
    expected = make_covers(known) if known else []
    is_of_days_alone = bool(expected) and all(cover.is_of_days_alone for cover in expected)
    basis = known.basis(whole, models) if known else None
    asking = asyncio.ensure_future(ask(expected)) if is_of_days_alone else None
    try:
        freshness = await _fetch_freshness(store, whole, builds)
        memory.keep(freshness, whole)
        if asking is not None and freshness.basis(whole, models) == basis:
            return freshness.state, await asking
    finally:
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    return freshness.state, await ask(make_covers(freshness))


def _make_cover(view: View, days: range, freshness: Freshness, models: Sequence[str]) -> Cover:
    return Cover(
        days=days,
        ranges=join_ranges(uncovered(view, days, freshness.stale_days(days, models))),
        are_viewers_settled=freshness.are_viewers_settled(days),
    )


async def _fetch_freshness(store: Store, days: range, models: Sequence[str]) -> Freshness:
    bounds = {"from_day": _to_date(days.start), "to_day": _to_date(days.stop)}
    kinds: dict[str, dict[int, int]] = {kind: {} for kind in (CHANGED, "now", "refreshed", *models)}
    for mark in await store.fetch(query("cover"), _Mark, {**bounds, "models": list(models)}):
        kinds[mark.kind][mark.day_number] = mark.version
    state = RefreshState(now_ms=kinds.pop("now")[0], refreshed_until_ms=kinds.pop("refreshed")[0])
    return Freshness(changed=kinds.pop(CHANGED), built=kinds, state=state)


def whole_days(view: View) -> range:
    """Return the days (since the epoch) that lie wholly in the view's range."""
    first = -(-view.from_ms // DAY_MS)
    return range(first, min(view.to_ms // DAY_MS, LAST_DAY)) or range(0)


def uncovered(view: View, days: range, stale_days: list[int]) -> list[Range]:
    """Return what is left of the view's range without those of `days` that are not stale, in order and joined."""
    if not days:
        return [(view.from_ms, view.to_ms)]
    pieces = [(view.from_ms, days.start * DAY_MS)]
    pieces += [(day * DAY_MS, (day + 1) * DAY_MS) for day in stale_days]
    pieces += [(days.stop * DAY_MS, view.to_ms)]
    joined: list[Range] = []
    for begin, end in pieces:
        if joined and joined[-1][1] == begin:
            joined[-1] = (joined[-1][0], end)
        elif begin < end:
            joined.append((begin, end))
    return joined


def join_ranges(ranges: list[Range]) -> tuple[Range, ...]:
    """Return `ranges` as at most two, with the widest gap of all between them."""
    if len(ranges) <= 2:
        return tuple(ranges)
    cut = max(range(1, len(ranges)), key=lambda at: ranges[at][0] - ranges[at - 1][1])
    return (ranges[0][0], ranges[cut - 1][1]), (ranges[cut][0], ranges[-1][1])


def _to_date(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()
