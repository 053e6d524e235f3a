"""Which pages may send events from a browser, told the browser by hand: middleware costs too much here."""

from collections.abc import Collection

METHODS = "POST, OPTIONS"
REQUEST_HEADERS = "Content-Type, Content-Encoding, Origin, X-EPAS-Event, X-EPAS-Version"
EXPOSED_HEADERS = "Retry-After"
MAX_AGE_S = 86_400
ANY = "*"


class Cors:
    """Answers for the origins of `PLAYHEAD_ALLOWED_ORIGINS`; others get no CORS header, which browsers take as no."""

    def __init__(self, allowed_origins: Collection[str]) -> None:
        self._allows_any = ANY in allowed_origins
        self._allowed = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)

    def reply_headers(self, origin: str) -> dict[str, str]:
        """Return the headers of every reply to a page of `origin` ("" when no page sent it), errors included."""
        if self._allows_any:
            return {"Access-Control-Allow-Origin": ANY, "Access-Control-Expose-Headers": EXPOSED_HEADERS}
        # Caches must not hand one page's answer to another, whether or not this one is allowed.
        headers = {"Vary": "Origin"}
        if origin.lower() in self._allowed:
            headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED_HEADERS}
        return headers

    def preflight_headers(self, origin: str) -> dict[str, str]:
        """Return what a preflight is told besides `reply_headers`; nothing for a page that may not send."""
        if not self._allows_any and origin.lower() not in self._allowed:
            return {}
        return {
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": REQUEST_HEADERS,
            "Access-Control-Max-Age": str(MAX_AGE_S),
        }
