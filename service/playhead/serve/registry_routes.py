"""The admin API's registry of streams: who owns them, and what they are called."""

from typing import Annotated

from litestar import Response, Router, delete, get, put
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from playhead.errors import (
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    StoreUnavailableError,
    TooLargeError,
    UnauthorizedError,
)
from playhead.events import IDENTIFIER_PATTERN, MAX_IDENTIFIER_LENGTH
from playhead.ops.auth import Caller
from playhead.ops.problems import describe_problems
from playhead.serve.answers import RegisteredStream, RegistryAnswer
from playhead.serve.registry import Registration, RegistryPage, fetch_registered, fetch_registry, register, unregister
from playhead.store.contract import Store

MAX_LIMIT = 1000
MAX_OFFSET = 10_000_000

StreamId = Annotated[
    str,
    PathParameter(
        description="The stream's id.", min_length=1, max_length=MAX_IDENTIFIER_LENGTH, pattern=IDENTIFIER_PATTERN
    ),
]

_PROBLEMS = describe_problems(InvalidRequestError, UnauthorizedError, StoreUnavailableError)
_OF_ONE = _PROBLEMS | describe_problems(NotFoundError)


@get(
    "/",
    summary="Registered streams",
    operation_id="list_registered_streams",
    responses=_PROBLEMS | describe_problems(ForbiddenError),
)
async def list_registered_streams(
    store: NamedDependency[Store],
    caller: NamedDependency[Caller],
    q: Annotated[str, QueryParameter(description="Part of a stream's id or title.", max_length=256)] = "",
    organizer_id: Annotated[str, QueryParameter(description="Streams of this organizer only.", max_length=128)] = "",
    limit: Annotated[int, QueryParameter(description="Entries of a page.", ge=1, le=MAX_LIMIT)] = 100,
    offset: Annotated[int, QueryParameter(description="Entries to leave out first.", ge=0, le=MAX_OFFSET)] = 0,
) -> RegistryAnswer:
    """Return a page of the registry, by id; with an organizer's key its own streams."""
    page = RegistryPage(organizer_id=caller.scope(organizer_id), q=q, limit=limit, offset=offset)
    total, items = await fetch_registry(store, page)
    return RegistryAnswer(total=total, items=items)


@get("/{stream_id:str}", summary="One registered stream", operation_id="get_registered_stream", responses=_OF_ONE)
async def get_registered_stream(
    store: NamedDependency[Store], caller: NamedDependency[Caller], stream_id: StreamId
) -> RegisteredStream:
    """Return the registry's entry; 404 where the caller may not know of it."""
    return await fetch_registered(store, caller, stream_id)


@put(
    "/{stream_id:str}",
    summary="Register a stream, or change it",
    operation_id="put_registered_stream",
    responses=_OF_ONE
    | describe_problems(ForbiddenError, TooLargeError)
    | {201: ResponseSpec(RegisteredStream, generate_examples=False, description="It was not registered before.")},
)
async def put_registered_stream(
    store: NamedDependency[Store], caller: NamedDependency[Caller], stream_id: StreamId, data: JSONBody[Registration]
) -> Response[RegisteredStream]:
    """Replace the entry, whole; every answer from now on has its title and organizer, for sessions of the past too.

    A key of an organizer changes its own streams; only a key of the platform registers new ones.
    """
    entry, is_new = await register(store, caller, stream_id, data)
    return Response(entry, status_code=201 if is_new else 200)


@delete("/{stream_id:str}", summary="Unregister a stream", operation_id="delete_registered_stream", responses=_OF_ONE)
async def delete_registered_stream(
    store: NamedDependency[Store], caller: NamedDependency[Caller], stream_id: StreamId
) -> None:
    """Take the stream out of the registry; its sessions stay, under no organizer."""
    await unregister(store, caller, stream_id)


def registry_router() -> Router:
    """Return the routes below /streams."""
    return Router(
        "/streams",
        route_handlers=[
            list_registered_streams,
            get_registered_stream,
            put_registered_stream,
            delete_registered_stream,
        ],
        tags=["registry"],
    )
