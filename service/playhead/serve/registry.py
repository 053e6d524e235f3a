"""The registry of streams, as far as others ask it."""

import msgspec

from playhead.store.contract import Store

_IS_REGISTERED = "SELECT 1 AS found FROM streams FINAL WHERE stream_id = {stream_id:String}"


class _Found(msgspec.Struct, frozen=True):
    found: int


async def is_registered(store: Store, stream_id: str) -> bool:
    """Return whether the registry has the stream."""
    return bool(await store.fetch(_IS_REGISTERED, _Found, {"stream_id": stream_id}))
