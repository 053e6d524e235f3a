"""The spool: where accepted events wait on disk while the database takes none (docs/reliability.md).

It is left in the order it was filled, and whatever is stored twice counts once: a segment goes when all of it is
stored, and one that a killed process was in the middle of is stored again from its start.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from playhead.errors import StoreError, StoreRejectedError, StoreUnavailableError
from playhead.events import EventRow
from playhead.ingest.client_sessions import Sender
from playhead.ingest.lines import count_events, encode_rows, split_events, split_lines
from playhead.ingest.spool_files import (
    Damage,
    Record,
    RecordKind,
    SpoolFolder,
    SpoolFullError,
    claim_folder,
    read_records,
)
from playhead.ingest.writer import Sink
from playhead.settings import Settings

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
FULL = "The spool is full."

PASSING_CODES = frozenset({
    0, 24, 60, 74, 75, 76, 81, 159, 160, 164, 173, 192, 193, 194, 201, 202, 203, 209, 210, 236, 241, 242, 243, 252, 279,
    285, 319, 373, 394, 415, 425, 439, 473, 497, 516, 999, 1000, 1001, 1002,
})  # fmt: skip
"""ClickHouse errors that say something of the server, not of the rows: no network, memory, thread, disk, right, quota.

From 1000 on they are what the system told the server: without memory it does not come to a word of its own.
"""

MOST_REFUSALS = 10
"""So often a record may fail for any other reason before it is set aside: it must not keep the others waiting."""

State = Literal["idle", "spooling", "replaying"]

log = structlog.get_logger()

_rows = msgspec.json.Decoder(EventRow)

MOST_TOGETHER = 200
"""Batches that get their sessions together: one by one, each would wait for two answers of the database."""

MOST_SENDERS = 100_000
"""Clients whose batches wait for a session that are known by name; with more, everybody's wait."""


class SpoolStats(msgspec.Struct, kw_only=True):
    """How the spool does; counts are since the process started, times in s since the epoch."""

    state: State = "idle"
    bytes: int = 0
    max_bytes: int = 0
    segments: int = 0
    oldest_at: float | None = None
    spooled_rows: int = 0
    replayed_rows: int = 0
    refused_appends: int = 0
    set_aside_records: int = 0
    torn_records: int = 0


class UnassignedBatch(msgspec.Struct, frozen=True):
    """A batch that came while nobody could tell which session it belongs to."""

    rows: list[EventRow]
    digest: bytes


def sender_of(row: EventRow) -> Sender:
    """Return who sent a row."""
    return Sender(row.stream_id, row.client_id)


Assign = Callable[[Sequence[UnassignedBatch]], Awaitable[bytes]]
"""Returns the rows of batches of different senders with their sessions, as they are inserted; raises StoreError."""


