"""A request's body: received in time, within its limits, decompressed."""

import asyncio
import zlib

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
        async with asyncio.timeout(settings.receive_timeout_s):
            body = await receive_body(receive, settings.max_body_bytes)
    except TimeoutError as error:
        raise ReceiveTimeoutError(f"The body did not come within {settings.receive_timeout_s:g} s.") from error
    return decompress(body, settings.max_decompressed_bytes) if is_gzip else body


def check_media(request: Request, media_types: frozenset[str]) -> bool:
    """Return whether the body is gzip; raises UnsupportedMediaError on what the protocol does not take."""
    if request.content_type not in media_types:
        raise UnsupportedMediaError(f"The Content-Type must be {' or '.join(sorted(media_types))}.")
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
