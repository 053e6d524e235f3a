"""Which part of a question the marts may answer, and which the sessions must: the smallest cover that is fresh."""

from datetime import date, timedelta

import msgspec

from playhead.rollup.refresh import RefreshState
from playhead.serve.questions import View
from playhead.store.contract import Store
from playhead.store.sql_files import query

DAY_MS = 86_400_000
LAST_DAY = 65_535
"""The last day the engine's Date knows (2149); nothing can be stored of later ones."""
EPOCH = date(1970, 1, 1)

Range = tuple[int, int]
"""[from, to) in ms since the epoch."""


class Cover(msgspec.Struct, frozen=True, kw_only=True):
    """How a question is answered: `ranges`, at most two, by sessions, the rest of `days` (since 1970) by marts."""

    days: range
    ranges: tuple[Range, ...]
    are_viewers_settled: bool
    state: RefreshState

    @property
    def is_of_days_alone(self) -> bool:
        """Whether no session has to be read."""
        return not self.ranges

    def parameters(self) -> dict[str, object]:
        """Return the cover as the parameters of the queries' sources."""
        (from_a, to_a), (from_b, to_b) = (*self.ranges, (0, 0), (0, 0))[:2]
        bounds = {"from_a": from_a, "to_a": to_a, "from_b": from_b, "to_b": to_b}
        return bounds | {"from_day": _to_date(self.days.start), "to_day": _to_date(self.days.stop)}


class _Freshness(msgspec.Struct, frozen=True):
    now_ms: int
    refreshed_until_ms: int
    stale_days: list[date]
    are_viewers_settled: bool


async def fetch_cover(store: Store, view: View, models: tuple[str, ...]) -> Cover:
    """Return the cover of `view` by the marts `models`; none of them: by sessions alone."""
    days = whole_days(view) if models else range(0)
    bounds = {"from_day": _to_date(days.start), "to_day": _to_date(days.stop), "models": list(models)}
    [freshness] = await store.fetch(query("cover"), _Freshness, bounds)
    return Cover(
        days=days,
        ranges=join_ranges(uncovered(view, days, [(day - EPOCH).days for day in freshness.stale_days])),
        are_viewers_settled=freshness.are_viewers_settled,
        state=RefreshState(now_ms=freshness.now_ms, refreshed_until_ms=freshness.refreshed_until_ms),
    )


def whole_days(view: View) -> range:
    """Return the days (since the epoch) that lie wholly in the view's range."""
    first = -(-view.from_ms // DAY_MS)
    return range(first, min(view.to_ms // DAY_MS, LAST_DAY)) or range(0)


def uncovered(view: View, days: range, stale_days: list[int]) -> list[Range]:
    """Return what is left of the view's range without those of `days` that are not stale, in order and joined."""
    if not days:
        return [(view.from_ms, view.to_ms)]
    pieces = [(view.from_ms, days.start * DAY_MS)]
    pieces += [(day * DAY_MS, (day + 1) * DAY_MS) for day in sorted(stale_days)]
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
