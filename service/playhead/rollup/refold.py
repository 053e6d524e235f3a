"""Folds sessions whole, from all their events: those that could not go on from their rows, and those miscounted."""

import math
from uuid import uuid4

import msgspec

from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.sql_files import query

NO_BATCH = "00000000-0000-0000-0000-000000000000"
ANY_TIME_MS = 4_102_444_800_000
"""2100: later than any insert."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions: those touched in [since, before) whose rows have not seen all inserts, and those listed.

    `most`: there are no more of them than that, so that nobody looks for more once they are refolded.
    """

    touched_since_ms: int = ANY_TIME_MS
    touched_before_ms: int = ANY_TIME_MS
    listed_id: str = NO_BATCH
    most: float = math.inf


class _Watermark(msgspec.Struct, frozen=True):
    watermark_ns: int


class ScopeEnd(msgspec.Struct, frozen=True):
    """How many sessions a batch of refold_scope has, and the last of them."""

    sessions: int = 0
    session_id: str = NO_BATCH
    stream_id: str = ""


NO_SESSION = ScopeEnd()


async def read_watermark(store: Store) -> int:
    """Return the instant, in ns of the database's clock, up to which every arrival can be seen from now on."""
    [row] = await store.fetch(query("watermark"), _Watermark)
    return row.watermark_ns


async def refold_sessions(store: Store, settings: Settings, choice: Choice) -> int:
    """Refold the chosen sessions in batches of bounded size, and return how many there were."""
    refolded = 0
    end = NO_SESSION
    # Batches go through the sessions once, in the order of their ids: traffic that never rests must not keep the round.
    while refolded < choice.most:
        batch_id, end = await scope_batch(store, settings, choice, end)
        if batch_id == NO_BATCH:
            break
        batch = {"batch_id": batch_id, "max_events": settings.max_session_events}
        await store.execute(query("fold_scope"), batch)
        refolded += end.sessions
    return refolded


async def scope_batch(
    store: Store, settings: Settings, choice: Choice, after: ScopeEnd = NO_SESSION
) -> tuple[str, ScopeEnd]:
    """Settle which of the chosen sessions after `after` one fold takes on.

    Returns the batch of refold_scope and its end; NO_BATCH where no session is left.
    """
    batch: dict[str, object] = {"batch_id": str(uuid4())}
    bounds = {
        "watermark_ns": await read_watermark(store),
        "touched_since": choice.touched_since_ms / 1000,
        "touched_before": choice.touched_before_ms / 1000,
        "listed_id": choice.listed_id,
        "max_rows": settings.refold_rows,
        "after_session_id": after.session_id,
        "after_stream_id": after.stream_id,
    }
    await store.execute(query("scope_stale_sessions"), batch | bounds)
    end = await scope_end(store, str(batch["batch_id"]))
    return (str(batch["batch_id"]), end) if end.sessions else (NO_BATCH, end)


async def scope_end(store: Store, batch_id: str) -> ScopeEnd:
    """Return how many sessions a batch of refold_scope has, and the last of them."""
    ends = await store.fetch(query("scope_end"), ScopeEnd, {"batch_id": batch_id})
    return ends[0] if ends else NO_SESSION
