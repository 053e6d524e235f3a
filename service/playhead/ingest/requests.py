"""A request's head, as far as ingest reads it."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl

import msgspec
from litestar.types import HTTPScope

from playhead.addresses import Address, read_address
from playhead.errors import InvalidRequestError

MAX_QUERY_PARAMETERS = 20

RawHeaders = Iterable[tuple[bytes, bytes]]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The head of one request; header names are in lower case, repeated headers joined by commas.

    `peer` is who connected, read once for all who ask; None: a local socket.
    """

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    peer: Address | None

    @property
    def origin(self) -> str:
        """The page's origin as the browser names it, or ""."""
        return self.headers.get("origin", "")

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; "" when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def asks_for_privacy(self) -> bool:
        """Tell whether the viewer objects to being followed from session to session (DNT, GPC)."""
        return self.headers.get("dnt") == "1" or self.headers.get("sec-gpc") == "1"

    def read_query(self) -> dict[str, str]:
        """Return the query parameters, the last one of a name; raises InvalidRequestError on more than 20."""
        try:
            return dict(parse_qsl(self.query_string, keep_blank_values=True, max_num_fields=MAX_QUERY_PARAMETERS))
        except ValueError as error:
            raise InvalidRequestError(f"The URL has more than {MAX_QUERY_PARAMETERS} parameters.") from error


def read_head(scope: HTTPScope) -> Request:
    """Return the head of an ASGI HTTP scope."""
    client = scope.get("client")
    query_string = scope["query_string"].decode("latin-1")
    return read_request(scope["method"], scope["path"], query_string, scope["headers"], client[0] if client else None)


def read_request(method: str, path: str, query_string: str, raw_headers: RawHeaders, client_ip: str | None) -> Request:
    """Return the head whose parts are these; `client_ip` None: a local socket."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw_headers:
        name, value = _read_name(raw_name), raw_value.decode("latin-1").strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    peer = read_address(client_ip) if client_ip else None
    return Request(method=method, path=path, query_string=query_string, headers=headers, peer=peer)


@lru_cache(256)
def _read_name(raw_name: bytes) -> str:
    return raw_name.decode("latin-1").lower()