class Spool:
    """Keeps records on disk, and stores them once the database takes them."""

    def __init__(
        self,
        settings: Settings,
        sink: Sink,
        assign: Assign,
        on_refused: Callable[[bytes, StoreRejectedError], None],
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._assign = assign
        self._on_refused = on_refused
        self._stats = SpoolStats(max_bytes=settings.spool_max_bytes)
        self._folder: SpoolFolder | None = None
        self._waiting: list[tuple[Record, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._has_records = asyncio.Event()
        self._old_segments: set[Path] = set()
        self._unassigned: Counter[Sender] = Counter()
        self._knows_all_senders = True
        self._replaying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Claim a folder, and begin to store what an earlier process left; raises OSError."""
        settings = self._settings
        parent = Path(settings.spool_dir or Path(settings.data_dir) / "spool")
        self._folder = await asyncio.to_thread(
            claim_folder, parent, max_bytes=settings.spool_max_bytes, segment_bytes=settings.spool_segment_bytes
        )
        self._old_segments = self._folder.all_segments
        if self._old_segments:
            self._stats.state = "replaying"
        self._has_records.set()
        self._replaying = asyncio.create_task(self._replay_all(self._folder))

    async def stop(self) -> None:
        """Write what waits and leave the rest to the next process."""
        if self._replaying is not None:
            self._replaying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._replaying
        if self._writing is not None:
            await self._writing
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    @property
    def is_store_down(self) -> bool:
        """Whether the database took nothing when it was last asked; what is here will tell when it does again."""
        return self._stats.state == "spooling" and self._folder is not None and self._folder.segments > 0

    def holds_unassigned(self, rows: Iterable[EventRow]) -> bool:
        """Tell whether a batch of the same clients may wait here for a session: a later one must wait behind it."""
        if self._old_segments or not self._knows_all_senders:
            return True
        return not self._unassigned.keys().isdisjoint(map(sender_of, rows))

    async def append_unassigned(self, batch: UnassignedBatch) -> None:
        """Keep a batch that needs sessions, as `append` does."""
        senders = set(map(sender_of, batch.rows))
        if len(self._unassigned) + len(senders) > MOST_SENDERS:
            self._knows_all_senders = False
        else:
            self._unassigned.update(senders)
        try:
            await self.append(RecordKind.unassigned, len(batch.rows), msgspec.json.encode(batch))
        except StoreUnavailableError:
            self._forget(senders)
            raise

    def _forget(self, senders: Iterable[Sender]) -> None:
        self._unassigned.subtract(sender for sender in senders if sender in self._unassigned)
        for sender in senders:
            if self._unassigned[sender] <= 0:
                del self._unassigned[sender]

    @property
    def stats(self) -> SpoolStats:
        """How the spool does now."""
        if self._folder is not None:
            self._stats.bytes = self._folder.size_bytes
            self._stats.segments = self._folder.segments
            self._stats.oldest_at = self._folder.oldest_at
        return self._stats

    def note_down(self, error: Exception) -> None:
        """Remember that the database takes nothing, so that nobody else waits to learn it."""
        if self._stats.state != "spooling":
            log.warning("spooling", error=str(error))
        self._stats.state = "spooling"

    async def append(self, kind: RecordKind, rows: int, payload: bytes) -> None:
        """Keep a record; it survives the machine when this returns. Raises StoreUnavailableError where it cannot be."""
        if self._folder is None:
            raise StoreUnavailableError("the spool is closed")
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((Record(kind=kind, rows=rows, payload=payload), kept))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_waiting(self._folder))
        await kept

    async def _write_waiting(self, folder: SpoolFolder) -> None:
        """Write everything that waits, and what comes meanwhile, with one fsync a round."""
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            error = await self._write(folder, [record for record, _ in waiting])
            for _, kept in waiting:
                if kept.done():
                    continue
                if error is None:
                    kept.set_result(None)
                else:
                    kept.set_exception(error)

    async def _write(self, folder: SpoolFolder, records: Sequence[Record]) -> StoreUnavailableError | None:
        try:
            await asyncio.to_thread(folder.append, records)
        except (SpoolFullError, OSError) as error:
            log.warning("spool_refused", records=len(records), error=str(error) or FULL)
            self._stats.refused_appends += len(records)
            return StoreUnavailableError(str(error) or FULL)
        self._stats.spooled_rows += sum(record.rows for record in records)
        self._has_records.set()
        return None

    async def _replay_all(self, folder: SpoolFolder) -> None:
        while True:
            segment = folder.take_oldest()
            if segment is None:
                self._end_replay()
                await self._has_records.wait()
                continue
            try:
                await self._replay(folder, segment)
            except OSError:
                log.exception("spool_not_read", segment=segment.name)
                await asyncio.sleep(LONGEST_PAUSE_S)

    def _end_replay(self) -> None:
        self._has_records.clear()
        if not self._unassigned:
            self._knows_all_senders = True
        if self._stats.state != "idle":
            log.info("spool_is_empty", replayed_rows=self._stats.replayed_rows)
        self._stats.state = "idle"

    async def _replay(self, folder: SpoolFolder, segment: Path) -> None:
        for found in _gather(read_records(await asyncio.to_thread(segment.read_bytes))):
            if isinstance(found, Damage):
                await self._set_aside_damage(folder, found)
            elif not found[0].is_known:
                await self._set_aside(folder, found[0].encode(), "unknown")
            else:
                began = time.monotonic()
                await self._store_in_the_end(folder, found)
                rows = sum(record.rows for record in found)
                self._stats.replayed_rows += rows
                due_s = rows / self._settings.spool_replay_rows_per_s
                await asyncio.sleep(max(0.0, due_s - (time.monotonic() - began)))
        await asyncio.to_thread(folder.remove, segment)
        self._old_segments.discard(segment)

    async def _set_aside_damage(self, folder: SpoolFolder, damage: Damage) -> None:
        if damage.is_torn:
            # Whoever sent it was not told that it is safe, and sends it again.
            log.warning("spool_torn_record", bytes=len(damage.data))
            self._stats.torn_records += 1
        else:
            await self._set_aside(folder, damage.data, "damaged")

    async def _set_aside(self, folder: SpoolFolder, data: bytes, kind: str) -> None:
        log.error("spool_record_set_aside", kind=kind, bytes=len(data), folder=str(folder.path))
        self._stats.set_aside_records += 1
        await asyncio.to_thread(folder.set_aside, data, kind)

    async def _store_in_the_end(self, folder: SpoolFolder, records: Sequence[Record]) -> None:
        """Store records, however long the database takes to come back."""
        pause_s = FIRST_PAUSE_S
        refusals = 0
        while True:
            try:
                await self._store(folder, records)
            except (StoreError, msgspec.MsgspecError) as error:
                refusals += getattr(error, "code_number", -1) not in PASSING_CODES
                if refusals and len(records) > 1:
                    for record in records:
                        await self._store_in_the_end(folder, [record])
                    return
                if refusals >= MOST_REFUSALS:
                    await self._set_aside(folder, records[0].encode(), "failing")
                    return
                self.note_down(error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                self._stats.state = "replaying"
                return

    async def _store(self, folder: SpoolFolder, records: Sequence[Record]) -> None:
        record = records[0]
        if record.kind == RecordKind.batches:
            await self._write_or_refuse(folder, split_lines(record.payload))
            return
        if record.kind == RecordKind.rows:
            await self._write_or_refuse(folder, split_lines(encode_rows(_rows.decode_lines(record.payload))))
            return
        batches = [_read_unassigned(record.payload) for record in records]
        lines = await self._assign(batches)
        await self._write_or_refuse(folder, split_lines(lines))
        if not self._old_segments:
            for batch in batches:
                self._forget(set(map(sender_of, batch.rows)))

    async def _write_or_refuse(self, folder: SpoolFolder, lines: Sequence[bytes]) -> None:
        """Write batches, halving them while the database refuses one event, until that one is alone."""
        try:
            await self._sink.write(b"".join(lines))
        except StoreRejectedError as error:
            if len(lines) == 1:
                lines = split_events(lines[0])
            if len(lines) == 1:
                await self._set_aside(folder, lines[0], "refused")
                self._on_refused(lines[0], error)
                return
            middle = len(lines) // 2
            await self._write_or_refuse(folder, lines[:middle])
            await self._write_or_refuse(folder, lines[middle:])


_read_unassigned = msgspec.json.Decoder(UnassignedBatch).decode


def _gather(found: Iterable[Record | Damage]) -> Iterator[Damage | list[Record]]:
    """Yield records one by one, but batches that need sessions together, up to a sender that comes again.

    The order of two senders makes no difference to the session of either.
    """
    waiting: list[Record] = []
    senders: set[Sender] = set()
    for one in found:
        its_senders = _senders_of(one)
        if waiting and (not its_senders or its_senders & senders or len(waiting) >= MOST_TOGETHER):
            yield waiting
            waiting, senders = [], set()
        if its_senders and isinstance(one, Record):
            waiting.append(one)
            senders |= its_senders
        else:
            yield one if isinstance(one, Damage) else [one]
    if waiting:
        yield waiting


def _senders_of(found: Record | Damage) -> set[Sender]:
    """Return who sent a batch that needs sessions; nobody where it is none, or cannot be read."""
    if isinstance(found, Damage) or not found.is_known or found.kind != RecordKind.unassigned:
        return set()
    try:
        return set(map(sender_of, _read_unassigned(found.payload).rows))
    except msgspec.MsgspecError:
        return set()


class SpoolingSink:
    """Writes to the database, and to the spool while that takes nothing."""

    def __init__(self, sink: Sink, spool: Spool) -> None:
        self._sink = sink
        self._spool = spool

    async def write(self, lines: bytes) -> None:
        """Take rows for good; raises StoreUnavailableError when the spool cannot take them either."""
        if not self._spool.is_store_down:
            try:
                await self._sink.write(lines)
            except StoreUnavailableError as error:
                self._spool.note_down(error)
            else:
                return
        await self._spool.append(RecordKind.batches, count_events(lines), lines)
