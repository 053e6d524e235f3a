"""The OpenAPI document and the page that shows it, without anything from elsewhere."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from litestar import Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import FromPath

_FOLDER = Path(__file__).parents[1] / "static" / "docs"
_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class _Page(NamedTuple):
    file: str
    media_type: str
    encoding: str | None = None


_PAGES = {
    "index.html": _Page("index.html", "text/html; charset=utf-8"),
    "docs.js": _Page("docs.js", "text/javascript; charset=utf-8"),
    "swagger-ui.css": _Page("swagger-ui.css.gz", "text/css; charset=utf-8", "gzip"),
    "swagger-ui-bundle.js": _Page("swagger-ui-bundle.js.gz", "text/javascript; charset=utf-8", "gzip"),
}


class OpenApiDocument(JsonRenderPlugin):
    """The framework's OpenAPI document, and in it the paths of the routes it does not know."""

    def __init__(self, paths: dict[str, Any], schemas: dict[str, Any]) -> None:
        super().__init__(path="/openapi.json")
        self._paths = paths
        self._schemas = schemas

    def render(
        self,
        request: Request[Any, Any, Any],  # noqa: ARG002 - the framework's signature
        openapi_schema: dict[str, Any],
    ) -> bytes:
        """Return the document as JSON."""
        components = openapi_schema.get("components", {})
        schemas = components.get("schemas", {}) | self._schemas
        document = openapi_schema | {
            "paths": openapi_schema["paths"] | self._paths,
            "components": components | {"schemas": schemas},
        }
        return _to_ecma(msgspec.json.encode(document))


def _to_ecma(document: bytes) -> bytes:
    r"""Return JSON with patterns of JSON Schema's dialect: it has no \A and \Z, and its $ is the very end."""
    return document.replace(rb'"\\A', b'"^').replace(rb'\\Z"', b'$"')


def _respond(name: str) -> Response[bytes]:
    if (page := _PAGES.get(name)) is None:
        raise NotFoundException(f"There is no {name} here.")
    headers = _SECURITY_HEADERS | ({"Content-Encoding": page.encoding} if page.encoding else {})
    return Response((_FOLDER / page.file).read_bytes(), media_type=page.media_type, headers=headers)


@get("/", include_in_schema=False, sync_to_thread=True)
def get_docs_page() -> Response[bytes]:
    """Return the page."""
    return _respond("index.html")


@get("/{name:str}", include_in_schema=False, sync_to_thread=True)
def get_docs_file(name: FromPath[str]) -> Response[bytes]:
    """Return a file of the page."""
    return _respond(name)


def docs_router() -> Router:
    """Return the routes below /docs."""
    return Router("/docs", route_handlers=[get_docs_page, get_docs_file])
