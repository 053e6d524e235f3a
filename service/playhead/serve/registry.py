"""The registry of streams: whose a stream is, what it is called, where it plays.

An organizer changes what is its own and takes nothing: registering is the platform's, so that a stream that was
heard of anonymously does not become that of whoever asks first.
"""

from typing import Annotated

import msgspec

from playhead.errors import ForbiddenError, NotFoundError
from playhead.ops.auth import Caller, OrganizerId
from playhead.rollup.changed_days import note_stream_days
from playhead.serve.answers import RegisteredStream
from playhead.serve.placements import Placement, decode_placements
from playhead.store.contract import Store
from playhead.store.sql_files import query

_COLUMNS = ["stream_id", "title", "organizer_id", "is_live", "providers", "version", "is_deleted"]


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream is to be in the registry, whole: what is left out, or null, is emptied."""

    title: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    organizer_id: Annotated[
        OrganizerId | None,
        msgspec.Meta(description="None: the key's own organizer, or none with a key of the platform."),
    ] = None
    live: bool = False
    providers: Annotated[list[Placement], msgspec.Meta(max_length=16)] = []


class RegistryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries of the registry, in the order of their ids."""

    organizer_id: str
    q: str
    limit: int
    offset: int


class _StoredStream(msgspec.Struct, frozen=True, kw_only=True):
    """A row of streams; total: how many there are on all pages."""

    stream_id: str
    title: str
    organizer_id: str
    is_live: bool
    providers: str
    version: int
    total: int = 0

    def answer(self) -> RegisteredStream:
        return RegisteredStream(
            stream_id=self.stream_id,
            title=self.title,
            organizer_id=self.organizer_id,
            live=self.is_live,
            providers=decode_placements(self.providers),
        )


async def is_registered(store: Store, stream_id: str) -> bool:
    """Return whether the registry has the stream."""
    return await _find(store, stream_id) is not None


async def fetch_registry(store: Store, page: RegistryPage) -> tuple[int, list[RegisteredStream]]:
    """Return how many entries there are in all, and those of the page."""
    parameters = msgspec.structs.asdict(page)
    rows = await store.fetch(query("registered_streams"), _StoredStream, parameters)
    if not rows and page.offset:
        first = await store.fetch(query("registered_streams"), _StoredStream, parameters | {"offset": 0, "limit": 1})
        return sum(row.total for row in first), []
    return (rows[0].total if rows else 0), [row.answer() for row in rows]


async def fetch_registered(store: Store, caller: Caller, stream_id: str) -> RegisteredStream:
    """Return the entry; raises NotFoundError where there is none that the caller may know of."""
    return _visible(await _find(store, stream_id), caller).answer()


async def register(
    store: Store, caller: Caller, stream_id: str, registration: Registration
) -> tuple[RegisteredStream, bool]:
    """Make or replace the entry; return it, and whether it is new.

    Raises ForbiddenError where an organizer names another or registers a stream that nobody has, NotFoundError
    where the stream is another organizer's.
    """
    before = await _find(store, stream_id)
    version = None if before is None else _next_version(_visible(before, caller), caller)
    organizer_id, title = caller.scope(registration.organizer_id or ""), registration.title or ""
    if before is None and caller.organizer_id:
        raise ForbiddenError("Only a key of the platform registers a stream.")
    providers = msgspec.json.encode(registration.providers).decode()
    if organizer_id != (before.organizer_id if before else ""):
        await note_stream_days(store, stream_id)
    line = [stream_id, title, organizer_id, registration.live, providers, version, 0]
    await _write(store, line)
    given = {"stream_id": stream_id, "title": title, "organizer_id": organizer_id}
    return RegisteredStream(**msgspec.structs.asdict(registration) | given), before is None


async def unregister(store: Store, caller: Caller, stream_id: str) -> None:
    """Take the stream out of the registry; raises NotFoundError as `fetch_registered`."""
    before = _visible(await _find(store, stream_id), caller)
    await note_stream_days(store, stream_id)
    await _write(store, [stream_id, "", "", False, "[]", _next_version(before, caller), 1])


async def _find(store: Store, stream_id: str) -> _StoredStream | None:
    rows = await store.fetch(query("registered_stream"), _StoredStream, {"stream_id": stream_id})
    return rows[0] if rows else None


def _visible(stream: _StoredStream | None, caller: Caller) -> _StoredStream:
    if stream is None or caller.organizer_id not in {"", stream.organizer_id}:
        raise NotFoundError("There is no such stream.")
    return stream


def _next_version(before: _StoredStream, caller: Caller) -> int | None:
    """Return the version of a change to `before`; None: the database's clock.

    An organizer's change follows the version it was allowed on and no later one: where the platform gives the
    stream to somebody else meanwhile, the clock of that change is greater and the organizer's is without effect.
    """
    return before.version + 1 if caller.organizer_id else None


async def _write(store: Store, line: list[object]) -> None:
    await store.insert("streams", _COLUMNS, msgspec.json.encode(line) + b"\n")
