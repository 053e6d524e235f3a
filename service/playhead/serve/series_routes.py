"""The admin API's calls that spread figures out: over time, and by the values of a dimension."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, QueryParameter

from playhead.errors import (
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    StoreUnavailableError,
    UnauthorizedError,
)
from playhead.ops.problems import describe_problems
from playhead.serve.answers import (
    BreakdownAnswer,
    ConcurrencyAnswer,
    ConcurrencyPoint,
    Dimension,
    Interval,
    Metrics,
    MetricsPoint,
    TimeseriesAnswer,
    TimeseriesPoint,
)
from playhead.serve.csv_answers import AsCsvToo, send_csv, wants_csv
from playhead.serve.points import fetch_peaks, fetch_points, pick_interval
from playhead.serve.queries import fetch_breakdown
from playhead.serve.questions import View
from playhead.serve.session_queries import answer_if_known, require_stream
from playhead.store.contract import Store

AnyRequest = Request[Any, Any, Any]

_PROBLEMS = describe_problems(InvalidRequestError, UnauthorizedError, ForbiddenError, StoreUnavailableError)

IntervalParameter = Annotated[
    Interval | None,
    QueryParameter(
        description="Length of a bucket; default: minute up to 6 hours, hour up to 14 days, else day.", name="interval"
    ),
]
MetricsParameter = Annotated[
    str,
    QueryParameter(name="metrics", description="Names with commas in between; default: all.", max_length=1024),
]
FormatParameter = Annotated[
    Literal["json", "csv"], QueryParameter(description="csv: all rows, as for Accept: text/csv.", name="format")
]


def read_metrics(text: str) -> list[str]:
    """Return the metrics named in `text`, all of them if it is empty; raises InvalidRequestError for an unknown one."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := sorted(set(names) - set(Metrics.__struct_fields__)):
        sentence = f"metrics: {', '.join(unknown)} is not one of {', '.join(Metrics.__struct_fields__)}"
        raise InvalidRequestError(sentence, errors=(sentence,))
    return names or list(Metrics.__struct_fields__)


async def _answer_timeseries(
    request: AnyRequest, store: Store, view: View, interval: Interval | None, names: str, format_: str
) -> Response[TimeseriesAnswer] | Response[str]:
    metrics = read_metrics(names)
    picked = pick_interval(view, interval)
    state, points = await fetch_points(store, view, picked)
    if wants_csv(request, format_):
        return send_csv("timeseries", points, ["t", *metrics], state)
    answer = TimeseriesAnswer(
        from_=view.from_ms,
        to=view.to_ms,
        freshness_s=state.freshness_s,
        interval=picked,
        points=_pick_metrics(points, metrics),
    )
    return Response(answer)


def _pick_metrics(points: list[MetricsPoint], metrics: list[str]) -> list[TimeseriesPoint]:  # type: ignore[valid-type]
    if set(metrics) == set(Metrics.__struct_fields__):
        # By far the faster way, for thousands of points of all metrics.
        return msgspec.convert(points, list[TimeseriesPoint], from_attributes=True)  # type: ignore[valid-type]
    return [TimeseriesPoint(t=point.t, **{name: getattr(point, name) for name in metrics}) for point in points]


@get(
    "/timeseries",
    summary="Metrics over time",
    operation_id="get_timeseries",
    operation_class=AsCsvToo,
    responses=_PROBLEMS
    | {200: ResponseSpec(TimeseriesAnswer, generate_examples=False, description="Each bucket of the range.")},
)
async def get_timeseries(
    request: AnyRequest,
    store: NamedDependency[Store],
    view: NamedDependency[View],
    interval: IntervalParameter = None,
    names: MetricsParameter = "",
    format_: FormatParameter = "json",
) -> Response[TimeseriesAnswer] | Response[str]:
    """Return metrics by minute, hour or day (UTC) over all sessions in view; at most 11 000 points."""
    return await _answer_timeseries(request, store, view, interval, names, format_)


