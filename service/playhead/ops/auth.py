"""Admin keys: who asks, and what they may see."""

import asyncio
import hashlib
import hmac
import secrets
import time
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import msgspec

from playhead.errors import ConflictError, ForbiddenError, NotFoundError, UnauthorizedError
from playhead.store.contract import Store
from playhead.store.sql_files import query

KEY_PREFIX = "phk_"

OrganizerId = Annotated[str, msgspec.Meta(max_length=128, pattern=r"\A[A-Za-z0-9._:~-]*\Z")]

_COLUMNS = ["key_id", "key_sha256", "name", "organizer_id", "created_at", "is_deleted"]

_FIND_PLATFORM_KEY = """
SELECT name, organizer_id FROM api_keys FINAL WHERE organizer_id = '' LIMIT 1
"""
_FIND_KEY = """
SELECT name, organizer_id FROM api_keys FINAL WHERE key_sha256 = {key_sha256:String} LIMIT 1
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

    def require_platform(self) -> None:
        """Raise ForbiddenError unless the caller is an admin of the platform."""
        if self.organizer_id:
            raise ForbiddenError("This takes a key of the platform.")


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key as others see it."""

    id: str
    name: str
    organizer_id: Annotated[str, msgspec.Meta(description="Empty: a key of the platform.")]
    created_at: Annotated[int, msgspec.Meta(description="When it was made.")]


class MadeKey(Key, frozen=True, kw_only=True):
    """A key that was just made."""

    key: Annotated[str, msgspec.Meta(description="What to send; shown only this once.")]


class _Found(msgspec.Struct, frozen=True):
    """Whose a key is."""

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
        self._deleting = asyncio.Lock()

    async def identify(self, authorization: str | None) -> Caller:
        """Return the caller of an `Authorization: Bearer KEY` header; raises UnauthorizedError."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise UnauthorizedError("Send Authorization: Bearer KEY.")
        digest = hash_key(key.strip())
        if self._admin_hash and hmac.compare_digest(digest, self._admin_hash):
            return Caller("PLAYHEAD_ADMIN_KEY")
        for row in await self._store.fetch(_FIND_KEY, _Found, {"key_sha256": digest}):
            return Caller(row.name, row.organizer_id)
        raise UnauthorizedError("This key is not known.")

    async def make_first_key(self) -> str | None:
        """Make and return a platform key if there is none yet, neither in the settings nor in the database."""
        if self._admin_hash or await self._store.fetch(_FIND_PLATFORM_KEY, _Found):
            return None
        return (await self.make("first key", "")).key

    async def fetch_all(self) -> list[Key]:
        """Return the keys in the database, oldest first."""
        return await self._store.fetch(query("keys"), Key)

    async def make(self, name: str, organizer_id: str) -> MadeKey:
        """Make and return a key of an organizer, or of the platform ("")."""
        key_id, key = str(uuid4()), KEY_PREFIX + secrets.token_urlsafe(32)
        now_ms = time.time_ns() // 1_000_000
        created_at = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds")
        await self._write([key_id, hash_key(key), name, organizer_id, created_at, 0])
        return MadeKey(id=key_id, name=name, organizer_id=organizer_id, created_at=now_ms, key=key)

    async def delete(self, key_id: str) -> None:
        """Take a key back; raises NotFoundError, or ConflictError for the last way in as the platform."""
        async with self._deleting:
            keys = {key.id: key for key in await self.fetch_all()}
            if key_id not in keys:
                raise NotFoundError("There is no such key.")
            platform_ids = {key.id for key in keys.values() if not key.organizer_id}
            if platform_ids == {key_id} and not self._admin_hash:
                raise ConflictError("This is the last key of the platform; make another first.")
            await self._write([key_id, "", "", "", "1970-01-01T00:00:00Z", 1])

    async def _write(self, line: list[object]) -> None:
        await self._store.insert("api_keys", _COLUMNS, msgspec.json.encode(line) + b"\n")
