"""Names that other protocols give to streams, sessions and clients, brought into the contract's form.

Native senders keep to the contract or are refused; players of other protocols name things as they like,
so a name that does not fit is replaced by a hash of it: the same name always gives the same identity.
"""

import hashlib
import re
import uuid

HASHED_SESSIONS = uuid.UUID("6f2b1d0c-8a6e-5a53-9d0b-2f4f1c7d9e38")
"""Namespace of the UUIDv5 that stands for a session name; changing it would split running sessions."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9._:~-]{1,128}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def read_stream_id(name: str) -> str:
    """Return `name` if it is an identifier of the contract, else `h:` and 32 hex digits of its SHA-256."""
    if _IDENTIFIER.fullmatch(name):
        return name
    return f"h:{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def read_session_id(name: str) -> str:
    """Return `name` in lower case if it is a UUID, else the UUIDv5 that stands for it."""
    if _UUID.fullmatch(name):
        return name.lower()
    return str(uuid.uuid5(HASHED_SESSIONS, name))


def read_client_id(name: str) -> str | None:
    """Return `name` if it is an identifier of the contract; None, as if none was given, if not."""
    return name if _IDENTIFIER.fullmatch(name) else None
