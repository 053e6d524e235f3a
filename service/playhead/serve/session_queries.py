"""Asks the database for single sessions: rows of them, where one is, who is active now."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Awaitable
from typing import Annotated, TypeVar, cast

import msgspec

from playhead.errors import InvalidRequestError, NotFoundError
from playhead.serve.questions import View
from playhead.serve.session_answers import LiveStream, SessionRow
from playhead.store.contract import Store
from playhead.store.sql_files import query

Answer = TypeVar("Answer")

CSV_PAGE_ROWS = 10_000
MAX_INSTANT_MS = 2**53 - 1
AHEAD_MS = 86_400_000
"""No event may be five minutes ahead of now: a range that ends a day ahead holds every session."""


class Position(msgspec.Struct, frozen=True, array_like=True):
    """A place in the order newest first: that of the session it names; a page begins after it."""

    before_ms: Annotated[int, msgspec.Meta(ge=-MAX_INSTANT_MS, le=MAX_INSTANT_MS)] = MAX_INSTANT_MS
    before_session_id: Annotated[str, msgspec.Meta(max_length=36)] = ""


class _Sought(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows: of some streams, of some session_ids (none: of any), so many from a place on."""

    stream_ids: list[str]
    session_ids: list[str] = []
    position: Position = Position()
    limit: int


class _Stream(msgspec.Struct, frozen=True):
    stream_id: str


def write_cursor(last: SessionRow) -> str:
    """Return the cursor of the page after `last`."""
    position = msgspec.json.encode(Position(last.started_at, last.session_id))
    return base64.urlsafe_b64encode(position).rstrip(b"=").decode()


def read_cursor(text: str | None) -> Position:
    """Return where a page begins; raises InvalidRequestError for what no answer gave."""
    if text is None:
        return Position()
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Position)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        sentence = "cursor must be the next_cursor of an answer"
        raise InvalidRequestError(sentence, errors=(sentence,)) from error


async def require_stream(store: Store, view: View) -> None:
    """Raise NotFoundError where nothing is known of `view.stream_id`, or nothing its organizer may know."""
    scope = {"stream_id": view.stream_id, "organizer_id": view.organizer_id}
    if not await store.fetch(query("known_stream"), _Stream, scope):
        raise NotFoundError("There is no such stream.")


async def answer_if_known(store: Store, view: View, answer: Awaitable[Answer]) -> Answer:
    """Return what `answer` gives, worked out while it is asked whether the stream is known.

    Raises NotFoundError, whatever else may be wrong with the question: a stream that nobody may know of has no answers.
    """
    known, told = await asyncio.gather(require_stream(store, view), answer, return_exceptions=True)
    for outcome in (known, told):
        if isinstance(outcome, BaseException):
            raise outcome
    return cast("Answer", told)


async def fetch_sessions(
    store: Store, view: View, position: Position, limit: int
) -> tuple[list[SessionRow], str | None]:
    """Return at most `limit` sessions of `view.stream_id`, newest first, and the cursor of the rest, if any."""
    rows = await _fetch_rows(store, view, _Sought(stream_ids=[view.stream_id], position=position, limit=limit + 1))
    page = rows[:limit]
    return page, (write_cursor(page[-1]) if len(rows) > limit else None)


async def iterate_sessions(store: Store, view: View) -> AsyncIterator[list[SessionRow]]:
    """Yield all sessions of `view.stream_id` in pages, newest first, and one empty page where there is none."""
    cursor = None
    while True:
        page, cursor = await fetch_sessions(store, view, read_cursor(cursor), CSV_PAGE_ROWS)
        yield page
        if cursor is None:
            return


async def fetch_session(store: Store, scope: View, session_id: str) -> SessionRow:
    """Return the newest session of that id, whatever the stream or that of `scope.stream_id`, if it names one.

    Raises NotFoundError where there is none that the scope's organizer may know of.
    """
    asked = {"session_id": session_id, "stream_id": scope.stream_id, "organizer_id": scope.organizer_id}
    streams = await store.fetch(query("session_streams"), _Stream, asked)
    sought = _Sought(stream_ids=[stream.stream_id for stream in streams], session_ids=[session_id], limit=1)
    rows = await _fetch_rows(store, scope, sought) if streams else []
    if not rows:
        raise NotFoundError("There is no such session.")
    return rows[0]


async def _fetch_rows(store: Store, view: View, sought: _Sought) -> list[SessionRow]:
    asked = {"stream_ids": sought.stream_ids, "session_ids": sought.session_ids, "limit": sought.limit}
    parameters = msgspec.structs.asdict(view) | msgspec.structs.asdict(sought.position) | asked
    return await store.fetch(query("session_rows"), SessionRow, parameters)


async def fetch_live(store: Store, view: View, now_ms: int) -> list[LiveStream]:
    """Return the streams with sessions active at `now_ms`, the most watched first; the view's range has no part."""
    return await store.fetch(query("live"), LiveStream, msgspec.structs.asdict(view) | {"now_ms": now_ms})
