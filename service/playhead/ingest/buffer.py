"""Group commit: rows of many requests go to the database in one insert, and every request waits for its own.

Nothing is answered before it is stored, and nothing waits without bound: a full buffer says so at once.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence

import msgspec
import structlog

from playhead.errors import StoreRejectedError, StoreUnavailableError, UnavailableError, UnstorableError
from playhead.ingest.writer import Sink
from playhead.settings import Settings

RETRY_AFTER_S = 2

log = structlog.get_logger()


class FlushStats(msgspec.Struct):
    """What the buffer has done; times in seconds, the longest and the sum."""

    flushes: int = 0
    failed_flushes: int = 0
    refused_puts: int = 0
    poisoned_puts: int = 0
    rows: int = 0
    bytes: int = 0
    largest_rows: int = 0
    total_s: float = 0.0
    longest_s: float = 0.0
    waiting_rows: int = 0
    waiting_bytes: int = 0


class _Chunk(msgspec.Struct, frozen=True):
    """The rows of one request."""

    lines: bytes
    rows: int
    stored: asyncio.Future[None]
    on_end: Callable[[], object] | None

    def settle(self, error: Exception | None = None) -> None:
        """Tell who waits, if anybody still does, and let go what was claimed."""
        if not self.stored.done():
            if error is None:
                self.stored.set_result(None)
            else:
                self.stored.set_exception(error)
                self.stored.exception()  # A sender that left takes no notice of the outcome, which is no fault.
        if self.on_end is not None:
            self.on_end()


class RowBuffer:
    """Collects rows and writes them to a sink when there are enough, or of enough requests, or they waited long."""

    def __init__(self, sink: Sink, settings: Settings) -> None:
        self.stats = FlushStats()
        self._sink = sink
        self._settings = settings
        self._waiting: list[_Chunk] = []
        self._waiting_rows = 0
        self._requests_under_way = 0
        self._is_stopping = False
        self._has_rows = asyncio.Event()
        self._is_due = asyncio.Event()
        self._slots = asyncio.Semaphore(settings.flush_parallel)
        self._flushes: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._put_at = -math.inf

    @property
    def idle_s(self) -> float:
        """How long ago rows were put here last; infinite: never."""
        return time.monotonic() - self._put_at

    def start(self) -> None:
        """Begin to write."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Refuse further rows, and write all that wait."""
        self._is_stopping = True
        self._has_rows.set()
        self._is_due.set()
        if self._loop is not None:
            await self._loop

    def put(self, lines: bytes, rows: int, on_end: Callable[[], object] | None = None) -> asyncio.Future[None]:
        """Take the rows of one request; the future is done when they are stored, and may be cancelled before.

        `on_end` is called when they are stored or given up, though nobody waits any more. Raises UnavailableError at
        once when the buffer is full or stopping. The future raises it when the rows can be stored nowhere now, and
        UnstorableError, caused by the database's, when they never can be.
        """
        if self._is_stopping or not self._has_room(len(lines), rows):
            self.stats.refused_puts += 1
            raise UnavailableError("The service cannot take more events right now.", retry_after_s=RETRY_AFTER_S)
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Chunk(lines, rows, stored, on_end))
        self._put_at = time.monotonic()
        self._waiting_rows += rows
        self.stats.waiting_rows += rows
        self.stats.waiting_bytes += len(lines)
        self._has_rows.set()
        # Shared by so many, what an insert costs by itself is little, and to wait would only keep them waiting. Where
        # one with more is under way, as many are likely to come before it ends.
        is_crowd = len(self._waiting) >= max(self._settings.flush_requests, self._requests_under_way)
        if is_crowd or self._waiting_rows >= self._settings.flush_rows:
            self._is_due.set()
        return stored

    def _has_room(self, size: int, rows: int) -> bool:
        return (
            self.stats.waiting_rows + rows <= self._settings.buffer_rows
            and self.stats.waiting_bytes + size <= self._settings.buffer_bytes
        )

    async def _run(self) -> None:
        while True:
            await self._has_rows.wait()
            await self._wait_for_company()
            await self._slots.acquire()
            chunks = self._take_waiting()
            if not chunks:
                self._slots.release()
            else:
                flush = asyncio.create_task(self._flush(chunks))
                self._flushes.add(flush)
                flush.add_done_callback(self._end_flush)
            if self._is_stopping and not self._waiting:
                break
        await asyncio.gather(*self._flushes)

    async def _wait_for_company(self) -> None:
        try:
            async with asyncio.timeout(self._settings.flush_interval_ms / 1000):
                await self._is_due.wait()
        except TimeoutError:
            return

    def _take_waiting(self) -> list[_Chunk]:
        chunks, self._waiting, self._waiting_rows = self._waiting, [], 0
        if not self._is_stopping:
            self._has_rows.clear()
            self._is_due.clear()
        return chunks

    def _end_flush(self, flush: asyncio.Task[None]) -> None:
        self._flushes.discard(flush)
        self._slots.release()

    async def _flush(self, chunks: Sequence[_Chunk]) -> None:
        started = time.monotonic()
        self._requests_under_way += len(chunks)
        try:
            await self._write(chunks)
        except Exception:  # Whatever it was, those who wait must hear of it and the next flush go on.
            log.exception("flush_failed")
            self._give_up(chunks)
        finally:
            self._requests_under_way -= len(chunks)
            self._count(chunks, time.monotonic() - started)

    async def _write(self, chunks: Sequence[_Chunk]) -> None:
        """Write chunks, halving them while the database refuses one of the rows, until that one is alone."""
        try:
            await self._sink.write(b"".join(chunk.lines for chunk in chunks))
        except StoreRejectedError as error:
            if len(chunks) == 1:
                self._drop_poison(chunks[0], error)
                return
            middle = len(chunks) // 2
            await self._write(chunks[:middle])
            await self._write(chunks[middle:])
        except StoreUnavailableError:
            self._give_up(chunks)
        else:
            _settle(chunks)

    def _give_up(self, chunks: Sequence[_Chunk]) -> None:
        self.stats.failed_flushes += 1
        _settle(chunks, UnavailableError("The events cannot be stored right now.", retry_after_s=RETRY_AFTER_S))

    def _drop_poison(self, chunk: _Chunk, error: StoreRejectedError) -> None:
        log.warning("poison_rows", rows=chunk.rows, error=str(error))
        self.stats.poisoned_puts += 1
        refusal = UnstorableError("The database will never take these events; sending them again is no use.")
        refusal.__cause__ = error
        _settle([chunk], refusal)

    def _count(self, chunks: Sequence[_Chunk], duration_s: float) -> None:
        rows = sum(chunk.rows for chunk in chunks)
        size = sum(len(chunk.lines) for chunk in chunks)
        stats = self.stats
        stats.flushes += 1
        stats.rows += rows
        stats.bytes += size
        stats.largest_rows = max(stats.largest_rows, rows)
        stats.total_s += duration_s
        stats.longest_s = max(stats.longest_s, duration_s)
        stats.waiting_rows -= rows
        stats.waiting_bytes -= size


def _settle(chunks: Sequence[_Chunk], error: Exception | None = None) -> None:
    for chunk in chunks:
        chunk.settle(error)
