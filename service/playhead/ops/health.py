"""Whether the process runs, and whether it can take and answer."""

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec

from playhead.errors import StoreError
from playhead.rollup.refresh import read_refresh_state
from playhead.store.contract import Store


class Health(msgspec.Struct, frozen=True):
    """How the service is; freshness_s as in every answer."""

    status: str
    freshness_s: float | None = None


@get("/health/live", summary="Does the process run", tags=["health"], operation_id="get_liveness")
async def get_liveness() -> Health:
    """Return ok as long as the process answers at all."""
    return Health("ok")


@get(
    "/health/ready",
    summary="Can it take and answer",
    tags=["health"],
    operation_id="get_readiness",
    responses={503: ResponseSpec(Health, generate_examples=False, description="The database does not answer.")},
)
async def get_readiness(store: NamedDependency[Store]) -> Response[Health]:
    """Return ok when the database answers, 503 when not."""
    try:
        state = await read_refresh_state(store)
    except StoreError:
        return Response(Health("database_unavailable"), status_code=503)
    return Response(Health("ok", state.freshness_s))
