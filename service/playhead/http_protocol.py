"""The HTTP server's connections, with what it lacks: a bound on their number, deadlines on what they send, a short way.

The short way is that of the usual request, a batch that comes in one piece: it is handed to ingest as it is, where
ASGI would make a task and five messages of it, most of what the request costs (docs/performance.md).
"""

import asyncio
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from playhead.errors import PROBLEM_MEDIA_TYPE, InvalidRequestError, encode_problem
from playhead.ingest.shortcut import PATH, Shortcut
from playhead.settings import Settings

_SHORT_URL = PATH.encode()

GRACE_S = 1.0
"""A body that is late is told so by the application first."""


class _ShortCycle:
    """A request on the short way, as far as the server looks at one: whether it is over, and what comes after it."""

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False

    @property
    def message_event(self) -> "_ShortCycle":
        """What the server sets when the sender left: no attribute, which would leave each for the cycle collector."""
        return self

    def set(self) -> None:
        """Wake nobody: nobody waits for more of the request."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections over the limit, and those whose request does not come: half-sent, dripped, endless."""

    limits: Settings
    shortcut: Shortcut
    _short_body: bytearray | None = None
    """What came so far of the body of a request that may take the short way; None: it does not."""
    _deadline: asyncio.TimerHandle | None = None
    _expected_s: float | None = None
    _is_armed = True
    _is_in_head = False
    _chunk_bytes = 0
    _first_bytes = 0
    """What a request began in, which may hold the end of another; its head is at most that and what came later."""
    _later_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if there is room for it."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.max_connections:
            transport.abort()
        else:
            self._expect(self.limits.receive_timeout_s)
            self._arm()

    def data_received(self, data: bytes) -> None:
        """Read what came; a request that came whole needs no deadline."""
        self._chunk_bytes = len(data)
        self._later_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._later_bytes > self.limits.max_header_bytes:
            self.send_400_response("The head of the request is too large.")
        elif self._short_body is not None and not self.transport.is_closing():
            self._take_the_long_way()
        self._arm()

    def send_400_response(self, msg: str) -> None:
        """Tell what is wrong with a request that is not HTTP, or too large in its head, and close."""
        body = encode_problem(InvalidRequestError(msg))
        content_type = f"content-type: {PROBLEM_MEDIA_TYPE}\r\n".encode()
        head = b"HTTP/1.1 400 Bad Request\r\n%bcontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (content_type, len(body)) + body)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more of it."""
        self._expect(None)
        self._arm()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Expect a head."""
        super().on_message_begin()
        self._is_in_head = True
        self._first_bytes, self._later_bytes = self._chunk_bytes, 0
        self._expect(self.limits.receive_timeout_s)

    def on_headers_complete(self) -> None:
        """Expect the body."""
        self._is_in_head = False
        # Nearly all requests are so small that their heads need not be measured.
        if self._first_bytes + self._later_bytes > self.limits.max_header_bytes:
            self._measure_head()
        self._expect(self.limits.receive_timeout_s + GRACE_S)
        if self._may_be_short():
            self._short_body = bytearray()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self._short_body is None:
            super().on_body(body)
        else:
            self._short_body += body

    def on_message_complete(self) -> None:
        """Expect nothing: the rest is ours to do."""
        self._expect(None)
        if self._short_body is not None:
            if self._take_shortcut(bytes(self._short_body)):
                return
            self._take_the_long_way()
        super().on_message_complete()

    def _may_be_short(self) -> bool:
        """Tell whether a head is that of a usual request, and nothing before it is still under way."""
        before: RequestResponseCycle | None = self.cycle  # Its declared type leaves out that there may be none yet.
        return (
            self.url == _SHORT_URL
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
            and not self.flow.write_paused
            and (before is None or before.response_complete)
        )

    def _take_shortcut(self, body: bytes) -> bool:
        cycle = _ShortCycle(keep_alive=self.parser.should_keep_alive())
        before, self.cycle = self.cycle, cast("RequestResponseCycle", cycle)
        client_ip = self.client[0] if self.client else None

        def answer(head: bytes, body: bytes) -> None:
            self._answer(cycle, head, body)

        if self.shortcut.take(self.headers, client_ip, body, answer):
            self._short_body = None
            return True
        self.cycle = before
        return False

    def _take_the_long_way(self) -> None:
        """Let the server have what came, of which it knows nothing yet."""
        body, self._short_body = self._short_body, None
        super().on_headers_complete()
        if body:
            super().on_body(bytes(body))

    def _answer(self, cycle: _ShortCycle, head: bytes, body: bytes) -> None:
        """Send the answer to a request on the short way as the server would: in one write, with its own headers."""
        cycle.response_complete = True
        if cycle.disconnected or self.transport.is_closing():
            return
        own = b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)
        if not cycle.keep_alive:
            own += b"connection: close\r\n"
        self.transport.write(b"%b%b\r\n%b" % (head, own, body))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _measure_head(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.limits.max_header_bytes:
            raise httptools.HttpParserError("the head of the request is too large")

    def _expect(self, within_s: float | None) -> None:
        """Note that more must be there in time; None: nothing is awaited."""
        self._expected_s = within_s
        self._is_armed = False

    def _arm(self) -> None:
        """Close the connection unless what is expected comes in time."""
        if self._is_armed:
            return
        self._is_armed = True
        if self._deadline is not None:
            self._deadline.cancel()
        within_s = self._expected_s
        self._deadline = None if within_s is None else self.loop.call_later(within_s, self._give_up)

    def _give_up(self) -> Any:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()


def bounded_protocol(settings: Settings, shortcut: Shortcut) -> type[BoundedProtocol]:
    """Return the protocol class that keeps the settings' limits and hands usual requests to `shortcut`."""
    return type("BoundedProtocol", (BoundedProtocol,), {"limits": settings, "shortcut": shortcut})
