"""Keeps `sessions` fresh: refolds those with inserts their row has not seen, round after round.

Any number of processes may do this at once: a session's row says which inserts it has seen and when its
events were read, so double work changes nothing (docs/decisions/0002-refold-what-changed.md).
"""

import asyncio
import contextlib
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import structlog

from playhead.errors import StoreError
from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.sql_files import query

LOOK_BACK_MS = 60_000
"""An insert is stamped when it starts and seen when it ends; none takes longer (PLAYHEAD_INSERT_TIMEOUT_S <= 30)."""

IDLE_MARK_MS = 3_000
"""How old the mark may grow while nothing changes."""

log = structlog.get_logger()


class RefreshState(msgspec.Struct, frozen=True):
    """The database's clock and the newest mark, ms since the epoch; 0: never refreshed."""

    now_ms: int
    refreshed_until_ms: int

    @property
    def freshness_s(self) -> float | None:
        """Age of the newest data that answers surely include; None before the first refresh."""
        if not self.refreshed_until_ms:
            return None
        return max(self.now_ms - self.refreshed_until_ms, 0) / 1000


class _ScopeEnd(msgspec.Struct, frozen=True):
    sessions: int = 0
    session_id: str = "00000000-0000-0000-0000-000000000000"
    stream_id: str = ""


async def read_refresh_state(store: Store) -> RefreshState:
    """Return how far the sessions are up to date."""
    [state] = await store.fetch(query("refresh_state"), RefreshState)
    return state


async def refresh_sessions(store: Store, settings: Settings) -> int:
    """Refold every session changed since the last mark, in bounded batches, and set a new mark.

    Returns how many sessions were refolded. What was stored before the call is in `sessions` after it.
    """
    state = await read_refresh_state(store)
    touched_since_ms = max(state.refreshed_until_ms - LOOK_BACK_MS, 0)
    refolded = 0
    end = _ScopeEnd()
    # Batches go through the sessions once, in the order of their ids: traffic that never rests must not keep the round.
    while (end := await _refold_batch(store, settings, touched_since_ms, end)).sessions:
        refolded += end.sessions
    if refolded or state.now_ms - state.refreshed_until_ms >= IDLE_MARK_MS:
        mark = datetime.fromtimestamp(state.now_ms / 1000, UTC).isoformat(timespec="milliseconds")
        await store.insert("refresh_marks", ["refreshed_until"], msgspec.json.encode([mark]) + b"\n")
    return refolded


async def _refold_batch(store: Store, settings: Settings, touched_since_ms: int, after: _ScopeEnd) -> _ScopeEnd:
    batch: dict[str, object] = {"batch_id": str(uuid4())}
    bounds = {
        "touched_since": touched_since_ms / 1000,
        "max_rows": settings.refold_rows,
        "after_session_id": after.session_id,
        "after_stream_id": after.stream_id,
    }
    await store.execute(query("scope_stale_sessions"), batch | bounds)
    ends = await store.fetch(query("scope_end"), _ScopeEnd, batch)
    if ends:
        await store.execute(query("fold_scope"), batch | {"max_events": settings.max_session_events})
    return ends[0] if ends else _ScopeEnd()


class Refresher:
    """Runs `refresh_sessions` in the background; a failed round is logged and the next one heals it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first round starts at once."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; a round under way is given up, which loses nothing."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await refresh_sessions(self._store, self._settings)
            except StoreError as error:
                log.warning("refresh_failed", error=str(error))
            except Exception:  # Whatever it was, the next round may do, and freshness_s tells until then.
                log.exception("refresh_crashed")
            await asyncio.sleep(self._settings.refresh_interval_s)
