"""Where flushed rows go."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from playhead.errors import StoreUnavailableError
from playhead.events import BATCH_COLUMNS
from playhead.settings import Settings
from playhead.store.contract import Store

EVENTS_TABLE = "event_batches"
"""From there the database spreads each batch to `playback_events`, in the same insert."""

FIRST_PAUSE_S = 0.1

log = structlog.get_logger()


class Sink(Protocol):
    """Takes rows for good: once `write` returns they survive this process.

    Raises StoreUnavailableError when nobody can take them now, StoreRejectedError when one of them never can be.
    """

    async def write(self, lines: bytes) -> None:
        """Take batches of BATCH_COLUMNS as JSONCompactEachRow lines, all or none."""
        ...


class StoreSink:
    """Inserts into the database; what fails at once and may work later is tried again, with growing pauses."""

    def __init__(
        self, store: Store, settings: Settings, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._store = store
        self._attempts = settings.insert_attempts
        self._timeout_s = settings.insert_timeout_s
        self._pause = pause

    async def write(self, lines: bytes) -> None:
        """Insert `lines`; a try that counted as failed may yet have stored them, and a second copy changes nothing."""
        began = time.monotonic()
        for attempt in range(1, self._attempts + 1):
            try:
                await self._insert(lines)
            except StoreUnavailableError as error:
                log.warning("insert_failed", attempt=attempt, of=self._attempts, error=str(error))
                if attempt == self._attempts or time.monotonic() - began >= self._timeout_s:
                    raise
                await self._pause(FIRST_PAUSE_S * 2 ** (attempt - 1))
            else:
                return

    async def _insert(self, lines: bytes) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._store.insert(EVENTS_TABLE, BATCH_COLUMNS, lines)
        except TimeoutError as error:
            raise StoreUnavailableError(f"the insert took longer than {self._timeout_s:g} s") from error
