"""GET .../timeseries, .../concurrency and .../breakdown, as the outside sees them, on both engines."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from playhead.events import EventRow, EventType
from playhead.ops.auth import hash_key
from playhead.serve.answers import Metrics
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.marts import build_marts
from tests.service import ADMIN_KEY, RunningService, run_service
from tests.stores import insert_events

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]

ANALYTICS = "/admin/analytics"
MIDNIGHT = 1_789_948_800_000  # 2026-09-21T00:00:00Z
HOUR = 3_600_000
RANGE = {"from": "2026-09-20", "to": "2026-09-23"}


def session(stream: str, number: int, start_ms: int, length_ms: int, **fields: Any) -> list[EventRow]:
    """Return the rows of a session that plays from its first moment on."""
    beats = [(EventType.heartbeat, at) for at in range(30_000, length_ms, 30_000)]
    steps = [(EventType.play, 0), (EventType.playing, 100), *beats, (EventType.ended, length_ms)]
    errors = [(EventType.error, 200)] if "error_code" in fields else []
    return [
        EventRow(
            **{
                "stream_id": stream,
                "session_id": str(UUID(int=number)),
                "client_id": f"client-{number}",
                "ts": start_ms + after_ms,
                "seq": seq,
                "type": int(kind),
                "received_ms": MIDNIGHT + 30 * HOUR,
                "sent_offset_ms": None,
                "device": "desktop",
                "provider": "hls",
                **fields,
            }
        )
        for seq, (kind, after_ms) in enumerate([*steps, *errors])
    ]


@pytest.fixture(scope="module", params=["sessions", "marts"])
async def service(
    request: pytest.FixtureRequest, store: ClientStore, embedded_settings: Settings
) -> AsyncIterator[RunningService]:
    """Give a service with sessions around a midnight; its answers come from sessions or, where they can, from marts."""
    rows = [
        *session("match", 1, MIDNIGHT - 60_000, 120_000, country="DE"),
        *session("match", 2, MIDNIGHT + 10_000, 60_000, country="FR"),
        *session("match", 3, MIDNIGHT + 2 * HOUR, 60_000, country="DE", error_code="E1"),
        *session("talk", 4, MIDNIGHT + 2 * HOUR, 90_000, provider="youtube"),
    ]
    await insert_events(store, rows)
    registry = [["match", "The match", "red"], ["talk", "The talk", "blue"]]
    await store.insert("streams", ["stream_id", "title", "organizer_id"], msgspec.json.Encoder().encode_lines(registry))
    key = [["00000000-0000-0000-0000-000000000001", hash_key("red-key"), "red", "red"]]
    await store.insert(
        "api_keys", ["key_id", "key_sha256", "name", "organizer_id"], msgspec.json.Encoder().encode_lines(key)
    )
    settings = msgspec.structs.replace(embedded_settings, admin_key=ADMIN_KEY)
    async with run_service(settings, store) as running:
        await running.refresh()
        if request.param == "marts":
            await build_marts(store)
        yield running


async def ask(service: RunningService, path: str, **parameters: Any) -> dict[str, Any]:
    """Return an answer about the range."""
    answer = await service.ask(f"{ANALYTICS}/{path}", **(RANGE | parameters))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_days_are_told_one_by_one_with_gaps_filled(service: RunningService) -> None:
    """Each UTC day of the range is a point, with every metric; a day on which nothing happened counts nothing."""
    told = await ask(service, "timeseries", interval="day")
    assert [point["t"] for point in told["points"]] == [MIDNIGHT - 24 * HOUR, MIDNIGHT, MIDNIGHT + 24 * HOUR]
    assert [point["sessions"] for point in told["points"]] == [1, 3, 0]
    assert [point["peak_concurrent"] for point in told["points"]] == [1, 2, 0]
    assert set(Metrics.__struct_fields__) | {"t"} == set(told["points"][2])
    assert told["points"][2]["startup_ms_p50"] is None


async def test_a_session_counts_where_it_began_and_is_active_where_it_was(service: RunningService) -> None:
    """A session over midnight is a session of its first hour, and active in both."""
    told = await ask(service, "streams/match/timeseries", interval="hour", metrics="sessions,peak_concurrent,peak_at")
    points = {point["t"]: point for point in told["points"]}
    assert len(points) == 3 * 24
    assert points[MIDNIGHT - HOUR] == {
        "t": MIDNIGHT - HOUR, "sessions": 1, "peak_concurrent": 1, "peak_at": MIDNIGHT - 60_000,
    }  # fmt: skip
    assert points[MIDNIGHT] == {
        "t": MIDNIGHT, "sessions": 1, "peak_concurrent": 2, "peak_at": MIDNIGHT + 10_000,
    }  # fmt: skip


async def test_buckets_at_the_ends_are_cut_by_the_range(service: RunningService) -> None:
    """The first bucket begins on the clock though the range begins within it, and counts the range alone."""
    asked = {"from": "2026-09-21T00:00:30Z", "to": "2026-09-21T00:02:30Z", "interval": "minute"}
    told = await ask(service, "timeseries", **asked, metrics="sessions,peak_concurrent,peak_at")
    assert [point["t"] for point in told["points"]] == [MIDNIGHT, MIDNIGHT + 60_000, MIDNIGHT + 120_000]
    assert [point["sessions"] for point in told["points"]] == [0, 0, 0]
    assert [point["peak_concurrent"] for point in told["points"]] == [2, 2, 0]
    assert [point["peak_at"] for point in told["points"]] == [MIDNIGHT + 30_000, MIDNIGHT + 60_000, None]


@pytest.mark.parametrize("interval", ["minute", "hour", "day"])
async def test_concurrency_is_the_exact_maximum(service: RunningService, interval: str) -> None:
    """The peak is of the union of sessions, whatever the buckets."""
    told = await ask(service, "concurrency", interval=interval)
    assert (told["interval"], told["peak_concurrent"], told["peak_at"]) == (interval, 2, MIDNIGHT + 10_000)
    assert max(point["max"] for point in told["points"]) == 2
    one = await ask(service, "streams/talk/concurrency", interval=interval)
    assert (one["peak_concurrent"], one["peak_at"]) == (1, MIDNIGHT + 2 * HOUR)


@pytest.mark.parametrize(
    ("by", "values"),
    [
        ("country", {"DE": 2, "FR": 1, "unknown": 1}),
        ("provider", {"hls": 3, "youtube": 1}),
        ("error_code", {"E1": 1}),
        ("stream_id", {"match": 3, "talk": 1}),
        ("os", {"unknown": 4}),
    ],
)
async def test_a_breakdown_has_every_value(service: RunningService, by: str, values: dict[str, int]) -> None:
    """Each value that a session had is an item; what none told is `unknown`, and no error is no code."""
    told = await ask(service, "breakdown", by=by)
    assert {item["value"]: item["sessions"] for item in told["items"]} == values
    assert all(set(Metrics.__struct_fields__) < item.keys() for item in told["items"])
    of_one = await ask(service, "breakdown", by=by, stream_id="talk")
    assert sum(item["sessions"] for item in of_one["items"]) == (0 if by == "error_code" else 1)


async def test_an_unknown_value_can_be_asked_for(service: RunningService) -> None:
    """The filter by `unknown` finds the sessions that the breakdown counts there."""
    told = await ask(service, "streams/summary", country="unknown")
    assert (told["sessions"], told["playing_time_s"]) == (1, pytest.approx(89.9))


async def test_an_organizer_sees_its_own(service: RunningService) -> None:
    """With an organizer's key the figures are those of its streams, and other streams are not there."""
    answer = await service.ask(f"{ANALYTICS}/concurrency", key="red-key", **RANGE)
    assert answer.json()["peak_at"] == MIDNIGHT + 10_000
    answer = await service.ask(f"{ANALYTICS}/breakdown", key="red-key", by="provider", **RANGE)
    assert [item["value"] for item in answer.json()["items"]] == ["hls"]
    for path in ("streams/talk/timeseries", "streams/talk/concurrency", "breakdown"):
        answer = await service.ask(f"{ANALYTICS}/{path}", key="red-key", by="os", stream_id="talk")
        assert answer.status_code == 404


