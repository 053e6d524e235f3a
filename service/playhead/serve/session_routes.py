"""The admin API's calls about single sessions, about who is active now, and the dictionary of metrics."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, PathParameter, QueryParameter
from litestar.response import Stream

from playhead.errors import (
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    StoreUnavailableError,
    UnauthorizedError,
)
from playhead.events import UUID_PATTERN
from playhead.ops.auth import Caller
from playhead.ops.problems import describe_problems
from playhead.rollup.refresh import read_refresh_state
from playhead.serve.csv_answers import AsCsvToo, stream_csv, wants_csv
from playhead.serve.dictionary import METRICS, DictionaryAnswer
from playhead.serve.questions import EARLIEST_MS, View
from playhead.serve.session_answers import LiveAnswer, SessionAnswer, SessionRow, SessionsAnswer
from playhead.serve.session_queries import (
    AHEAD_MS,
    Position,
    answer_if_known,
    fetch_live,
    fetch_session,
    fetch_sessions,
    iterate_sessions,
    read_cursor,
    require_stream,
)
from playhead.serve.session_timeline import fetch_timeline, state_intervals
from playhead.settings import Settings
from playhead.store.contract import Store

MAX_LIMIT = 1000

SessionId = Annotated[
    str, PathParameter(description="The session's id, a UUID.", pattern=UUID_PATTERN, schema_extra={"format": "uuid"})
]

_PROBLEMS = describe_problems(InvalidRequestError, UnauthorizedError, ForbiddenError, StoreUnavailableError)


@get(
    "/streams/{stream_id:str}/sessions",
    summary="The sessions of a stream",
    operation_id="list_sessions",
    operation_class=AsCsvToo,
    responses=_PROBLEMS
    | describe_problems(NotFoundError)
    | {200: ResponseSpec(SessionsAnswer, generate_examples=False, description="A page; as CSV all rows.")},
)
async def list_sessions(
    request: Request[Any, Any, Any],
    store: NamedDependency[Store],
    view: NamedDependency[View],
    stream_id: FromPath[str],
    limit: Annotated[int, QueryParameter(description="Rows of a page.", ge=1, le=MAX_LIMIT)] = 100,
    cursor: Annotated[str | None, QueryParameter(description="next_cursor of the page before.", max_length=256)] = None,
    format_: Annotated[
        Literal["json", "csv"], QueryParameter(description="csv: all rows, as for Accept: text/csv.", name="format")
    ] = "json",
) -> Response[SessionsAnswer] | Stream:
    """Return a page of the sessions that began or were active in the range, newest first; as CSV all of them.

    404 where the caller may not know of the stream.
    """
    view = msgspec.structs.replace(view, stream_id=stream_id)
    position = read_cursor(cursor)
    if wants_csv(request, format_):
        await require_stream(store, view)
        state = await read_refresh_state(store)
        return await stream_csv("sessions", SessionRow, iterate_sessions(store, view), state)
    return Response(await answer_if_known(store, view, _answer_sessions(store, view, position, limit)))


async def _answer_sessions(store: Store, view: View, position: Position, limit: int) -> SessionsAnswer:
    state = await read_refresh_state(store)  # First: what is read after it is at least as fresh.
    items, next_cursor = await fetch_sessions(store, view, position, limit)
    return SessionsAnswer(
        from_=view.from_ms, to=view.to_ms, freshness_s=state.freshness_s, items=items, next_cursor=next_cursor
    )


@get(
    "/sessions/{session_id:str}",
    summary="One session, event by event",
    operation_id="get_session",
    responses=describe_problems(InvalidRequestError, UnauthorizedError, NotFoundError, StoreUnavailableError),
)
async def get_session(
    store: NamedDependency[Store],
    settings: NamedDependency[Settings],
    caller: NamedDependency[Caller],
    session_id: SessionId,
    stream_id: Annotated[
        str,
        QueryParameter(description="Its stream, where the id is of several; default: the newest.", max_length=128),
    ] = "",
) -> SessionAnswer:
    """Return a session's row, its distinct events in order, and the states they make.

    404 where the caller may not know of it. A stretch of more than 60 s without an event is a state "gap".
    """
    state = await read_refresh_state(store)
    scope = View(
        from_ms=EARLIEST_MS,
        to_ms=state.now_ms + AHEAD_MS,
        organizer_id=caller.organizer_id,
        stream_id=stream_id,
        include_bots=True,
    )
    session = await fetch_session(store, scope, session_id)
    rows = await fetch_timeline(store, session.stream_id, session.session_id, settings.max_session_events)
    return SessionAnswer(
        freshness_s=state.freshness_s,
        session=session,
        timeline=[row.event() for row in rows],
        states=state_intervals(rows),
    )


@get("/live", summary="Who is watching now", operation_id="get_live", responses=_PROBLEMS)
async def get_live(store: NamedDependency[Store], view: NamedDependency[View]) -> LiveAnswer:
    """Return how many sessions are active now, in all and by stream; `from` and `to` play no part.

    Counted are sessions whose last event came within the last 60 s and that were starting, playing, rebuffering or
    seeking up to it.
    """
    state = await read_refresh_state(store)
    streams = await fetch_live(store, view, state.now_ms)
    concurrent = sum(stream.concurrent for stream in streams)
    return LiveAnswer(at=state.now_ms, freshness_s=state.freshness_s, concurrent=concurrent, streams=streams)


@get(
    "/metrics",
    summary="The dictionary of metrics",
    operation_id="get_dictionary",
    responses=describe_problems(UnauthorizedError, StoreUnavailableError),
)
async def get_dictionary() -> DictionaryAnswer:
    """Return every metric with its name, unit, definition and the definition's version."""
    return DictionaryAnswer(list(METRICS))


SESSION_ROUTES: tuple[HTTPRouteHandler, ...] = (list_sessions, get_session, get_live, get_dictionary)
