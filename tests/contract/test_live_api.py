"""GET /admin/analytics/live and /metrics, as the outside sees them, on both engines."""

import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from playhead.events import EventRow, EventType
from playhead.ops.auth import Keys
from playhead.serve.dictionary import METRICS
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.service import ADMIN_KEY, RunningService, run_service
from tests.stores import insert_events

pytestmark = pytest.mark.anyio

LIVE = "/admin/analytics/live"
WATCHING = ((30.0, "play"), (29.0, "playing"), (1.0, "heartbeat"))


@pytest.fixture(scope="module")
async def service(store: ClientStore, embedded_settings: Settings) -> AsyncIterator[RunningService]:
    """Give a service."""
    async with run_service(msgspec.structs.replace(embedded_settings, admin_key=ADMIN_KEY), store) as running:
        yield running


@pytest.fixture
def stream() -> str:
    """Give the id of a stream that nobody has heard of."""
    return f"stream-{uuid4().hex}"


async def watch(
    service: RunningService, stream_id: str, steps: tuple[tuple[float, str], ...] = WATCHING, **fields: Any
) -> str:
    """Put a session of the last minutes into the database, each step so many seconds ago; return its id."""
    assert isinstance(service.store, ClientStore)
    now_ms = int(time.time() * 1000)
    common: dict[str, Any] = {"session_id": str(uuid4()), "client_id": "viewer", "device": "desktop"} | fields
    rows = [
        EventRow(
            stream_id=stream_id,
            ts=now_ms - int(ago_s * 1000),
            seq=seq,
            type=int(EventType[kind]),
            received_ms=now_ms,
            sent_offset_ms=None,
            **common,
        )
        for seq, (ago_s, kind) in enumerate(steps)
    ]
    await insert_events(service.store, rows)
    await service.refresh()
    return str(common["session_id"])


async def count(service: RunningService, stream_id: str, key: str = ADMIN_KEY, **filters: str) -> int:
    """Return how many are watching the stream now."""
    answer = (await service.ask(LIVE, key, **filters)).json()
    assert answer["concurrent"] == sum(row["concurrent"] for row in answer["streams"])
    return sum(row["concurrent"] for row in answer["streams"] if row["stream_id"] == stream_id)


async def test_who_watches_now_is_counted_by_stream(service: RunningService, stream: str) -> None:
    """Each stream with how many sessions are active, the most watched first, marked approximate."""
    await service.store.insert(
        "streams", ["stream_id", "title", "organizer_id"], msgspec.json.encode([stream, "Now", "red"])
    )
    for _ in range(3):
        await watch(service, stream)
    await watch(service, stream + "-2")
    answer = (await service.ask(LIVE)).json()
    rows = [row for row in answer["streams"] if row["stream_id"].startswith(stream)]
    assert rows == [
        {"stream_id": stream, "title": "Now", "organizer_id": "red", "concurrent": 3},
        {"stream_id": stream + "-2", "title": None, "organizer_id": None, "concurrent": 1},
    ]
    assert answer["is_approximate"] is True
    assert abs(answer["at"] / 1000 - time.time()) < 60
    assert 0 <= answer["freshness_s"] < 60


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (((1.0, "play"),), 1),
        (((30.0, "playing"), (20.0, "rebuffer_start"), (5.0, "heartbeat")), 1),
        (((30.0, "playing"), (5.0, "seek_start")), 1),
        (((30.0, "playing"), (5.0, "pause"), (1.0, "heartbeat")), 0),
        (((30.0, "playing"), (5.0, "ended")), 1),
        (((90.0, "playing"), (65.0, "ended")), 0),
        (((1.0, "heartbeat"),), 0),
        (((120.0, "playing"), (90.0, "heartbeat")), 0),
        (((400.0, "playing"), *((350.0 - ago, "rebuffer_start") for ago in range(0, 350, 49))), 0),
        (((30.0, "playing"), (-200.0, "heartbeat")), 1),
    ],
)
async def test_who_is_active(
    service: RunningService, stream: str, steps: tuple[tuple[float, str], ...], expected: int
) -> None:
    """A session counts if it was starting, playing, rebuffering (for five minutes) or seeking up to its last event."""
    await watch(service, stream, steps)
    assert await count(service, stream) == expected


async def test_who_pauses_is_out(service: RunningService, stream: str) -> None:
    """Only the newest row of a session tells."""
    session_id = await watch(service, stream)
    assert await count(service, stream) == 1
    await watch(service, stream, ((0.5, "pause"), (0.1, "heartbeat")), session_id=session_id)
    assert await count(service, stream) == 0


async def test_a_clock_that_is_ahead_keeps_nobody(service: RunningService, stream: str) -> None:
    """What was last heard of more than a minute ago is out, whatever the player's clock says."""
    await watch(service, stream, ((30.0, "playing"), (-200.0, "heartbeat")))
    older = "INSERT INTO sessions SELECT * REPLACE (version - 61000000000 AS version, concat(stream_id, '-old') AS "
    older += "stream_id) FROM sessions FINAL WHERE stream_id = {stream_id:String}"
    await service.store.execute(older, {"stream_id": stream})
    assert await count(service, stream) == 1
    assert await count(service, stream + "-old") == 0


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"country": "de"}, 1),
        ({"country": "FR"}, 0),
        ({"provider": "hls"}, 1),
        ({"provider": "dash"}, 0),
        ({"device": "desktop"}, 1),
        ({"include_bots": "true"}, 2),
        ({"organizer_id": "red"}, 0),
    ],
)
async def test_filters(service: RunningService, stream: str, filters: dict[str, str], expected: int) -> None:
    """Each filter narrows the count; bots are out unless asked for."""
    await watch(service, stream, country="DE", provider="hls")
    await watch(service, stream, device="bot")
    assert await count(service, stream, **filters) == expected


async def test_an_organizers_key_counts_its_own(service: RunningService, stream: str) -> None:
    """Others' streams are not there, and asking for them is a 403."""
    red = (await Keys(service.store, ADMIN_KEY).make("red's", "red")).key
    await service.store.insert("streams", ["stream_id", "organizer_id"], msgspec.json.encode([stream, "red"]))
    await watch(service, stream)
    await watch(service, stream + "-other")
    assert await count(service, stream, red) == 1
    assert await count(service, stream + "-other", red) == 0
    assert (await service.ask(LIVE, red, organizer_id="blue")).status_code == 403


async def test_the_dictionary_of_metrics(service: RunningService) -> None:
    """Every metric comes with name, title, unit, definition, version and which way is good."""
    answer = (await service.ask("/admin/analytics/metrics")).json()
    assert [item["name"] for item in answer["items"]] == [metric.name for metric in METRICS]
    ratio = next(item for item in answer["items"] if item["name"] == "rebuffer_ratio")
    assert ratio == {
        "name": "rebuffer_ratio",
        "title": "Rebuffering ratio",
        "unit": "ratio",
        "definition": "Rebuffering time / (playing time + rebuffering time), over the plays that can report it.",
        "version": 1,
        "better": "lower",
    }
    assert next(item for item in answer["items"] if item["name"] == "peak_at")["better"] is None


@pytest.mark.parametrize("path", [LIVE, "/admin/analytics/metrics"])
async def test_no_key_no_answer(service: RunningService, path: str) -> None:
    """Without a known key every call is 401."""
    assert (await service.client.get(path)).status_code == 401
    assert (await service.ask(path, "wrong")).status_code == 401
