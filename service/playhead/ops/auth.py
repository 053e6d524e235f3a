"""Admin keys: who asks, and what they may see."""

import hashlib
import hmac
import secrets
from uuid import uuid4

import msgspec

from playhead.errors import ForbiddenError, UnauthorizedError
from playhead.store.contract import Store

KEY_PREFIX = "phk_"

_FIND_PLATFORM_KEY = """
SELECT toString(key_id) AS key_id, key_sha256, name, organizer_id FROM api_keys FINAL WHERE organizer_id = '' LIMIT 1
"""
_FIND_KEY = """
SELECT toString(key_id) AS key_id, key_sha256, name, organizer_id
FROM api_keys FINAL WHERE key_sha256 = {key_sha256:String} LIMIT 1
"""


class Caller(msgspec.Struct, frozen=True):
    """Who asks; organizer_id "": an admin of the platform, who sees everything."""

    name: str
    organizer_id: str = ""

    def scope(self, organizer_id: str) -> str:
        """Return the organizer to filter by when `organizer_id` ("" for none) was asked for.

        Raises ForbiddenError when it is another organizer's than the caller's.
        """
        if self.organizer_id and organizer_id not in {"", self.organizer_id}:
            raise ForbiddenError("This key belongs to another organizer.")
        return self.organizer_id or organizer_id


class StoredKey(msgspec.Struct, frozen=True):
    """A row of api_keys."""

    key_id: str
    key_sha256: str
    name: str
    organizer_id: str


def hash_key(key: str) -> str:
    """Return what is stored of a key. Keys carry 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(key.encode()).hexdigest()


class Keys:
    """Knows the keys: the one of the settings, and those in the database."""

    def __init__(self, store: Store, admin_key: str) -> None:
        self._store = store
        self._admin_hash = hash_key(admin_key) if admin_key else ""

    async def identify(self, authorization: str | None) -> Caller:
        """Return the caller of an `Authorization: Bearer KEY` header; raises UnauthorizedError."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise UnauthorizedError("Send Authorization: Bearer KEY.")
        digest = hash_key(key.strip())
        if self._admin_hash and hmac.compare_digest(digest, self._admin_hash):
            return Caller("PLAYHEAD_ADMIN_KEY")
        for row in await self._store.fetch(_FIND_KEY, StoredKey, {"key_sha256": digest}):
            return Caller(row.name, row.organizer_id)
        raise UnauthorizedError("This key is not known.")

    async def make_first_key(self) -> str | None:
        """Make and return a platform key if there is none yet, neither in the settings nor in the database."""
        if self._admin_hash or await self._store.fetch(_FIND_PLATFORM_KEY, StoredKey):
            return None
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        line = msgspec.json.encode([str(uuid4()), hash_key(key), "first key", ""])
        await self._store.insert("api_keys", ["key_id", "key_sha256", "name", "organizer_id"], line + b"\n")
        return key
