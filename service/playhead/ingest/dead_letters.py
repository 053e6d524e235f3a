"""Refused events and why, in a table for whoever debugs a player; bounded, and never in the way of accepted ones."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import structlog

from playhead.errors import StoreError, StoreRejectedError
from playhead.ingest.counters import ProtocolName
from playhead.store.contract import Store

TABLE = "dead_letters"
FLUSH_INTERVAL_S = 0.5
MAX_TEXT_BYTES = 2048
MINUTES_A_DAY = 1440
MAX_WAITING = 20_000
"""Letters that may wait while the database is away."""

log = structlog.get_logger()


class DeadLetter(msgspec.Struct, array_like=True, frozen=True):
    """One refused event; the fields are the columns. `received_at` is in UTC, texts are cut to 2 KiB."""

    received_at: str
    protocol: ProtocolName
    stream_id: str
    reason: str
    message: str
    payload: str
    envelope: str


class DeadLetterBox:
    """Keeps refused events, at most so many a minute and reason, and a day; the others are only counted."""

    def __init__(
        self, store: Store, per_minute: int, per_day: int = 100_000, clock: Callable[[], float] = time.time
    ) -> None:
        self.dropped = 0
        self._store = store
        self._per_minute = per_minute
        self._per_day = per_day
        self._clock = clock
        self._minute = 0
        self._kept: Counter[str] = Counter()
        self._day = 0
        self._kept_today = 0
        self._waiting: list[DeadLetter] = []
        self._is_stopping = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what waits; what the database does not take now is lost."""
        self._is_stopping.set()
        if self._loop is not None:
            await self._loop
        await self._flush()

    def drop_letter(  # noqa: PLR0913, PLR0917 - the fields of a letter, in their order
        self, protocol: ProtocolName, stream_id: str, reason: str, message: str, payload: str, envelope: str = ""
    ) -> None:
        """Put one refused event into the box, or only count it where the share of the minute or day is used up."""
        if not self._has_share(reason) or len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(
            DeadLetter(
                _to_instant(self._clock()), protocol, stream_id, reason, _cut(message), _cut(payload), _cut(envelope)
            )
        )

    def _has_share(self, reason: str) -> bool:
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute = minute
            self._kept.clear()
        if minute // MINUTES_A_DAY != self._day:
            self._day = minute // MINUTES_A_DAY
            self._kept_today = 0
        self._kept[reason] += 1
        has_share = self._kept[reason] <= self._per_minute and self._kept_today < self._per_day
        self._kept_today += has_share
        return has_share

    async def _run(self) -> None:
        while not self._is_stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_INTERVAL_S):
                    await self._is_stopping.wait()
            await self._flush()

    async def _flush(self) -> None:
        letters, self._waiting = self._waiting, []
        if not letters:
            return
        try:
            await self._store.insert(TABLE, DeadLetter.__struct_fields__, _ENCODER.encode_lines(letters))
        except StoreRejectedError as error:
            log.warning("dead_letters_lost", letters=len(letters), error=str(error))
            self.dropped += len(letters)
        except StoreError as error:
            log.warning("dead_letters_not_written", letters=len(letters), error=str(error))
            self._waiting = (letters + self._waiting)[:MAX_WAITING]


def _to_instant(seconds: float) -> str:
    # A number with a fraction would be read by the engine alone, not by every server.
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _cut(text: str) -> str:
    return text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore")


_ENCODER = msgspec.json.Encoder()
