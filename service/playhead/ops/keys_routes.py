"""The admin API's keys: made, listed and taken back by keys of the platform."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, PathParameter

from playhead.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    StoreUnavailableError,
    TooLargeError,
    UnauthorizedError,
)
from playhead.ops.auth import Caller, Key, Keys, MadeKey, OrganizerId
from playhead.ops.problems import describe_problems

_PROBLEMS = describe_problems(UnauthorizedError, ForbiddenError, StoreUnavailableError)


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to be made."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=128, description="What it is for.")]
    organizer_id: Annotated[
        OrganizerId | None, msgspec.Meta(description="The organizer it is limited to; none: a key of the platform.")
    ] = None


class KeysAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All keys in force but the one of the settings, oldest first."""

    items: list[Key]


def _require_platform(connection: ASGIConnection[Any, Caller, Any, Any], _: BaseRouteHandler) -> None:
    connection.user.require_platform()


@get("/", summary="Admin keys", operation_id="list_keys", responses=_PROBLEMS)
async def list_keys(keys: NamedDependency[Keys]) -> KeysAnswer:
    """Return the keys' names and organizers; the keys themselves nobody knows."""
    return KeysAnswer(items=await keys.fetch_all())


@post(
    "/",
    summary="Make an admin key",
    operation_id="make_key",
    responses=_PROBLEMS | describe_problems(InvalidRequestError, TooLargeError),
)
async def make_key(keys: NamedDependency[Keys], data: JSONBody[NewKey]) -> Response[MadeKey]:
    """Return a new key, this once: only its hash is kept."""
    made = await keys.make(data.name, data.organizer_id or "")
    return Response(made, headers={"Cache-Control": "no-store"})


@delete(
    "/{key_id:uuid}",
    summary="Take back an admin key",
    operation_id="delete_key",
    responses=_PROBLEMS | describe_problems(InvalidRequestError, NotFoundError, ConflictError),
)
async def delete_key(
    keys: NamedDependency[Keys],
    key_id: Annotated[UUID, PathParameter(description="The key's id, as the list has it.")],
) -> None:
    """Take the key back, at once; 409 for the last way in as the platform."""
    await keys.delete(str(key_id))


def keys_router() -> Router:
    """Return the routes below /keys, for callers of the platform: others learn nothing of what they sent."""
    return Router("/keys", route_handlers=[list_keys, make_key, delete_key], guards=[_require_platform], tags=["keys"])
