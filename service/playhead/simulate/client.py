"""Sending: a few keep-alive HTTP/1.1 connections, hand-made, because a general client costs more than the service."""

import asyncio
import ssl
import time
from collections.abc import Iterable
from typing import cast
from urllib.parse import urlsplit

import msgspec

from playhead.errors import SettingsError
from playhead.simulate.report import Reply, Report
from playhead.simulate.wire import Batch

MAX_TRIES = 6
MAX_WAIT_S = 30.0
REPLY_TIMEOUT_S = 60.0
QUEUE_PER_CONNECTION = 8
RETRIED = frozenset({429, 503})


class Target(msgspec.Struct, frozen=True):
    """A service; `base_path` has no slash at its end."""

    host: str
    port: int
    is_tls: bool
    base_path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_target(url: str) -> Target:
    """Return the target at `url`; raises SettingsError where it is not http[s]://host[:port][/path]."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"--url {url}: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(f"--url {url}: not http[s]://host:port")
    is_tls = parts.scheme == "https"
    return Target(parts.hostname, port or (443 if is_tls else 80), is_tls, parts.path.rstrip("/"))


class Answer(msgspec.Struct, frozen=True):
    """One HTTP response."""

    status: int
    retry_after_s: float
    body: bytes
    is_last: bool


class Connection(asyncio.Protocol):
    """One connection, one request at a time; a broken one fails the request with ConnectionError."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer the request once its response is whole."""
        self._received += data
        answer = parse_answer(self._received)
        if answer is None:
            return
        self._received = b""
        if answer.is_last:
            self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request under way."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the service closed the connection"))

    async def exchange(self, request: bytes) -> Answer:
        """Send `request` and return the response; raises ConnectionError or TimeoutError."""
        if self._transport is None:
            raise ConnectionResetError("not connected")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        async with asyncio.timeout(REPLY_TIMEOUT_S):
            return await self._answer

    @property
    def is_open(self) -> bool:
        """Tell whether a request may be sent."""
        return self._transport is not None

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None


def parse_answer(received: bytes) -> Answer | None:
    """Return the response in `received`, None while it is not whole; chunks are left as they are."""
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return None
    status = int(head[9:12])
    lines = head.lower()
    if status == 204:
        length = 0
    elif (given := _header(lines, b"content-length")) is not None:
        length = int(given)
    else:
        length = len(body) if body.endswith(b"0\r\n\r\n") else len(body) + 1
    if len(body) < length:
        return None
    return Answer(status, _seconds(_header(lines, b"retry-after")), body, _header(lines, b"connection") == b"close")


def _header(lines: bytes, name: bytes) -> bytes | None:
    _, found, rest = lines.partition(b"\r\n" + name + b":")
    return rest.partition(b"\r\n")[0].strip() if found else None


def _seconds(text: bytes | None) -> float:
    return float(text) if text is not None and text.isdigit() else 0.0


class _Rejected(msgspec.Struct):
    code: str


class _Accepted(msgspec.Struct):
    accepted: int
    rejected: list[_Rejected] = []
    session_id: str | None = None


_decode_accepted = msgspec.json.Decoder(_Accepted).decode


def read_reply(answer: Answer) -> Reply:
    """Return what the service says became of a batch; a 202 that cannot be read accepts nothing."""
    if answer.status != 202:
        return Reply(answer.status)
    try:
        told = _decode_accepted(answer.body)
    except msgspec.MsgspecError:
        return Reply(answer.status, 0)
    return Reply(answer.status, told.accepted, tuple(one.code for one in told.rejected), told.session_id)


class Sender:
    """Sends batches over `connections`; those of one viewer go over the same one, in order."""

    def __init__(self, target: Target, report: Report, *, connections: int, is_paced: bool) -> None:
        self._target = target
        self._report = report
        self._is_paced = is_paced
        self._queues: list[asyncio.Queue[Batch | None]] = [
            asyncio.Queue(QUEUE_PER_CONNECTION) for _ in range(connections)
        ]

    async def send_all(self, batches: Iterable[Batch]) -> None:
        """Send `batches`, each at its `at_ms` if paced, else as fast as the service answers.

        Raises OSError if the service cannot be reached at the start.
        """
        (await self._connect()).close()
        async with asyncio.TaskGroup() as group:
            for queue in self._queues:
                group.create_task(self._serve(queue))
            await self._hand_out(batches)
            for queue in self._queues:
                await queue.put(None)

    async def _hand_out(self, batches: Iterable[Batch]) -> None:
        for number, batch in enumerate(batches):
            if self._is_paced:
                await self._wait_until(batch.at_ms)
            elif number % QUEUE_PER_CONNECTION == 0:
                await asyncio.sleep(0)  # Queues with room do not wait, and the connections want their turn.
            self._report.note_made(batch)
            await self._queues[batch.session.viewer % len(self._queues)].put(batch)

    async def _wait_until(self, at_ms: int) -> None:
        left_s = at_ms / 1000 - time.time()
        self._report.behind_s = max(self._report.behind_s, -left_s)
        await asyncio.sleep(max(left_s, 0))

    async def _serve(self, queue: asyncio.Queue[Batch | None]) -> None:
        connection = Connection()
        try:
            while (batch := await queue.get()) is not None:
                connection = await self._deliver(batch, connection)
        finally:
            connection.close()

    async def _deliver(self, batch: Batch, connection: Connection) -> Connection:
        """Send one batch until it is answered for good; return the connection to go on with."""
        request = self._render(batch)
        for tries_left in reversed(range(MAX_TRIES)):
            wait_s = 0.2
            try:
                if not connection.is_open:
                    connection = await self._connect()
                began = time.perf_counter()
                answer = await connection.exchange(request)
            except OSError:  # TimeoutError is one.
                connection.close()
                self._report.note_retry(0)
            else:
                if answer.status not in RETRIED or not tries_left:
                    self._report.note_reply(batch, read_reply(answer), (time.perf_counter() - began) * 1000)
                    return connection
                self._report.note_retry(answer.status)
                wait_s = min(max(answer.retry_after_s, wait_s), MAX_WAIT_S)
            await asyncio.sleep(wait_s)
        self._report.note_lost()
        return connection

    async def _connect(self) -> Connection:
        target = self._target
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection, target.host, target.port, ssl=ssl.create_default_context() if target.is_tls else None
        )
        return connection

    def _render(self, batch: Batch) -> bytes:
        headers = "".join(f"{name}: {value}\r\n" for name, value in batch.headers.items())
        return (
            f"POST {self._target.base_path}{batch.path} HTTP/1.1\r\nHost: {self._target.authority}\r\n{headers}"
            f"Content-Length: {len(batch.body)}\r\n\r\n"
        ).encode() + batch.body
