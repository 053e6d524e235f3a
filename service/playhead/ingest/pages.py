"""What is kept of the address of the page a player runs on."""

from urllib.parse import urlsplit

MAX_PAGE_CHARACTERS = 2048


def keep_origin_and_path(url: str) -> str:
    """Return `url` without user name, query and fragment; "" when it is not an http(s) address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme not in {"http", "https"} or not host:
        return ""
    return f"{parts.scheme}://{host}{parts.path}"[:MAX_PAGE_CHARACTERS]
