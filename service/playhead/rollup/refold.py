"""Folds sessions whole, from all their events: those that could not go on from their rows, and those miscounted."""

from collections.abc import Mapping
from uuid import uuid4

import msgspec

from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.sql_files import query

NO_BATCH = "00000000-0000-0000-0000-000000000000"
ANY_TIME_MS = 4_102_444_800_000
"""2100: later than any insert."""


class Listed(msgspec.Struct, frozen=True):
    """Sessions to refold, under a batch of refold_scope, and how many there are."""

    listed_id: str
    sessions: int


class _Watermark(msgspec.Struct, frozen=True):
    watermark_ns: int


class _ScopeEnd(msgspec.Struct, frozen=True):
    sessions: int = 0
    session_id: str = NO_BATCH
    stream_id: str = ""


_NO_SESSION = _ScopeEnd()


async def read_watermark(store: Store) -> int:
    """Return the instant, in ns of the database's clock, up to which every arrival can be seen from now on."""
    [row] = await store.fetch(query("watermark"), _Watermark)
    return row.watermark_ns


async def list_stale_sessions(store: Store, touched_since_ms: int, touched_before_ms: int) -> Listed:
    """List the sessions touched in [since, before) whose rows have not seen all inserts."""
    bounds = {"touched_since": touched_since_ms / 1000, "touched_before": touched_before_ms / 1000}
    return await list_sessions(store, "list_stale_sessions", bounds)


async def list_sessions(store: Store, name: str, parameters: Mapping[str, object]) -> Listed:
    """List the sessions that the query `name` finds."""
    listed_id = str(uuid4())
    await store.execute(query(name), {**parameters, "listed_id": listed_id})
    return Listed(listed_id, (await _scope_end(store, listed_id)).sessions)


async def refold_sessions(store: Store, settings: Settings, listed: Listed) -> int:
    """Refold the listed sessions in batches of bounded size, and return how many there were."""
    refolded = 0
    end = _NO_SESSION
    while refolded < listed.sessions:
        batch_id, end = await _scope_batch(store, settings, listed, end)
        if batch_id == NO_BATCH:
            break
        batch = {"batch_id": batch_id, "max_events": settings.max_session_events}
        await store.execute(query("fold_scope"), batch)
        refolded += end.sessions
    return refolded


async def note_changed_days(store: Store, from_ms: int) -> None:
    """Note the days of all sessions with a row of a version from then on (ms since the epoch): their marts are stale.

    To be called after a fold, and before anybody may take its sessions for fresh.
    """
    await store.execute(query("note_changed_days"), {"from_version": max(from_ms, 0) * 1_000_000})


async def scope_batch(store: Store, settings: Settings, listed: Listed) -> str:
    """Settle which of the listed sessions one fold takes on: return a batch of refold_scope, NO_BATCH for none."""
    if not listed.sessions:
        return NO_BATCH
    batch_id, _ = await _scope_batch(store, settings, listed, _NO_SESSION)
    return batch_id


async def _scope_batch(store: Store, settings: Settings, listed: Listed, after: _ScopeEnd) -> tuple[str, _ScopeEnd]:
    """Return the batch of those after `after`, and its end."""
    batch: dict[str, object] = {"batch_id": str(uuid4())}
    bounds = {
        "watermark_ns": await read_watermark(store),
        "listed_id": listed.listed_id,
        "max_rows": settings.refold_rows,
        "after_session_id": after.session_id,
        "after_stream_id": after.stream_id,
    }
    await store.execute(query("scope_listed_sessions"), batch | bounds)
    end = await _scope_end(store, str(batch["batch_id"]))
    return (str(batch["batch_id"]), end) if end.sessions else (NO_BATCH, end)


async def _scope_end(store: Store, batch_id: str) -> _ScopeEnd:
    """Return how many sessions a batch of refold_scope has, and the last of them."""
    ends = await store.fetch(query("scope_end"), _ScopeEnd, {"batch_id": batch_id})
    return ends[0] if ends else _NO_SESSION