async def test_a_stream_nobody_may_know_of_is_404_whatever_is_asked(service: RunningService) -> None:
    """Though it were too many points."""
    for path in ("streams/talk/timeseries", "streams/nothing/timeseries", "streams/talk/concurrency"):
        asked = {"from": "2020-01-01", "to": "2026-01-01", "interval": "minute"}
        answer = await service.ask(f"{ANALYTICS}/{path}", key="red-key", **asked)
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("path", "parameters", "first"),
    [
        ("timeseries", {"interval": "day", "metrics": "plays,viewers"}, "t,plays,viewers"),
        ("breakdown", {"by": "os"}, "value,sessions"),
    ],
)
async def test_csv(service: RunningService, path: str, parameters: dict[str, str], first: str) -> None:
    """The same rows can be had as CSV."""
    answer = await service.ask(f"{ANALYTICS}/{path}", format="csv", **(RANGE | parameters))
    assert answer.headers["content-type"].startswith("text/csv")
    assert 0 <= float(answer.headers["freshness-s"]) < 60
    assert answer.text.startswith(first)
    told = await ask(service, path, **parameters)
    assert len(list(csv.reader(io.StringIO(answer.text)))) == 1 + len(told["points" if "points" in told else "items"])


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("timeseries", {"interval": "minute", "from": "2026-01-01", "to": "2026-09-01"}),
        ("concurrency", {"interval": "second"}),
        ("timeseries", {"metrics": "plays,nonsense"}),
        ("breakdown", {}),
        ("breakdown", {"by": "shoe_size"}),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    service: RunningService, path: str, parameters: dict[str, str]
) -> None:
    """Too many points, an unknown interval, metric or dimension: 400 that says so."""
    answer = await service.ask(f"{ANALYTICS}/{path}", **(RANGE | parameters))
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"


async def test_a_late_event_shows_though_the_marts_are_older(store: ClientStore, service: RunningService) -> None:
    """A day whose sessions changed after it was built is answered from its sessions, at once."""
    asked = {"from": "2026-09-25", "to": "2026-09-26"}
    before = await ask(service, "streams/summary", **asked)
    number = uuid4().int
    await insert_events(
        store, session("late", number, MIDNIGHT + 4 * 24 * HOUR, 60_000, received_ms=MIDNIGHT + 5 * 24 * HOUR)
    )
    await service.refresh()
    after = await ask(service, "streams/summary", **asked)
    assert after["sessions"] == before["sessions"] + 1
    assert after["viewers"] == before["viewers"] + 1
