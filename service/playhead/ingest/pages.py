"""What is kept of the address of the page a player runs on."""

from urllib.parse import urlsplit

MAX_PAGE_CHARACTERS = 2048
NO_PAGES = frozenset({"data", "file", "javascript", "vbscript"})
"""Schemes of what has no origin: files of a viewer's own, and what runs when it is followed."""


def keep_origin_and_path(url: str) -> str:
    """Return `url` without user name, query and fragment, so much of it as is kept; "" where it has no origin.

    Pages of apps have schemes of their own, such as capacitor://localhost.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme in NO_PAGES or not parts.scheme or not host:
        return ""
    return f"{parts.scheme}://{host}{parts.path}"[:MAX_PAGE_CHARACTERS]
