"""The admin API's drift check: what the last one found; for keys of the platform."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency

from playhead.errors import ForbiddenError, StoreUnavailableError, UnauthorizedError
from playhead.ops.auth import Caller
from playhead.ops.problems import describe_problems
from playhead.rollup.drift_checks import Subject, fetch_last_check
from playhead.store.contract import Store

_PROBLEMS = describe_problems(UnauthorizedError, ForbiddenError, StoreUnavailableError)


class DriftItem(msgspec.Struct, frozen=True, kw_only=True):
    """One subject on one day (UTC)."""

    day: date
    subject: Subject
    checked: Annotated[int, msgspec.Meta(description="Rows compared; 0: it was not up to date enough to be.")]
    differing: Annotated[int, msgspec.Meta(description="Rows that are wrong, missing or too many.")]
    examples: Annotated[tuple[str, ...], msgspec.Meta(description="Keys of at most 10 of those.")]


class DriftAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The last drift check, newest day first."""

    checked_at: Annotated[int | None, msgspec.Meta(description="null: there was none.")]
    status: Literal["never", "ok", "drifted"]
    days: Annotated[int, msgspec.Meta(description="How many days it looked at.")]
    items: list[DriftItem]


@get("/", summary="The last drift check", operation_id="get_drift", responses=_PROBLEMS)
async def get_drift(store: NamedDependency[Store], caller: NamedDependency[Caller]) -> DriftAnswer:
    """Return where stored figures were not those that come out when they are worked out anew from the events."""
    caller.require_platform()
    report = await fetch_last_check(store)
    items = [DriftItem(**msgspec.structs.asdict(finding)) for finding in report.findings]
    return DriftAnswer(checked_at=report.checked_at, status=report.status, days=report.days, items=items)


def drift_router() -> Router:
    """Return the route /drift."""
    return Router("/drift", route_handlers=[get_drift], tags=["jobs"])
