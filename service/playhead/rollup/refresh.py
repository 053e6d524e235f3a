"""Keeps `sessions` fresh: lets them go on from their rows with the events that arrived, round after round.

Those that cannot, since what arrived does not come after all that was there, are refolded whole; so are those of
which the number of inserted events is not that of their row. Any number of processes may do this at once: a row's
version says up to which arrival it is complete (docs/decisions/0007-go-on-from-the-row.md).
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
import structlog

from playhead.errors import StoreError
from playhead.rollup.refold import (
    ANY_TIME_MS,
    NO_BATCH,
    list_sessions,
    list_stale_sessions,
    note_changed_days,
    read_watermark,
    refold_sessions,
    scope_batch,
)
from playhead.rollup.threads import background_threads
from playhead.settings import Settings
from playhead.store.cluster import shards_of
from playhead.store.contract import Store
from playhead.store.sql_files import query

LOOK_BACK_MS = 60_000
"""An insert is stamped when it starts and seen when it ends; none takes longer (PLAYHEAD_INSERT_TIMEOUT_S <= 30)."""

LOG_LIFE_MS = 1_800_000
"""How long arrivals are surely there; they expire after twice that."""

COUNT_INTERVAL_MS = 60_000
"""How often inserts are counted, to find what the arrivals did not tell of."""

COUNT_MARGIN_MS = 2_000
"""An insert's stamps in the index and among the arrivals are less than that apart."""

DAMAGED = frozenset({33, 40, 107, 246, 271})
"""ClickHouse's error codes of a file that cannot be read: cut short, checksum, missing, corrupted, not unpacked."""

IDLE_MARK_MS = 3_000
"""How old the mark may grow while nothing changes."""

NOTE_MARGIN_MS = 1_000
"""By how much a watermark may be below an earlier one."""

REMEMBERED_ROUNDS = 10
"""The next round may take as long as the longest of so many."""

log = structlog.get_logger()


class RefreshState(msgspec.Struct, frozen=True):
    """The database's clock and the newest mark, ms since the epoch; 0: never refreshed.

    `arrivals_until_ns`: every arrival stamped then or before is in the sessions; 0: nobody has looked at arrivals.
    `counted_until_ms`: sessions touched before were compared with the number of their inserts; 0: never.
    """

    now_ms: int
    refreshed_until_ms: int
    arrivals_until_ns: int = 0
    counted_until_ms: int = 0

    @property
    def freshness_s(self) -> float | None:
        """Age of the newest data that answers surely include; None before the first refresh.

        Where the database's clock was set back it is by how much: until the clock has caught up, rounds find nothing.
        """
        if not self.refreshed_until_ms:
            return None
        return abs(self.now_ms - self.refreshed_until_ms) / 1000


class _Folded(msgspec.Struct, frozen=True):
    sessions: int


class _Arrivals(msgspec.Struct, frozen=True):
    events: int
    sessions: int


async def read_refresh_state(store: Store) -> RefreshState:
    """Return how far the sessions are up to date."""
    [state] = await store.fetch(query("refresh_state"), RefreshState)
    return state


async def refresh_sessions(store: Store, settings: Settings, threads: int = 0) -> int:
    """Bring every session up to date with what was stored before the call, and set a new mark.

    `threads` are those the fold may take, 0: as many as there are. Returns how many sessions were worked on. Each shard
    of a cluster does so for itself, since sessions lie whole on one; one that fails keeps none of the others from it,
    and raises its error in the end.
    """
    rounds = (_refresh_shard(shard, settings, threads) for shard in await shards_of(store))
    worked = await asyncio.gather(*rounds, return_exceptions=True)
    for found in worked:
        if isinstance(found, BaseException):
            raise found
    return sum(found for found in worked if isinstance(found, int))


async def _refresh_shard(store: Store, settings: Settings, threads: int) -> int:
    state = await read_refresh_state(store)
    watermark_ns = await read_watermark(store)
    arrived = {"arrived_after": state.arrivals_until_ns, "arrived_until": watermark_ns}
    worked = 0
    is_logged = state.now_ms - state.arrivals_until_ns // 1_000_000 <= LOG_LIFE_MS
    if is_logged:
        try:
            worked = await _go_on(store, settings, arrived, threads)
        except StoreError as error:
            if error.code_number not in DAMAGED:
                raise
            # All that arrivals tell, counting finds too; the next round begins after them. Damage to anything else, it
            # meets again.
            log.warning("arrivals_damaged", error=str(error))
            is_logged = False
    is_counted = not is_logged or state.now_ms - state.counted_until_ms >= COUNT_INTERVAL_MS
    if is_counted:
        touched_since_ms = max((state.counted_until_ms or state.refreshed_until_ms) - LOOK_BACK_MS, 0)
        # Those touched after the watermark are left to the next round, unless there is none before to go on from.
        touched_before_ms = watermark_ns // 1_000_000 - COUNT_MARGIN_MS if is_logged else ANY_TIME_MS
        stale = await list_stale_sessions(store, touched_since_ms, touched_before_ms)
        worked += await refold_sessions(store, settings, stale)
    if worked or is_counted or state.now_ms - state.refreshed_until_ms >= IDLE_MARK_MS:
        counted_until_ms = watermark_ns // 1_000_000 if is_counted else state.counted_until_ms
        # Rounds that failed since the last mark may have stored sessions too.
        await note_changed_days(store, min(state.now_ms, state.refreshed_until_ms) - NOTE_MARGIN_MS)
        await _set_mark(store, watermark_ns, counted_until_ms)
    return worked


