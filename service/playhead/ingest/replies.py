"""What ingest answers, and how it is sent."""

from collections.abc import Mapping
from functools import lru_cache

import msgspec
from litestar.types import Send

from playhead.errors import PROBLEM_MEDIA_TYPE, PlayheadError, encode_problem, problem_headers

NO_CONTENT = 204
_SECURITY_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"cross-origin-resource-policy", b"cross-origin")]


class Reply(msgspec.Struct, frozen=True):
    """One answer; an empty body has no content type."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


def json_reply(status: int, answer: msgspec.Struct) -> Reply:
    """Return `answer` as JSON."""
    return Reply(status, {"Content-Type": "application/json"}, msgspec.json.encode(answer))


def problem_reply(error: PlayheadError, headers: Mapping[str, str] | None = None) -> Reply:
    """Return `error` as problem+json."""
    all_headers = {"Content-Type": PROBLEM_MEDIA_TYPE} | problem_headers(error) | dict(headers or {})
    return Reply(error.status, all_headers, encode_problem(error))


async def send_reply(send: Send, reply: Reply, more_headers: Mapping[str, str]) -> None:
    """Send `reply` with `more_headers`."""
    headers = raw_headers(reply, more_headers)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


def raw_headers(reply: Reply, more_headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return the headers of `reply`, with those that all have and `more_headers`, names in lower case."""
    headers = [*_SECURITY_HEADERS]
    headers += [_encode_header(*header) for header in reply.headers.items()]
    headers += [_encode_header(*header) for header in more_headers.items()]
    if reply.status != NO_CONTENT:
        headers.append((b"content-length", b"%d" % len(reply.body)))
    return headers


@lru_cache(256)
def _encode_header(name: str, value: str) -> tuple[bytes, bytes]:
    return name.lower().encode(), value.encode("latin-1")