@get(
    "/streams/{stream_id:str}/timeseries",
    summary="Metrics of a stream over time",
    operation_id="get_stream_timeseries",
    operation_class=AsCsvToo,
    responses=_PROBLEMS
    | describe_problems(NotFoundError)
    | {200: ResponseSpec(TimeseriesAnswer, generate_examples=False, description="Each bucket of the range.")},
)
async def get_stream_timeseries(
    request: AnyRequest,
    store: NamedDependency[Store],
    view: NamedDependency[View],
    stream_id: FromPath[str],
    interval: IntervalParameter = None,
    names: MetricsParameter = "",
    format_: FormatParameter = "json",
) -> Response[TimeseriesAnswer] | Response[str]:
    """Return a stream's metrics by minute, hour or day (UTC); 404 where the caller may not know of it."""
    view = msgspec.structs.replace(view, stream_id=stream_id)
    return await answer_if_known(store, view, _answer_timeseries(request, store, view, interval, names, format_))


async def _answer_concurrency(store: Store, view: View, interval: Interval | None) -> ConcurrencyAnswer:
    picked = pick_interval(view, interval)
    state, points = await fetch_peaks(store, view, picked)
    highest = max(points, key=lambda point: point.peak_concurrent)  # The first of equals.
    return ConcurrencyAnswer(
        from_=view.from_ms,
        to=view.to_ms,
        freshness_s=state.freshness_s,
        interval=picked,
        peak_concurrent=highest.peak_concurrent,
        peak_at=highest.peak_at,
        points=[ConcurrencyPoint(point.t, point.peak_concurrent) for point in points],
    )


@get("/concurrency", summary="Viewers at once, over time", operation_id="get_concurrency", responses=_PROBLEMS)
async def get_concurrency(
    store: NamedDependency[Store], view: NamedDependency[View], interval: IntervalParameter = None
) -> ConcurrencyAnswer:
    """Return the exact maximum of sessions active at once in each bucket and in the range; at most 11 000 points."""
    return await _answer_concurrency(store, view, interval)


@get(
    "/streams/{stream_id:str}/concurrency",
    summary="Viewers of a stream at once, over time",
    operation_id="get_stream_concurrency",
    responses=_PROBLEMS | describe_problems(NotFoundError),
)
async def get_stream_concurrency(
    store: NamedDependency[Store],
    view: NamedDependency[View],
    stream_id: FromPath[str],
    interval: IntervalParameter = None,
) -> ConcurrencyAnswer:
    """Return the same for one stream; 404 where the caller may not know of it."""
    view = msgspec.structs.replace(view, stream_id=stream_id)
    return await answer_if_known(store, view, _answer_concurrency(store, view, interval))


@get(
    "/breakdown",
    summary="Metrics by the values of a dimension",
    operation_id="get_breakdown",
    operation_class=AsCsvToo,
    responses=_PROBLEMS
    | describe_problems(NotFoundError)
    | {200: ResponseSpec(BreakdownAnswer, generate_examples=False, description="At most 11 000 values.")},
)
async def get_breakdown(
    request: AnyRequest,
    store: NamedDependency[Store],
    view: NamedDependency[View],
    by: Annotated[Dimension, QueryParameter(description="The dimension.")],
    stream_id: Annotated[str, QueryParameter(description="Sessions of this stream only.", max_length=128)] = "",
    format_: FormatParameter = "json",
) -> Response[BreakdownAnswer] | Response[str]:
    """Return metrics by country, device and so on, the most played value first.

    By error_code a session counts under each code it had, and sessions without any are left out.
    """
    if stream_id:
        view = msgspec.structs.replace(view, stream_id=stream_id)
        await require_stream(store, view)
    state, items = await fetch_breakdown(store, view, by)
    if wants_csv(request, format_):
        return send_csv("breakdown", items, ["value", *Metrics.__struct_fields__], state)
    return Response(
        BreakdownAnswer(from_=view.from_ms, to=view.to_ms, freshness_s=state.freshness_s, by=by, items=items)
    )


SERIES_ROUTES: list[HTTPRouteHandler] = [
    get_timeseries,
    get_stream_timeseries,
    get_concurrency,
    get_stream_concurrency,
    get_breakdown,
]
