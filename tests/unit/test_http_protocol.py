"""Which requests take the short way, and that a connection goes on as if they had taken the long one."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
import uvicorn
from litestar.types import Receive, Scope, Send
from uvicorn.server import ServerState

from playhead.http_protocol import BoundedProtocol, bounded_protocol
from playhead.ingest.shortcut import Answer
from playhead.settings import Settings

pytestmark = pytest.mark.anyio

BODY = b'{"whole": true}'
POST = b"POST /analytics/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
USUAL = POST + b"Content-Length: 15\r\n\r\n" + BODY
LONG = b"HTTP/1.1 204 No Content\r\n\r\n"
SHORT = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}"


class FakeShortcut:
    """Keeps the bodies it is given and how to answer them; takes those that are to be taken."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.answers: list[Callable[[], None]] = []
        self.takes = True

    def take(self, _headers: Sequence[tuple[bytes, bytes]], _ip: str | None, body: bytes, answer: Answer) -> bool:
        """Take a request."""
        self.bodies.append(body)
        self.answers.append(lambda: answer(b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n", b"{}"))
        return self.takes


class FakeTransport(asyncio.Transport):
    """Keeps what is written to it, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += bytes(data)

    def close(self) -> None:
        """Keep that too."""
        self.is_closed = True

    def is_closing(self) -> bool:
        """Tell whether it was closed."""
        return self.is_closed

    def pause_reading(self) -> None:
        """Take no notice."""

    def resume_reading(self) -> None:
        """Take no notice."""


class Connection:
    """A connection to a server whose application, the long way, keeps the bodies it is asked with and answers 204."""

    def __init__(self) -> None:
        self.shortcut = FakeShortcut()
        self.transport = FakeTransport()
        self.long_bodies: list[bytes] = []
        config = uvicorn.Config(
            self._answer, interface="asgi3", lifespan="off", access_log=False, log_config=None, proxy_headers=False
        )
        self.server = ServerState()
        protocol = bounded_protocol(Settings(), self.shortcut)  # type: ignore[arg-type]  # It has what is asked.
        self.protocol: BoundedProtocol = protocol(
            config=config, server_state=self.server, app_state={}, _loop=asyncio.get_running_loop()
        )
        self.protocol.connection_made(self.transport)

    async def send(self, *parts: bytes) -> None:
        """Let parts come in, one after the other, and what they start come to its end."""
        for part in parts:
            self.protocol.data_received(part)
            await asyncio.sleep(0)
        await self.settle()

    async def settle(self) -> None:
        """Let the long way come to its end."""
        while self.server.tasks:
            await asyncio.gather(*self.server.tasks)

    def end(self) -> None:
        """Have the timers of the connection cancelled."""
        self.protocol.connection_lost(None)

    async def _answer(self, _scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            assert message["type"] == "http.request"
            body, more = body + message["body"], message["more_body"]
        self.long_bodies.append(body)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@pytest.fixture
async def connection() -> Connection:
    """Return a connection."""
    return Connection()


async def test_a_usual_request_takes_the_short_way(connection: Connection) -> None:
    """Its answer comes when it is there, with what the server adds; the connection is open for the next one."""
    await connection.send(USUAL)
    assert (connection.shortcut.bodies, connection.long_bodies, connection.transport.written) == ([BODY], [], b"")
    connection.server.default_headers = [(b"date", b"today")]
    connection.shortcut.answers[0]()
    assert connection.transport.written == SHORT.replace(b"\r\n\r\n", b"\r\ndate: today\r\n\r\n")

    await connection.send(USUAL)
    assert connection.shortcut.bodies == [BODY, BODY]
    assert not connection.transport.is_closed
    connection.end()


@pytest.mark.parametrize(
    "parts",
    [
        [POST + b"Content-Length: 15\r\n\r\n", BODY],
        [POST + b"Content-Length: 15\r\n\r\n" + BODY[:4], BODY[4:9], BODY[9:]],
        [POST + b"Expect: 100-continue\r\nContent-Length: 15\r\n\r\n" + BODY],
        [USUAL.replace(b"events", b"events?z=gzip")],
        [USUAL.replace(b"events", b"cmcd")],
        [USUAL.replace(b"HTTP/1.1", b"HTTP/1.0")],
    ],
)
async def test_what_is_not_usual_takes_the_long_way(connection: Connection, parts: list[bytes]) -> None:
    """Bodies that come later, and heads that ask for something."""
    await connection.send(*parts)
    assert (connection.shortcut.bodies, connection.long_bodies) == ([], [BODY])
    connection.end()


async def test_what_the_shortcut_does_not_take_goes_the_long_way(connection: Connection) -> None:
    """With its whole body; the next one is offered to the shortcut again."""
    connection.shortcut.takes = False
    await connection.send(USUAL)
    assert (connection.shortcut.bodies, connection.long_bodies) == ([BODY], [BODY])
    await connection.send(USUAL)
    assert (connection.shortcut.bodies, connection.long_bodies) == ([BODY] * 2, [BODY] * 2)
    connection.end()


async def test_a_body_in_chunks_takes_the_short_way_when_it_is_whole(connection: Connection) -> None:
    """However it is framed."""
    await connection.send(
        POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\n" + BODY[:4] + b"\r\nb\r\n" + BODY[4:] + b"\r\n0\r\n\r\n"
    )
    assert connection.shortcut.bodies == [BODY]
    connection.end()


async def test_requests_sent_together_are_answered_in_turn(connection: Connection) -> None:
    """What comes while one is under way waits for its answer."""
    await connection.send(USUAL + USUAL.replace(b"events", b"cmcd") + USUAL)
    assert (connection.shortcut.bodies, connection.long_bodies, connection.transport.written) == ([BODY], [], b"")
    connection.shortcut.answers[0]()
    await asyncio.sleep(0)
    await connection.settle()
    await asyncio.sleep(0)
    await connection.settle()
    assert connection.transport.written.startswith(SHORT)
    assert connection.long_bodies == [BODY, BODY]
    connection.end()


async def test_a_connection_is_closed_when_its_sender_asks(connection: Connection) -> None:
    """After the answer, which says so."""
    await connection.send(USUAL.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    assert not connection.transport.is_closed
    connection.shortcut.answers[0]()
    assert b"\r\nconnection: close\r\n" in connection.transport.written
    assert connection.transport.is_closed


async def test_a_server_that_stops_waits_for_the_answer(connection: Connection) -> None:
    """And closes the connection after it."""
    await connection.send(USUAL)
    connection.protocol.shutdown()
    assert not connection.transport.is_closed
    connection.shortcut.answers[0]()
    assert b"202" in connection.transport.written
    assert connection.transport.is_closed


async def test_nothing_is_written_to_who_left(connection: Connection) -> None:
    """The batch is stored all the same."""
    await connection.send(USUAL)
    connection.end()
    connection.shortcut.answers[0]()
    assert connection.transport.written == b""


async def test_who_does_not_read_answers_takes_the_long_way(connection: Connection) -> None:
    """There an answer waits until the ones before were read, so that they cannot pile up."""
    connection.protocol.pause_writing()
    connection.protocol.data_received(USUAL)
    assert connection.shortcut.bodies == []
    connection.protocol.resume_writing()
    await connection.settle()
    assert connection.long_bodies == [BODY]
    connection.end()
