"""The way of a batch, the same for every protocol: the steps stand in `take`, in their order."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec

from playhead.errors import StoreUnavailableError, UnavailableError, UnstorableError
from playhead.events import EventBatch, EventRow, Rejection
from playhead.ingest.batch import Batch, drop_copies
from playhead.ingest.buffer import RETRY_AFTER_S, RowBuffer
from playhead.ingest.client_sessions import SessionSpan
from playhead.ingest.counters import IngestCounters, ProtocolName
from playhead.ingest.dead_letters import MAX_TEXT_BYTES, DeadLetterBox
from playhead.ingest.enrich import Enricher
from playhead.ingest.limits import IngestLimits
from playhead.ingest.lines import encode_batch, encode_rows
from playhead.ingest.requests import Request
from playhead.ingest.sessions import SessionResolver, make_session_id
from playhead.ingest.spool import Spool, UnassignedBatch
from playhead.ingest.streams import StreamGate
from playhead.settings import Settings

MAX_FUTURE_MS = 5 * 60_000
DAY_MS = 86_400_000
POISON = "poison_row"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """Takes batches: what the contract refuses is told and counted, the rest is stored when `take` returns."""

    settings: Settings
    limits: IngestLimits
    gate: StreamGate
    enricher: Enricher
    resolver: SessionResolver
    buffer: RowBuffer
    letters: DeadLetterBox
    counters: IngestCounters
    spool: Spool | None = None

    async def take(self, batch: Batch, request: Request) -> None:
        """Bring a batch to the database; its rows are stored then, and `batch.refused` says what was not.

        Raises TooManyRequestsError, UnavailableError and StoreError when it should be sent again, UnstorableError when
        never.
        """
        self.limits.take_events(Counter(row.stream_id for row in batch.rows), request)
        await self._refuse_unknown_streams(batch)
        self._refuse_outdated(batch)
        if batch.rows:
            self._add_origin(batch, request)
            with ExitStack() as claims:
                if await self._has_sessions(batch, claims):
                    await self._store_rows(batch, claims)
        self._record_outcome(batch)

    async def take_plain(self, batch: EventBatch, request: Request) -> bool:
        """Bring a batch of plain events to the database as `take` does; False: they need a look one by one.

        Raises what `take` does.
        """
        span = self.find_usual_span(batch)
        if span is None:
            return False
        put = self.put_plain(batch, span, request)
        await asyncio.wait((put.stored,))
        self.settle_plain(put)
        return True

    def find_usual_span(self, batch: EventBatch) -> SessionSpan | None:
        """Return where plain events lie if nothing of them is to be refused; None: they need a look one by one."""
        timestamps = [event.ts for event in batch.events]
        span = SessionSpan(batch.session_id, min(timestamps), max(timestamps))
        is_known = not self.settings.strict_streams or self.gate.remembers(batch.stream_id)
        return span if is_known and self._is_recent(span, batch) else None

    def put_plain(self, batch: EventBatch, span: SessionSpan, request: Request) -> "PlainPut":
        """Put a batch of plain events that lie in `span` into the buffer; raises what `take` does before it waits.

        Who does so calls `settle_plain` once `stored` is done.
        """
        events = len(batch.events)
        self.limits.take_events({batch.stream_id: events}, request)
        origin = self.enricher.describe(request.headers, request.peer, batch.timezone)
        batch.country, batch.device, batch.os, batch.browser = origin.country, origin.device, origin.os, origin.browser
        line = encode_batch(batch)
        hold = self.resolver.hold(batch.stream_id, batch.client_id, span)
        try:
            stored = self.buffer.put(line, events, lambda: self.resolver.release(hold))
        except UnavailableError:
            self.resolver.release(hold)
            raise
        return PlainPut(batch, line, stored)

    def settle_plain(self, put: "PlainPut") -> None:
        """Count what became of a batch; raises what it failed with."""
        events = len(put.batch.events)
        try:
            put.stored.result()
        except UnstorableError as error:
            self._drop_poison("native", put.batch.stream_id, put.line, events, error)
            raise
        self.counters.count_events("native", "accepted", events)

    def _is_recent(self, span: SessionSpan, batch: EventBatch) -> bool:
        now = batch.received_ms - (batch.sent_offset_ms or 0)
        return now - self.settings.max_event_age_days * DAY_MS <= span.first_ts and span.last_ts <= now + MAX_FUTURE_MS

    async def name_session(self, batch: Batch, stream_id: str, client_id: str) -> str:
        """Return the session that a batch of which nothing was taken should go on with; client_id "": a private one."""
        if not client_id:
            return make_session_id(batch.received_ms, stream_id.encode(), batch.digest)
        ts = batch.received_ms - (batch.offset_ms or 0)
        if self.spool is not None and self.spool.is_store_down:
            return make_session_id(ts, stream_id.encode(), client_id.encode())
        return await self.resolver.name(stream_id, client_id, ts)

    async def _refuse_unknown_streams(self, batch: Batch) -> None:
        if not self.settings.strict_streams:
            return
        streams = {row.stream_id for row in batch.rows} | {refused.stream_id for refused in batch.refused}
        for stream_id in streams:
            if not await self.gate.allows(stream_id):
                batch.refuse_stream(stream_id)

    def _refuse_outdated(self, batch: Batch) -> None:
        age_days = self.settings.max_event_age_days
        oldest = batch.received_ms - age_days * DAY_MS
        newest = batch.received_ms + MAX_FUTURE_MS
        offset = batch.offset_ms or 0
        rejections: dict[int, Rejection] = {}
        for index, row in zip(batch.indexes, batch.rows, strict=True):
            if row.ts + offset < oldest:
                rejections[index] = Rejection(index, "too_old", f"ts: this is over {age_days} days ago.")
            elif row.ts + offset > newest:
                rejections[index] = Rejection(index, "in_future", "ts: this is over 5 minutes ahead.")
        batch.refuse_rows(rejections)

    def _add_origin(self, batch: Batch, request: Request) -> None:
        origin = self.enricher.describe(request.headers, request.peer, batch.rows[0].timezone)
        for row in batch.rows:
            row.country = origin.country
            row.device = origin.device
            row.os = origin.os
            row.browser = origin.browser

    async def _has_sessions(self, batch: Batch, claims: ExitStack) -> bool:
        """Give every row its session; false: nobody can tell them now, and the batch waits in the spool."""
        spool = self.spool
        if spool is None:
            await assign_sessions(self.resolver, batch.rows, batch.digest, claims)
            return True
        needs_lookup = any(row.client_id and not row.session_id for row in batch.rows)
        if not (needs_lookup and (spool.is_store_down or spool.holds_unassigned(batch.rows))):
            try:
                async with asyncio.timeout(self.settings.insert_timeout_s):
                    await assign_sessions(self.resolver, batch.rows, batch.digest, claims)
            except TimeoutError:
                spool.note_down(StoreUnavailableError("looking up a session took too long"))
            except StoreUnavailableError as error:
                spool.note_down(error)
            else:
                return True
        await self._spool_unassigned(batch, spool)
        return False

    async def _spool_unassigned(self, batch: Batch, spool: Spool) -> None:
        """Keep a batch for later; it is told the session that it begins if none turns out to be there."""
        try:
            await spool.append_unassigned(UnassignedBatch(batch.rows, batch.digest))
        except StoreUnavailableError as error:
            raise UnavailableError("The events cannot be stored right now.", retry_after_s=RETRY_AFTER_S) from error
        first_ts = min(row.ts for row in batch.rows)
        for row in batch.rows:
            row.session_id = row.session_id or make_session_id(first_ts, row.stream_id.encode(), row.client_id.encode())

    async def _store_rows(self, batch: Batch, claims: ExitStack) -> None:
        rows = drop_copies(batch.rows)
        lines = encode_rows(rows)
        # The claims outlive a sender that leaves: they end when the rows are stored or given up.
        kept = ExitStack()
        stored = self.buffer.put(lines, len(rows), kept.close)
        kept.push(claims.pop_all())
        try:
            await stored
        except UnstorableError as error:
            self._drop_poison(batch.protocol, rows[0].stream_id, lines, len(batch.rows), error)
            raise

    def _drop_poison(
        self, protocol: ProtocolName, stream_id: str, lines: bytes, events: int, error: UnstorableError
    ) -> None:
        self.counters.count_events(protocol, POISON, events)
        text = lines[:MAX_TEXT_BYTES].decode(errors="ignore")
        self.letters.drop_letter(protocol, stream_id, POISON, str(error.__cause__), text)

    def _record_outcome(self, batch: Batch) -> None:
        self.counters.count_events(batch.protocol, "accepted", len(batch.rows))
        for refused in batch.refused:
            code, message = refused.rejection.code, refused.rejection.message
            self.counters.count_events(batch.protocol, code)
            self.letters.drop_letter(
                batch.protocol, refused.stream_id, code, message, refused.payload, refused.envelope
            )


class PlainPut(msgspec.Struct, frozen=True):
    """A batch of plain events in the buffer: the line it is inserted as, and what is done when it is stored."""

    batch: EventBatch
    line: bytes
    stored: asyncio.Future[None]


async def assign_sessions(
    resolver: SessionResolver, rows_of_batch: Sequence[EventRow], digest: bytes, claims: ExitStack
) -> None:
    """Give every row its session, and its client where the session stands for it; `claims` end what this began."""
    groups: defaultdict[tuple[str, str], list[EventRow]] = defaultdict(list)
    for row in rows_of_batch:
        groups[row.stream_id, row.session_id].append(row)
    for (stream_id, session_id), rows in groups.items():
        client_id = rows[0].client_id
        if not client_id:
            first_ts = min(row.ts for row in rows)
            named = session_id or make_session_id(first_ts, stream_id.encode(), digest)
            client_id = named
        elif session_id:
            named = session_id
            span = SessionSpan(session_id, min(row.ts for row in rows), max(row.ts for row in rows))
            claims.callback(resolver.release, resolver.hold(stream_id, client_id, span))
        else:
            hold = await resolver.assign(stream_id, client_id, rows)
            claims.callback(resolver.release, hold)
            named = hold.session_id
        for row in rows:
            row.session_id = named
            row.client_id = client_id
