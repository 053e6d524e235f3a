"""One endpoint a protocol: from the request to the reply that protocol's senders expect."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from litestar.types import Receive

from playhead.events import Accepted
from playhead.ingest import cmcd_batches, native
from playhead.ingest.batch import Batch
from playhead.ingest.body import read_body
from playhead.ingest.cmcd import CmcdRequest, read_cmcd, target_of
from playhead.ingest.counters import IngestCounters, ProtocolName
from playhead.ingest.dead_letters import DeadLetterBox
from playhead.ingest.envelopes import read_envelope, read_plain
from playhead.ingest.identity import read_stream_id
from playhead.ingest.pipeline import Pipeline
from playhead.ingest.replies import NO_CONTENT, Reply, json_reply
from playhead.ingest.requests import Request
from playhead.settings import Settings

Clock = Callable[[], int]


def read_clock() -> int:
    """Return ms since the epoch."""
    return time.time_ns() // 1_000_000


class Endpoint(Protocol):
    """Takes the requests of one path."""

    protocol: ProtocolName

    async def take(self, request: Request, receive: Receive) -> Reply:
        """Return the reply once what is accepted is stored; raises PlayheadError and DisconnectedError."""
        ...


class NativeEndpoint:
    """`POST /analytics/events`."""

    protocol: ProtocolName = "native"

    def __init__(self, settings: Settings, pipeline: Pipeline, clock: Clock = read_clock) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._clock = clock

    async def take(self, request: Request, receive: Receive) -> Reply:
        """Return 202 with what was taken, what was not, and the session to go on with."""
        body = await read_body(request, receive, self._settings, native.MEDIA_TYPES)
        received_ms = self._clock()
        is_private = self._settings.honor_gpc and request.asks_for_privacy
        if not is_private and (plain := read_plain(body)) is not None:
            gathered = native.gather_plain(plain, received_ms)
            if await self._pipeline.take_plain(gathered, request):
                return json_reply(202, self._accept(len(gathered.events), gathered.session_id))
        read = read_envelope(body)
        batch = native.make_batch(read, body, received_ms, is_private=is_private)
        await self._pipeline.take(batch, request)
        client_id = "" if is_private else read.envelope.client_id
        session_id = read.envelope.session_id or await self._session_of(batch, read.envelope.stream_id, client_id)
        return json_reply(202, self._describe(batch, session_id.lower()))

    def _accept(self, events: int, session_id: str) -> Accepted:
        return Accepted(accepted=events, rejected=[], session_id=session_id, server_time=self._clock())

    async def _session_of(self, batch: Batch, stream_id: str, client_id: str) -> str:
        if batch.rows:
            return batch.rows[0].session_id
        return await self._pipeline.name_session(batch, stream_id, client_id)

    def _describe(self, batch: Batch, session_id: str) -> Accepted:
        return Accepted(
            accepted=len(batch.rows),
            rejected=sorted((refused.rejection for refused in batch.refused), key=lambda rejection: rejection.index),
            session_id=session_id,
            server_time=self._clock(),
        )


class CmcdEndpoint:
    """`POST /analytics/cmcd`."""

    protocol: ProtocolName = "cmcd"

    def __init__(
        self,
        settings: Settings,
        pipeline: Pipeline,
        letters: DeadLetterBox,
        counters: IngestCounters,
        clock: Clock = read_clock,
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._letters = letters
        self._counters = counters
        self._clock = clock

    async def take(self, request: Request, receive: Receive) -> Reply:
        """Return 204, whatever became of the single records."""
        body = await read_body(request, receive, self._settings, cmcd_batches.MEDIA_TYPES)
        received_ms = self._clock()
        is_private = self._settings.honor_gpc and request.asks_for_privacy
        query = request.read_query()
        read = read_cmcd(body, query)
        batch = cmcd_batches.make_batch(read, body, received_ms, is_private=is_private)
        await self._pipeline.take(batch, request)
        if read.dropped:
            self._record_dropped(read, target_of(query, is_private=is_private))
        return Reply(NO_CONTENT)

    def _record_dropped(self, read: CmcdRequest, target: Mapping[str, str]) -> None:
        envelope = msgspec.json.encode(target).decode() if target else ""
        stream_id = read_stream_id(target["stream_id"]) if "stream_id" in target else ""
        for record in read.dropped:
            self._counters.count_events(self.protocol, record.reason)
            self._letters.drop_letter(self.protocol, stream_id, record.reason, "", record.text, envelope)
