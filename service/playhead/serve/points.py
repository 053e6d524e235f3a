"""Series of points in time: metrics and peaks by minute, hour or day."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from playhead.errors import InvalidRequestError
from playhead.rollup.refresh import RefreshState
from playhead.serve.answers import Interval, MetricsPoint, PeakPoint
from playhead.serve.cover import DAY_MS, Cover, answer_by_covers
from playhead.serve.questions import View
from playhead.store.contract import Store
from playhead.store.sql_files import query

Point = TypeVar("Point", MetricsPoint, PeakPoint)

INTERVAL_MS: dict[Interval, int] = {"minute": 60_000, "hour": 3_600_000, "day": DAY_MS}
MAX_POINTS = 11_000
LONGEST_BY_MINUTE_MS = 6 * 3_600_000
LONGEST_BY_HOUR_MS = 14 * DAY_MS


def pick_interval(view: View, interval: Interval | None) -> Interval:
    """Return the interval asked for, else one that suits the range.

    Raises InvalidRequestError where that is more than 11 000 points.
    """
    length_ms = view.to_ms - view.from_ms
    if interval is None:
        interval = (
            "minute" if length_ms <= LONGEST_BY_MINUTE_MS else "hour" if length_ms <= LONGEST_BY_HOUR_MS else "day"
        )
    if len(buckets(view, interval)) > MAX_POINTS:
        sentence = f"from {view.from_ms} to {view.to_ms} by {interval} is more than {MAX_POINTS} points"
        raise InvalidRequestError(sentence, errors=(sentence,))
    return interval


def buckets(view: View, interval: Interval) -> range:
    """Return the begins of all buckets of the range, in ms; the first may begin before it."""
    width_ms = INTERVAL_MS[interval]
    return range(view.from_ms // width_ms * width_ms, view.to_ms, width_ms)


async def fetch_points(store: Store, view: View, interval: Interval) -> tuple[RefreshState, list[MetricsPoint]]:
    """Return how fresh the answer is, and every metric of each bucket, gaps filled."""
    state, points = await _fetch(store, view, interval, MetricsPoint, ("mart_points", "points"))
    return state, [points.get(t) or MetricsPoint(t=t) for t in buckets(view, interval)]


async def fetch_peaks(store: Store, view: View, interval: Interval) -> tuple[RefreshState, list[PeakPoint]]:
    """Return how fresh the answer is, and the peak of each bucket, gaps filled."""
    state, points = await _fetch(store, view, interval, PeakPoint, ("peaks", "peaks"))
    return state, [points.get(t) or PeakPoint(t=t) for t in buckets(view, interval)]


async def _fetch(
    store: Store, view: View, interval: Interval, point_type: type[Point], queries: tuple[str, str]
) -> tuple[RefreshState, dict[int, Point]]:
    """Return the points that have anything to tell by their begin; no bucket is of a mart and of sessions both.

    The one of `queries` asks a mart, the other the sessions.
    """
    of_mart, of_sessions = queries
    model, source = _mart(view, interval)

    async def ask(covers: list[Cover]) -> dict[int, Point]:
        [cover] = covers
        parameters = _parameters(view, cover, interval)
        asked = [store.fetch(query(of_mart, source), point_type, parameters)] if cover.days else []
        if cover.ranges:
            asked.append(store.fetch(query(of_sessions, "fresh_sums"), point_type, parameters))
        parts: Sequence[list[Point]] = await asyncio.gather(*asked)
        return {point.t: point for part in parts for point in part}

    return await answer_by_covers(store, [view], (model,) if model else (), ask)


def _mart(view: View, interval: Interval) -> tuple[str, str]:
    """Return the mart that has these buckets, and how it is read; empty where none has them."""
    if view.stream_id:
        return ("stream_daily", "stream_day_points") if interval == "day" and not view.dimensions() else ("", "")
    if view.mart_key() is None or interval == "minute":
        return "", ""
    return (f"dimension_{'daily' if interval == 'day' else 'hourly'}", f"dimension_{interval}_points")


def _parameters(view: View, cover: Cover, interval: Interval) -> dict[str, object]:
    dimension, value = view.mart_key() or ("", "")
    return {
        **msgspec.structs.asdict(view),
        **cover.parameters(),
        "dimension": dimension,
        "value": value,
        "dimensions": [""],
        "bucket_length_ms": INTERVAL_MS[interval],
    }
