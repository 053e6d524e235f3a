"""Headers that tell browsers what not to do with an answer."""

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

STRICT = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NOT_KEPT = {"Cache-Control": "no-store"}


def with_security_headers(app: ASGIApp) -> ASGIApp:
    """Return `app` with the headers on every answer that does not set them itself; what needs a key is kept nowhere."""

    async def secured(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        wanted = STRICT | (NOT_KEPT if scope["path"].startswith("/admin") else {})

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                for name, value in wanted.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, send_secured)

    return secured
