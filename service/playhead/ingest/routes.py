"""The ingest application: `/analytics/*`, plain ASGI beside the framework, so that nothing that asks for a key is near.

Every 2xx means that what was accepted is stored.
"""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import cast

import structlog
from litestar.types import HTTPScope, Receive, Scope, Send

from playhead.errors import MethodNotAllowedError, NotFoundError, PlayheadError, ReceiveTimeoutError, StoreRejectedError
from playhead.ingest.batch import drop_copies
from playhead.ingest.body import DisconnectedError
from playhead.ingest.buffer import FlushStats, RowBuffer
from playhead.ingest.cors import METHODS, Cors
from playhead.ingest.counters import CounterSnapshot, IngestCounters
from playhead.ingest.dead_letters import DeadLetterBox
from playhead.ingest.endpoints import Clock, CmcdEndpoint, Endpoint, NativeEndpoint, read_clock
from playhead.ingest.enrich import Enricher
from playhead.ingest.limits import IngestLimits
from playhead.ingest.lines import encode_rows
from playhead.ingest.pipeline import POISON, Pipeline, assign_sessions
from playhead.ingest.replies import NO_CONTENT, Reply, problem_reply, send_reply
from playhead.ingest.requests import Request, read_head
from playhead.ingest.sessions import SessionResolver
from playhead.ingest.shortcut import Shortcut
from playhead.ingest.spool import Spool, SpoolingSink, SpoolStats, UnassignedBatch
from playhead.ingest.streams import IsKnownStream, StreamGate
from playhead.ingest.writer import StoreSink
from playhead.settings import Settings
from playhead.store.contract import Store

IDLE_AFTER_S = 1.0

log = structlog.get_logger()


def create_ingest(
    settings: Settings, store: Store, *, is_known_stream: IsKnownStream, clock: Clock = read_clock
) -> "IngestApp":
    """Return the ingest application over `store`; nothing runs before its `start`.

    `is_known_stream` answers for the registry, and is asked with `strict_streams` only. `clock` gives ms since the
    epoch.
    """
    counters = IngestCounters()
    letters = DeadLetterBox(store, settings.dead_letters_per_minute, settings.dead_letters_per_day)
    sink = StoreSink(store, settings)
    resolver = SessionResolver(store, settings.session_timeout_s)

    async def assign(batches: Sequence[UnassignedBatch]) -> bytes:
        with ExitStack() as claims:
            # All of them end before the claims do, whatever became of one.
            asked = (assign_sessions(resolver, batch.rows, batch.digest, claims) for batch in batches)
            for failure in await asyncio.gather(*asked, return_exceptions=True):
                if failure is not None:
                    raise failure
        return b"".join(encode_rows(drop_copies(batch.rows)) for batch in batches)

    def refuse(line: bytes, error: StoreRejectedError) -> None:
        counters.count_events("native", POISON)
        letters.drop_letter("native", "", POISON, str(error), line.decode(errors="replace"))

    spool = Spool(settings, sink, assign, refuse) if settings.spool else None
    buffer = RowBuffer(SpoolingSink(sink, spool) if spool else sink, settings)
    limits = IngestLimits(settings)
    pipeline = Pipeline(
        settings=settings,
        limits=limits,
        gate=StreamGate(is_known_stream),
        enricher=Enricher(settings),
        resolver=resolver,
        buffer=buffer,
        letters=letters,
        counters=counters,
        spool=spool,
    )
    endpoints: dict[str, Endpoint] = {
        "/analytics/events": NativeEndpoint(settings, pipeline, clock),
        "/analytics/cmcd": CmcdEndpoint(settings, pipeline, letters, counters, clock),
    }
    cors = Cors(settings.allowed_origins)
    shortcut = Shortcut(pipeline, cors, clock)
    return IngestApp(endpoints, shortcut, limits, cors, counters, buffer, letters, spool)


class IngestApp:
    """Answers HTTP requests below /analytics/, without a key."""

    def __init__(
        self,
        endpoints: dict[str, Endpoint],
        shortcut: Shortcut,
        limits: IngestLimits,
        cors: Cors,
        counters: IngestCounters,
        buffer: RowBuffer,
        letters: DeadLetterBox,
        spool: Spool | None,
    ) -> None:
        self.shortcut = shortcut
        self._endpoints = endpoints
        self._limits = limits
        self._cors = cors
        self._counters = counters
        self._buffer = buffer
        self._letters = letters
        self._spool = spool

    async def start(self) -> None:
        """Begin to take events, and to store what an earlier process left; raises OSError where the spool cannot be."""
        if self._spool is not None:
            await self._spool.start()
        self._buffer.start()
        self._letters.start()

    async def stop(self) -> None:
        """Take no more, and write everything that was taken."""
        await self._buffer.stop()
        if self._spool is not None:
            await self._spool.stop()
        await self._letters.stop()

    @property
    def counts(self) -> CounterSnapshot:
        """Events and requests by protocol and outcome, since the start."""
        return self._counters.snapshot()

    @property
    def flush_stats(self) -> FlushStats:
        """What the buffer has written and what waits in it."""
        return self._buffer.stats

    @property
    def is_idle(self) -> bool:
        """Whether no events have come in for a while."""
        return self._buffer.idle_s > IDLE_AFTER_S

    @property
    def spool_stats(self) -> SpoolStats | None:
        """What waits on disk; None: there is no spool."""
        return None if self._spool is None else self._spool.stats

    @property
    def dropped_letters(self) -> int:
        """Refused events that were counted and not kept, since the start."""
        return self._letters.dropped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a sender that left gets none."""
        request = read_head(cast("HTTPScope", scope))
        try:
            reply = await self._answer(request, receive)
        except DisconnectedError:
            return
        await send_reply(send, reply, self._cors.reply_headers(request.origin))

    async def _answer(self, request: Request, receive: Receive) -> Reply:
        endpoint = self._endpoints.get(request.path)
        if endpoint is None:
            return problem_reply(NotFoundError("There is no such path."))
        if request.method == "OPTIONS":
            return Reply(NO_CONTENT, self._cors.preflight_headers(request.origin))
        if request.method != "POST":
            return problem_reply(MethodNotAllowedError("Only POST and OPTIONS."), {"Allow": METHODS})
        return await self._take(endpoint, request, receive)

    async def _take(self, endpoint: Endpoint, request: Request, receive: Receive) -> Reply:
        try:
            self._limits.take_request(request)
            reply = await endpoint.take(request, receive)
        except DisconnectedError:
            self._counters.count_request(endpoint.protocol, "disconnected")
            raise
        except PlayheadError as error:
            self._counters.count_request(endpoint.protocol, error.code)
            return problem_reply(error, {"Connection": "close"} if isinstance(error, ReceiveTimeoutError) else None)
        except Exception:  # A fault of ours must not take the connection down; its details are for the log alone.
            log.exception("ingest_failed", path=request.path)
            self._counters.count_request(endpoint.protocol, PlayheadError.code)
            return problem_reply(PlayheadError())
        self._counters.count_request(endpoint.protocol, "answered")
        return reply
