"""One HTTP request to the SQL port and its response, as the rest of the port reads and writes them."""

import asyncio
import base64
import binascii
import hmac
import json
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from playhead.store.sql_wire import (
    ACCESS_DENIED,
    AUTHENTICATION_FAILED,
    BAD_REQUEST_PARAMETER,
    Encoder,
    SqlError,
    choose_encoding,
    make_encoder,
    tagged_exception,
)

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

USERS = frozenset({"playhead", "default"})
"""Names that may sign in, with the one password: ours, and the one clients assume."""

_LOOPBACK_HOST = re.compile(r"(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])(?::\d+)?", re.IGNORECASE)
_HEADER_TEXT = re.compile(r"[\x21-\x7e][\x20-\x7e]*")
_NOT_SETTINGS = frozenset({
    "query", "user", "password", "database", "default_format", "query_id", "quota_key", "role", "stacktrace",
    "session_id", "session_timeout", "session_check", "close_session", "compress", "decompress", "buffer_size",
    "wait_end_of_query", "client_protocol_version", "readonly", "enable_http_compression", "framing",
    "send_progress_in_http_headers", "http_headers_progress_interval_ms",
    "cancel_http_readonly_queries_on_client_close",
})  # fmt: skip
"""Parameters the HTTP interface takes for itself; all others are settings or `param_` values."""


_SKIPPED_BYTES = 1024 * 1024


class ClientGoneError(Exception):
    """The client closed the connection or stopped moving; there is nobody to answer."""