async def _go_on(store: Store, settings: Settings, arrived: dict[str, int], threads: int) -> int:
    """Fold what arrived in (arrived_after, arrived_until] and return for how many sessions there was any."""
    [arrivals] = await store.fetch(query("count_arrivals"), _Arrivals, arrived)
    if not arrivals.events:
        return 0
    # Sessions without a row are worked out whole, by the same statement: planning it is most of its cost.
    new = await list_sessions(store, "list_new_sessions", arrived)
    batch_id = await scope_batch(store, settings, new)
    slices = 1 + arrivals.events // settings.refold_rows
    fold = query("fold_arrivals").replace("max_threads = 0", f"max_threads = {threads}")
    for number in range(slices):
        # A row has to be there soon after its version, so that a later slice cannot go by an early watermark.
        until_ns = await read_watermark(store) if number else arrived["arrived_until"]
        part = {
            "arrived_until": until_ns,
            "slice": number,
            "slices": slices,
            "batch_id": NO_BATCH if number else batch_id,
        }
        await store.execute(fold, arrived | part | {"max_events": settings.max_session_events})
    if slices > 1 or await _count_folded(store, batch_id, arrived["arrived_until"]) < arrivals.sessions:
        await refold_sessions(store, settings, await list_sessions(store, "list_late_sessions", arrived))
    return arrivals.sessions


async def _count_folded(store: Store, batch_id: str, arrived_until_ns: int) -> int:
    """Return how many sessions one fold has written; to find which it has not takes three times as long."""
    fold = {"batch_id": batch_id, "arrived_until": arrived_until_ns}
    [folded] = await store.fetch(query("count_folded"), _Folded, fold)
    return folded.sessions


async def _set_mark(store: Store, watermark_ns: int, counted_until_ms: int) -> None:
    columns = ["refreshed_until", "arrivals_until", "counted_until"]
    seconds, below_ns = divmod(watermark_ns, 1_000_000_000)
    instant = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
    counted = datetime.fromtimestamp(counted_until_ms / 1000, UTC).isoformat(timespec="milliseconds")
    mark = [f"{instant}.{below_ns // 1_000_000:03}", f"{instant}.{below_ns:09}", counted]
    await store.insert("refresh_marks", columns, msgspec.json.encode(mark) + b"\n")


class Refresher:
    """Runs `refresh_sessions` in the background; a failed round is logged and the next one heals it."""

    def __init__(self, store: Store, settings: Settings, *, is_ingest_idle: Callable[[], bool] = lambda: False) -> None:
        """`is_ingest_idle` tells whether a round may take the whole machine."""
        self._store = store
        self._settings = settings
        self._is_ingest_idle = is_ingest_idle
        self._task: asyncio.Task[None] | None = None
        self._rounds_s: deque[float] = deque([0.0], maxlen=REMEMBERED_ROUNDS)

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
            started = time.monotonic()
            try:
                threads = 0 if self._is_ingest_idle() else background_threads(self._settings)
                await refresh_sessions(self._store, self._settings, threads)
            except StoreError as error:
                log.warning("refresh_failed", error=str(error))
            except Exception:  # Whatever it was, the next round may do, and freshness_s tells until then.
                log.exception("refresh_crashed")
            self._rounds_s.append(time.monotonic() - started)
            await asyncio.sleep(rest_s(self._rounds_s, self._settings))


def rest_s(rounds_s: Sequence[float], settings: Settings) -> float:
    """Return how many seconds to rest after rounds that took `rounds_s`, the newest last.

    Most of a round is the same whatever came in, so where rounds take long, fewer leave more for the rest. What comes
    just after one began waits for it, the rest and the next one, which may take as long as any of the last ones; that
    is to stay within `fresh_within_s`.
    """
    newest_s = rounds_s[-1]
    return max(settings.refresh_interval_s, min(2 * newest_s, settings.fresh_within_s - newest_s - max(rounds_s)))
