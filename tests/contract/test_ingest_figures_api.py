"""GET /admin/ingest, as the outside sees it, on both engines: what became of events, and what waits."""

import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from playhead.ops.auth import Keys
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from playhead.store.cluster import nodes_of
from tests.service import ADMIN_KEY, RunningService, run_service

pytestmark = pytest.mark.anyio

PATH = "/admin/ingest"


@pytest.fixture
async def settings(embedded_settings: Settings) -> Settings:
    """Return settings with a key."""
    return msgspec.structs.replace(embedded_settings, admin_key=ADMIN_KEY)


@pytest.fixture
async def service(store: ClientStore, settings: Settings) -> AsyncIterator[RunningService]:
    """Give a service that has taken nothing yet."""
    for node in await nodes_of(store):
        await node.execute("TRUNCATE TABLE dead_letters")
    async with run_service(settings, store) as running:
        yield running


def batch(*events: dict[str, Any]) -> dict[str, Any]:
    """Return a batch of one session."""
    return {"stream_id": "s", "client_id": "c", "session_id": str(uuid4()), "events": list(events)}


async def test_outcomes_are_told_by_reason(service: RunningService) -> None:
    """Of each protocol how many events and requests were taken, and how many refused and why."""
    now = int(time.time() * 1000)
    event = {"type": "play", "ts": now, "seq": 0}
    taken = await service.send(batch(event, event | {"type": "dance"}, event | {"ts": now - 90 * 86_400_000}))
    assert (taken.status_code, taken.json()["accepted"]) == (202, 1)
    assert (await service.send({"stream_id": "s"})).status_code == 400
    told = (await service.ask(PATH)).json()
    assert told["events"] == [
        {"protocol": "native", "outcome": "accepted", "reason": None, "count": 1},
        {"protocol": "native", "outcome": "refused", "reason": "too_old", "count": 1},
        {"protocol": "native", "outcome": "refused", "reason": "unknown_type", "count": 1},
    ]
    assert told["requests"] == [
        {"protocol": "native", "outcome": "answered", "reason": None, "count": 1},
        {"protocol": "native", "outcome": "refused", "reason": "invalid_request", "count": 1},
    ]
    assert told["buffered_rows"] == 0


async def test_dead_letters_are_counted_by_reason(service: RunningService, settings: Settings) -> None:
    """Those that are kept outlive the process that refused them; what was over the share is the process's own."""
    now = int(time.time() * 1000)
    before = (await service.ask(PATH)).json()["dead_letters"]
    assert before == {"kept": 0, "dropped": 0, "reasons": []}
    async with run_service(msgspec.structs.replace(settings, dead_letters_per_minute=2), service.store) as other:
        events = [{"type": "dance", "ts": now, "seq": number} for number in range(5)]
        assert (await other.send(batch(*events))).json()["accepted"] == 0
    told = (await service.ask(PATH)).json()["dead_letters"]
    [reason] = told["reasons"]
    assert (told["kept"], told["dropped"]) == (2, 0)
    assert abs(reason.pop("last_at") - time.time() * 1000) < 60_000
    assert reason == {"protocol": "native", "reason": "unknown_type", "letters": 2}


async def test_the_spool_is_told_where_there_is_one(service: RunningService, settings: Settings) -> None:
    """Idle and empty while the database takes events; null where it is switched off."""
    told = (await service.ask(PATH)).json()["spool"]
    assert (told["state"], told["bytes"], told["segments"], told["oldest_at"]) == ("idle", 0, 0, None)
    assert told["max_bytes"] == settings.spool_max_bytes
    async with run_service(msgspec.structs.replace(settings, spool=False), service.store) as without:
        assert (await without.ask(PATH)).json()["spool"] is None


async def test_ingest_is_the_platforms(service: RunningService) -> None:
    """Without a key it is a 401, with an organizer's a 403."""
    organizers = (await Keys(service.store, ADMIN_KEY).make("red's", "red")).key
    assert (await service.ask(PATH, "wrong")).status_code == 401
    assert (await service.ask(PATH, organizers)).status_code == 403
