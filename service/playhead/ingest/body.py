"""A request's body: received in time, within its limits, decompressed."""

import asyncio
import zlib
from collections.abc import Coroutine, Generator
from typing import Any

from litestar.types import Receive

from playhead.errors import InvalidRequestError, ReceiveTimeoutError, TooLargeError, UnsupportedMediaError
from playhead.ingest.requests import Request
from playhead.settings import Settings

GZIP_WINDOW_BITS = zlib.MAX_WBITS | 16
MAX_GZIP_MEMBERS = 64
"""Each member costs a new decompressor, however few bytes it has."""


class DisconnectedError(Exception):
    """The sender left before the body was there; nobody waits for an answer."""


async def read_body(request: Request, receive: Receive, settings: Settings, media_types: frozenset[str]) -> bytes:
    """Return the whole body, decompressed.

    Raises UnsupportedMediaError when it is none of `media_types` or neither plain nor gzip, TooLargeError,
    ReceiveTimeoutError, InvalidRequestError when it is not whole gzip, DisconnectedError when the sender left.
    """
    is_gzip = check_media(request, media_types)
    refuse_announced_size(request, settings.max_body_bytes)
    try:
        body = await _Unhurried(receive_body(receive, settings.max_body_bytes), settings.receive_timeout_s)
    except TimeoutError as error:
        raise ReceiveTimeoutError(f"The body did not come within {settings.receive_timeout_s:g} s.") from error
    return decompress(body, settings.max_decompressed_bytes) if is_gzip else body


class _Unhurried:
    """Awaits a coroutine, at most so many seconds; where it does not have to wait at all, no timer is set.

    Nearly all bodies are there with their heads, and a timer for each would cost more than reading them.
    """

    def __init__(self, work: Coroutine[Any, Any, bytes], timeout_s: float) -> None:
        self._work = work
        self._timeout_s = timeout_s

    def __await__(self) -> Generator[Any, Any, bytes]:
        try:
            awaited = self._work.send(None)
        except StopIteration as ended:
            body: bytes = ended.value
            return body
        return (yield from self._wait(awaited).__await__())

    async def _wait(self, awaited: object) -> bytes:
        async with asyncio.timeout(self._timeout_s):
            return await _Begun(self._work, awaited)


class _Begun:
    """Awaits the rest of a coroutine that waits for `awaited`."""

    def __init__(self, work: Coroutine[Any, Any, bytes], awaited: object) -> None:
        self._work = work
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, bytes]:
        try:
            yield self._awaited
        except BaseException as error:  # Cancelled, by the timer or from outside: the coroutine must hear of it.
            self._work.throw(error)
            raise
        return (yield from self._work.__await__())


def check_media(request: Request, media_types: frozenset[str]) -> bool:
    """Return whether the body is gzip; raises UnsupportedMediaError on what the protocol does not take."""
    if request.content_type not in media_types:
        raise UnsupportedMediaError(f"The Content-Type must be {' or '.join(sorted(media_types))}.")
    if not request.query_string and "content-encoding" not in request.headers:
        return False
    encodings = {request.headers.get("content-encoding", "").strip().lower()}
    if request.query_string:
        encodings.add(request.read_query().get("z", "").strip().lower())
    encodings -= {"", "identity"}
    if encodings - {"gzip"}:
        raise UnsupportedMediaError("The only encoding is gzip, named once.")
    return bool(encodings)


def refuse_announced_size(request: Request, limit: int) -> None:
    """Raise TooLargeError where Content-Length already says so, before a byte is read."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit:
        raise _too_large(limit)


async def receive_body(receive: Receive, limit: int) -> bytes:
    """Return the body as sent; raises TooLargeError on the first byte past `limit`."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise DisconnectedError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def decompress(body: bytes, limit: int) -> bytes:
    """Return gzip `body` decompressed, never holding more than `limit` bytes and one."""
    plain = b""
    for _ in range(MAX_GZIP_MEMBERS):
        member = zlib.decompressobj(GZIP_WINDOW_BITS)
        try:
            plain += member.decompress(body, limit + 1 - len(plain))
        except zlib.error as error:
            raise InvalidRequestError("The body is not gzip.") from error
        if len(plain) > limit:
            raise TooLargeError(f"The body is over {limit} bytes when decompressed.")
        if not member.eof:
            raise InvalidRequestError("The gzip body is not whole.")
        body = member.unused_data
        if not body:
            return plain
    raise InvalidRequestError(f"The gzip body has more than {MAX_GZIP_MEMBERS} members.")


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"The body is over {limit} bytes.")
