"""The short way of the usual request: a plain native batch that came whole, taken without a task or a message for it.

By the same steps it is told what the long way, `IngestApp`, would tell it; whatever is not usual takes the long way.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from http import HTTPStatus

import structlog

from playhead.errors import PlayheadError
from playhead.events import Accepted
from playhead.ingest import native
from playhead.ingest.cors import Cors
from playhead.ingest.endpoints import Clock
from playhead.ingest.envelopes import read_plain
from playhead.ingest.pipeline import Pipeline, PlainPut
from playhead.ingest.replies import Reply, json_reply, problem_reply, raw_headers
from playhead.ingest.requests import RawHeaders, Request, read_request

Answer = Callable[[bytes, bytes], None]
"""Sends an answer: its head, but for the headers that the server adds and the empty line, and its body."""

PATH = "/analytics/events"

log = structlog.get_logger()


class Shortcut:
    """Takes requests of one path from the HTTP server's hands."""

    def __init__(self, pipeline: Pipeline, cors: Cors, clock: Clock) -> None:
        self._pipeline = pipeline
        self._settings = pipeline.settings
        self._counters = pipeline.counters
        self._cors = cors
        self._clock = clock

    def take(self, headers: RawHeaders, client_ip: str | None, body: bytes, answer: Answer) -> bool:
        """Take a POST without a query whose body is whole, and `answer` it once, now or later.

        False: it is not a usual one; nothing was done, and it has to take the long way.
        """
        request = read_request("POST", PATH, "", headers, client_ip)
        try:
            put = self._put(request, body)
        except Exception as error:  # noqa: BLE001  # It is told and logged.
            self._refuse(error, request, answer)
            return True
        if put is None:
            return False
        put.stored.add_done_callback(lambda _: self._end(put, request, answer))
        return True

    def _put(self, request: Request, body: bytes) -> PlainPut | None:
        if (
            request.content_type not in native.MEDIA_TYPES
            or "content-encoding" in request.headers
            or len(body) > self._settings.max_body_bytes
            or (self._settings.honor_gpc and request.asks_for_privacy)
        ):
            return None
        plain = read_plain(body)
        if plain is None:
            return None
        batch = native.gather_plain(plain, self._clock())
        span = self._pipeline.find_usual_span(batch)
        if span is None:
            return None
        self._pipeline.limits.take_request(request)
        return self._pipeline.put_plain(batch, span, request)

    def _end(self, put: PlainPut, request: Request, answer: Answer) -> None:
        try:
            self._pipeline.settle_plain(put)
        except Exception as error:  # noqa: BLE001  # It is told and logged.
            self._refuse(error, request, answer)
            return
        self._counters.count_request("native", "answered")
        accepted = Accepted(
            accepted=len(put.batch.events), rejected=[], session_id=put.batch.session_id, server_time=self._clock()
        )
        self._send(json_reply(202, accepted), request, answer)

    def _refuse(self, error: Exception, request: Request, answer: Answer) -> None:
        problem = error if isinstance(error, PlayheadError) else PlayheadError()
        if problem is not error:  # A fault of ours: its details are for the log alone.
            log.error("ingest_failed", path=PATH, exc_info=error)
        self._counters.count_request("native", problem.code)
        self._send(problem_reply(problem), request, answer)

    def _send(self, reply: Reply, request: Request, answer: Answer) -> None:
        headers = raw_headers(reply, self._cors.reply_headers(request.origin))
        answer(_make_head(reply.status, tuple(headers)), reply.body)


@lru_cache(256)
def _make_head(status: int, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    return line + b"".join(b"%b: %b\r\n" % header for header in headers)
