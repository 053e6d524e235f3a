"""The admin API's view of ingest: outcomes, the buffer, the spool and dead letters; for keys of the platform."""

from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency

from playhead.errors import ForbiddenError, StoreUnavailableError, UnauthorizedError
from playhead.ops.auth import Caller
from playhead.ops.metric_families import IngestFigures, SpoolFigures
from playhead.ops.problems import describe_problems
from playhead.store.contract import Store
from playhead.store.sql_files import query

ReadIngest = Callable[[], IngestFigures]

_PROBLEMS = describe_problems(UnauthorizedError, ForbiddenError, StoreUnavailableError)
_TAKEN = {"accepted", "answered"}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How many events or requests of a protocol ended so, in the process that answers, since it started."""

    protocol: str
    outcome: Annotated[str, msgspec.Meta(description="accepted or refused; of requests answered or refused.")]
    reason: Annotated[str | None, msgspec.Meta(description="Why refused.")]
    count: int


class LetterCount(msgspec.Struct, frozen=True, kw_only=True):
    """Refused events that are kept, of one protocol and reason."""

    protocol: str
    reason: str
    letters: int
    last_at: int


class DeadLetters(msgspec.Struct, frozen=True, kw_only=True):
    """Refused events."""

    kept: int
    dropped: Annotated[int, msgspec.Meta(description="Only counted since this process started: over the share.")]
    reasons: list[LetterCount]


class IngestAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How ingest goes."""

    events: list[Outcome]
    requests: list[Outcome]
    buffered_rows: int
    spool: Annotated[SpoolFigures | None, msgspec.Meta(description="null: it is switched off.")]
    dead_letters: DeadLetters


@get("/", summary="How ingest goes", operation_id="get_ingest", responses=_PROBLEMS)
async def get_ingest(
    store: NamedDependency[Store], caller: NamedDependency[Caller], read_ingest: NamedDependency[ReadIngest]
) -> IngestAnswer:
    """Return what became of events, what waits for the database, and what was refused."""
    caller.require_platform()
    figures = read_ingest()
    reasons = await store.fetch(query("dead_letter_reasons"), LetterCount)
    return IngestAnswer(
        events=_outcomes(figures.counts.events),
        requests=_outcomes(figures.counts.requests),
        buffered_rows=figures.flush_stats.waiting_rows,
        spool=figures.spool_stats,
        dead_letters=DeadLetters(
            kept=sum(reason.letters for reason in reasons), dropped=figures.dropped_letters, reasons=reasons
        ),
    )


def _outcomes(counts: Mapping[tuple[str, str], int]) -> list[Outcome]:
    return [
        Outcome(protocol=protocol, outcome=outcome, reason=None, count=count)
        if outcome in _TAKEN
        else Outcome(protocol=protocol, outcome="refused", reason=outcome, count=count)
        for (protocol, outcome), count in sorted(counts.items())
    ]


def ingest_router() -> Router:
    """Return the route /ingest."""
    return Router("/ingest", route_handlers=[get_ingest], tags=["jobs"])