@dataclass(slots=True)
class Exchange:
    """A request read piece by piece and a response written piece by piece, each piece within `idle_timeout_s`."""

    scope: Scope
    receive: Receive
    send: Send
    idle_timeout_s: float
    params: dict[str, str] = field(init=False)
    headers: Mapping[str, str] = field(init=False)
    query_id: str = field(init=False)
    has_more_body: bool = field(init=False, default=True)
    _encoder: Encoder = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.headers = {name.decode("latin-1"): text.decode("latin-1") for name, text in self.scope["headers"]}
        self.params = dict(parse_qsl(self.scope["query_string"].decode(errors="replace"), keep_blank_values=True))
        wanted = self.params.get("query_id", "")
        self.query_id = wanted if _HEADER_TEXT.fullmatch(wanted) else str(uuid.uuid4())

    def check_host(self) -> None:
        """Raise SqlError unless the request names this machine: a page's own name may be made to point here."""
        if not _LOOPBACK_HOST.fullmatch(self.headers.get("host", "localhost")):
            raise SqlError(ACCESS_DENIED, "The Host header must name the loopback address")

    def check_password(self, token: str) -> None:
        """Raise SqlError unless the request carries a known user and `token` in one of ClickHouse's ways."""
        user, password = self._credentials()
        is_token = hmac.compare_digest(password.encode(), token.encode())
        if not is_token or user not in USERS:
            message = "Authentication failed: password is incorrect, or there is no user with such name"
            raise SqlError(AUTHENTICATION_FAILED, message)

    def _credentials(self) -> tuple[str, str]:
        headers, params = self.headers, self.params
        if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
            return headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return "", ""
            return user or "default", password
        return params.get("user", "default"), params.get("password", "")

    def settings(self) -> dict[str, str]:
        """Return the parameters that are ClickHouse settings."""
        return {
            name: text
            for name, text in self.params.items()
            if name not in _NOT_SETTINGS and not name.startswith("param_")
        }

    def query_parameters(self) -> dict[str, str]:
        """Return the values of `{name:Type}` placeholders, in ClickHouse's escaped form."""
        prefix = "param_"
        return {name.removeprefix(prefix): text for name, text in self.params.items() if name.startswith(prefix)}

    def flag(self, name: str) -> bool:
        """Return whether parameter `name` is given and not 0."""
        return self.params.get(name, "0").lower() not in {"", "0", "false"}

    def number(self, name: str, default: int, highest: int) -> int:
        """Return parameter `name` as a whole number of at most `highest`; raises SqlError where it is none."""
        text = self.params.get(name, str(default))
        if not re.fullmatch(r"\d{1,9}", text) or int(text) > highest:
            raise SqlError(BAD_REQUEST_PARAMETER, f"Parameter {name} must be a whole number up to {highest}")
        return int(text)

    @property
    def database(self) -> str:
        """The database the request asks for, empty for none."""
        return self.headers.get("x-clickhouse-database", "") or self.params.get("database", "")

    @property
    def default_format(self) -> str:
        """The format of results whose statement names none; raises SqlError if it is no name."""
        asked = self.headers.get("x-clickhouse-format") or self.params.get("default_format") or "TabSeparated"
        if not re.fullmatch(r"\w+", asked, re.ASCII):
            raise SqlError(BAD_REQUEST_PARAMETER, "default_format is not the name of a format")
        return asked

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the request's body as it comes; raises ClientGoneError where it stops coming."""
        while self.has_more_body:
            try:
                async with asyncio.timeout(self.idle_timeout_s):
                    message = await self.receive()
            except TimeoutError as error:
                raise ClientGoneError from error
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            self.has_more_body = message.get("more_body", False)
            yield message.get("body", b"")

    async def gone(self) -> None:
        """Return when the client has closed the connection; the body must have been read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def start(self, headers: Mapping[str, str]) -> None:
        """Begin a good response, compressed as the client asked."""
        in_blocks = self.flag("compress")
        is_wanted = not in_blocks and self.params.get("enable_http_compression", "1") != "0"
        encoding = choose_encoding(self.headers.get("accept-encoding", "")) if is_wanted else ""
        self._encoder = make_encoder(encoding, in_blocks=in_blocks)
        extra = {"content-encoding": encoding, "vary": "Accept-Encoding"} if encoding else {}
        await self._send_head(200, {**headers, **extra})

    async def write(self, data: bytes) -> None:
        """Send a piece of the result."""
        if packed := self._encoder.compress(data):
            await self._send_body(packed, more=True)

    async def finish(self) -> None:
        """Send the end of the result."""
        await self._send_body(self._encoder.flush(), more=False)

    async def break_off(self, error: SqlError, tag: str) -> None:
        """Append `error` to a result that has begun, and leave the response without its end."""
        tail = self._encoder.compress(tagged_exception(error.text, tag)) + self._encoder.flush()
        await self._send_body(tail, more=True)

    async def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a whole short response."""
        head = {"content-type": "text/plain; charset=UTF-8", "content-length": str(len(body)), **(headers or {})}
        await self._send_head(status, head)
        await self._send_body(body, more=False)

    async def fail(self, error: SqlError, version: str) -> None:
        """Tell `error` the way ClickHouse does; a body that is too long to be skipped ends the connection."""
        await self._skip_body()
        headers = {"x-clickhouse-exception-code": str(error.code)}
        if self.has_more_body:
            headers["connection"] = "close"
        if error.status == 401:
            headers["www-authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        suffix = "" if "(version " in error.text else f" (version {version} (official build))"
        await self.reply(error.status, f"{error.text}{suffix}\n".encode(), headers)

    async def _skip_body(self) -> None:
        """Read what is left of a body of normal length: to close on unread data would lose the reply."""
        left = _SKIPPED_BYTES
        async for piece in self.body():
            left -= len(piece)
            if left < 0:
                return

    async def _send_head(self, status: int, headers: Mapping[str, str]) -> None:
        pairs = {"x-clickhouse-query-id": self.query_id, **headers}
        encoded = [(name.encode(), text.encode("latin-1")) for name, text in pairs.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def _send_body(self, data: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def _send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self.idle_timeout_s):
                await self.send(message)
        except (TimeoutError, OSError) as error:
            raise ClientGoneError from error


def summary_header(summary: Mapping[str, str]) -> str:
    """Return the counts as X-ClickHouse-Summary has them."""
    return json.dumps(summary, separators=(",", ":"))
