"""Changed bodies on the real engines: all that ingest takes, the database takes."""

import asyncio
import random
from collections import Counter

import httpx
import msgspec
import pytest

from playhead.ingest.routes import create_ingest
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.unit.ingest.conftest import NOW
from tests.unit.ingest.mutations import mutate, valid_bodies

pytestmark = pytest.mark.anyio

MUTATIONS = 2_000
AT_ONCE = 250


class _Stored(msgspec.Struct, frozen=True):
    events: int
    invalid: int


async def _is_known(_: str) -> bool:
    return True


async def test_the_database_takes_whatever_is_accepted(store: ClientStore) -> None:
    """No server error, no poisoned row, every accepted event there, and none of them outside its type."""
    app = create_ingest(Settings(spool=False), store, is_known_stream=_is_known, clock=lambda: NOW)
    chance = random.Random(99)
    bodies = valid_bodies(chance)

    async def send(client: httpx.AsyncClient) -> int:
        data, is_gzip = mutate(next(bodies), chance)
        path = "/analytics/events" + "?z=gzip" * is_gzip
        return (await client.post(path, content=data, headers={"Content-Type": "text/plain"})).status_code

    statuses: Counter[int] = Counter()
    await app.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:  # type: ignore[arg-type]
        for _ in range(MUTATIONS // AT_ONCE):
            statuses.update(await asyncio.gather(*(send(client) for _ in range(AT_ONCE))))
    await app.stop()

    assert set(statuses) == {202, 400}
    assert app.flush_stats.poisoned_puts == 0
    [stored] = await store.fetch(
        "SELECT count() AS events, countIf(received_at != fromUnixTimestamp64Milli({now:Int64}, 'UTC')"
        " OR NOT match(client_id, '^[A-Za-z0-9._:~-]{1,128}$')) AS invalid FROM playback_events",
        _Stored,
        {"now": NOW},
    )
    assert (stored.events, stored.invalid) == (app.flush_stats.rows, 0)
