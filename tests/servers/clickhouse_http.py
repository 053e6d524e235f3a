"""The one question tests put to a ClickHouse server without a client library in between."""

from urllib.parse import urlsplit, urlunsplit

import httpx

ASK_TIMEOUT_S = 30.0


def ask(url: str, sql: str) -> str:
    """Run one statement at http://user:password@host:port/database and return the answer as TSV, stripped.

    Raises httpx.HTTPStatusError when the server refuses, with its words in the text.
    """
    parts = urlsplit(url)
    response = httpx.post(
        urlunsplit((parts.scheme, parts.netloc, "/", "", "")),
        params={"database": parts.path.strip("/")},
        content=sql,
        timeout=ASK_TIMEOUT_S,
        trust_env=False,
    )
    if response.is_error:
        message = f"{response.status_code}: {response.text.strip()}"
        raise httpx.HTTPStatusError(message, request=response.request, response=response)
    return response.text.strip()


def is_ready(base_url: str) -> bool:
    """Tell whether the ClickHouse HTTP interface at `base_url` answers a ping."""
    try:
        return httpx.get(f"{base_url}/ping", timeout=1, trust_env=False).text == "Ok.\n"
    except httpx.TransportError:
        return False
