"""The admin API's analytics calls."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, QueryParameter

from playhead.errors import (
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    StoreUnavailableError,
    UnauthorizedError,
)
from playhead.events import Provider
from playhead.ops.auth import Caller
from playhead.ops.problems import describe_problems
from playhead.serve.answers import StreamAnswer, StreamRow, StreamsAnswer, SummaryAnswer
from playhead.serve.csv_answers import AsCsvToo, send_csv, wants_csv
from playhead.serve.queries import fetch_stream, fetch_streams, fetch_summaries
from playhead.serve.questions import SORT_FIELDS, Page, View, read_range, read_sort
from playhead.serve.series_routes import SERIES_ROUTES
from playhead.serve.session_routes import SESSION_ROUTES
from playhead.store.contract import Store

CSV_ROWS = 10_000_000
MAX_LIMIT = 1000
UNKNOWN = "unknown"
STREAM_COLUMNS = sorted(StreamRow.__struct_fields__, key=lambda column: column != "stream_id")
SORTS = [sign + field for field in sorted(SORT_FIELDS) for sign in ("", "-")]

AnyRequest = Request[Any, Any, Any]

_PROBLEMS = describe_problems(InvalidRequestError, UnauthorizedError, ForbiddenError, StoreUnavailableError)


def _query(description: str, name: str | None = None, **bounds: Any) -> QueryParameter:
    return QueryParameter(description=description, name=name, **bounds)


async def provide_view(
    caller: NamedDependency[Caller],
    from_text: Annotated[str | None, _query("Begin, RFC 3339 or a date; default 30 days before `to`.", "from")] = None,
    to_text: Annotated[str | None, _query("End, not included; a date is its 00:00; default now.", "to")] = None,
    organizer_id: Annotated[str, _query("Streams of this organizer only.", max_length=128)] = "",
    provider: Annotated[
        Provider | Literal["unknown", ""], _query("Sessions of this provider only; unknown: of which none is known.")
    ] = "",
    country: Annotated[
        str, _query("Sessions from this country only, ISO 3166 alpha-2; unknown: from none known.", max_length=7)
    ] = "",
    device: Annotated[str, _query("Sessions on this kind of device only.", max_length=16)] = "",
    include_bots: Annotated[bool, _query("Count declared crawlers too.")] = False,
) -> View:
    """Return the sessions the question is about; raises InvalidRequestError, ForbiddenError."""
    from_ms, to_ms = read_range(from_text, to_text, datetime.now(UTC))
    return View(
        from_ms=from_ms,
        to_ms=to_ms,
        organizer_id=caller.scope(organizer_id),
        provider=provider,
        country=country if country == UNKNOWN else country.upper(),
        device=device,
        include_bots=include_bots,
    )


@get(
    "/streams",
    summary="Streams with every metric",
    operation_id="list_streams",
    operation_class=AsCsvToo,
    responses=_PROBLEMS
    | {200: ResponseSpec(StreamsAnswer, generate_examples=False, description="A page; as CSV all rows.")},
)
async def list_streams(
    request: AnyRequest,
    store: NamedDependency[Store],
    view: NamedDependency[View],
    q: Annotated[str, _query("Part of a stream's id or title.", max_length=256)] = "",
    sort: Annotated[
        str, _query("A column; - before it for descending.", schema_extra={"enum": SORTS})
    ] = "-playing_time_s",
    limit: Annotated[int, _query("Rows of a page.", ge=1, le=MAX_LIMIT)] = 100,
    offset: Annotated[int, _query("Rows to leave out first.", ge=0, le=CSV_ROWS)] = 0,
    include_empty: Annotated[bool, _query("Registered streams without sessions too.")] = False,
    format_: Annotated[Literal["json", "csv"], _query("csv: all rows, as for Accept: text/csv.", "format")] = "json",
) -> Response[StreamsAnswer] | Response[str]:
    """Return a page of the streams that had a session in the range; as CSV all of them."""
    field, is_descending = read_sort(sort)
    page = Page(sort=field, is_descending=is_descending, limit=limit, offset=offset, q=q, include_empty=include_empty)
    if wants_csv(request, format_):
        state, _, rows = await fetch_streams(store, view, msgspec.structs.replace(page, limit=CSV_ROWS, offset=0))
        return send_csv("streams", rows, STREAM_COLUMNS, state)
    state, total, rows = await fetch_streams(store, view, page)
    answer = StreamsAnswer(from_=view.from_ms, to=view.to_ms, freshness_s=state.freshness_s, total=total, items=rows)
    return Response(answer)


@get(
    "/streams/summary", summary="Every metric over all streams in view", operation_id="get_summary", responses=_PROBLEMS
)
async def get_summary(store: NamedDependency[Store], view: NamedDependency[View]) -> SummaryAnswer:
    """Return the metrics over all sessions in view, and the same for the period before."""
    state, now, before = await fetch_summaries(store, view)
    return SummaryAnswer(
        from_=view.from_ms,
        to=view.to_ms,
        freshness_s=state.freshness_s,
        previous=before,
        **msgspec.structs.asdict(now),
    )


@get(
    "/streams/{stream_id:str}",
    summary="One stream",
    operation_id="get_stream",
    responses=_PROBLEMS | describe_problems(NotFoundError),
)
async def get_stream(
    store: NamedDependency[Store], view: NamedDependency[View], stream_id: FromPath[str]
) -> StreamAnswer:
    """Return a stream's row, its content and its registry entry; 404 where the caller may not know of it."""
    state, row, entry = await fetch_stream(store, msgspec.structs.replace(view, stream_id=stream_id))
    return StreamAnswer(
        from_=view.from_ms,
        to=view.to_ms,
        freshness_s=state.freshness_s,
        content=entry.content(),
        registry=entry.registry(),
        **msgspec.structs.asdict(row),
    )


def analytics_router() -> Router:
    """Return the routes below /analytics."""
    return Router(
        "/analytics",
        route_handlers=[list_streams, get_summary, get_stream, *SERIES_ROUTES, *SESSION_ROUTES],
        dependencies={"view": Provide(provide_view)},
        tags=["analytics"],
    )
