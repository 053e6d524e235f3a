"""The HTTP server's connections, with what it lacks: a bound on their number, and deadlines on what they send."""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from playhead.settings import Settings

GRACE_S = 1.0
"""A body that is late is told so by the application first."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections over the limit, and those whose request does not come: half-sent, dripped, endless."""

    limits: Settings
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
        self._arm()

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
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect nothing: the rest is ours to do."""
        self._expect(None)
        super().on_message_complete()

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


def bounded_protocol(settings: Settings) -> type[BoundedProtocol]:
    """Return the protocol class that keeps the settings' limits."""
    return type("BoundedProtocol", (BoundedProtocol,), {"limits": settings})
