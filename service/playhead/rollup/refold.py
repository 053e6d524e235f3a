"""Folds sessions whole, from all their events: those that could not go on from their rows, and those miscounted."""

from uuid import uuid4

import msgspec

from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.sql_files import query

NO_BATCH = "00000000-0000-0000-0000-000000000000"
ANY_TIME_MS = 4_102_444_800_000
"""2100: later than any insert."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions: those touched in [since, before) whose rows have not seen all inserts, and those listed."""

    touched_since_ms: int = ANY_TIME_MS
    touched_before_ms: int = ANY_TIME_MS
    listed_id: str = NO_BATCH


class _Watermark(msgspec.Struct, frozen=True):
    watermark_ns: int


class _ScopeEnd(msgspec.Struct, frozen=True):
    sessions: int = 0
    session_id: str = NO_BATCH
    stream_id: str = ""


async def read_watermark(store: Store) -> int:
    """Return the instant, in ns of the database's clock, up to which every arrival can be seen from now on."""
    [row] = await store.fetch(query("watermark"), _Watermark)
    return row.watermark_ns


async def refold_sessions(store: Store, settings: Settings, choice: Choice) -> int:
    """Refold the chosen sessions in batches of bounded size, and return how many there were."""
    refolded = 0
    end = _ScopeEnd()
    # Batches go through the sessions once, in the order of their ids: traffic that never rests must not keep the round.
    while (end := await _refold_batch(store, settings, choice, end)).sessions:
        refolded += end.sessions
    return refolded


async def _refold_batch(store: Store, settings: Settings, choice: Choice, after: _ScopeEnd) -> _ScopeEnd:
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
    ends = await store.fetch(query("scope_end"), _ScopeEnd, batch)
    if ends:
        await store.execute(query("fold_scope"), batch | {"max_events": settings.max_session_events})
    return ends[0] if ends else _ScopeEnd()
