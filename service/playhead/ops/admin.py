"""What stands before all of the admin API: who asks is worked out before anything else of a request is looked at."""

from typing import Any

from litestar import Request, Router
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler

from playhead.ops.auth import Caller
from playhead.ops.door import Door

MAX_BODY_BYTES = 64 * 1024


def _get_caller(request: Request[Any, Any, Any]) -> Caller:
    caller: Caller = request.user
    return caller


def admin_router(door: Door, *parts: Router) -> Router:
    """Return `parts` below /admin, none of whose handlers is reached without a key; they get `caller`."""

    async def require_key(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        # A dependency would come too late: bodies are read and decoded before dependencies are asked.
        connection.scope["user"] = await door.identify(
            connection.headers.get("authorization"),
            connection.client.host if connection.client else None,
            connection.headers.get("x-forwarded-for", ""),
        )

    return Router(
        "/admin",
        route_handlers=parts,
        guards=[require_key],
        dependencies={"caller": Provide(_get_caller, sync_to_thread=False)},
        request_max_body_size=MAX_BODY_BYTES,
        security=[{"BearerKey": []}],
    )
