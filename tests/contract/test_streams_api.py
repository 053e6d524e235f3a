"""GET /admin/analytics/streams, /summary and /{stream_id}, as the outside sees them, on both engines."""

import csv
import io
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from playhead.events import EventRow, EventType
from playhead.ops.auth import hash_key
from playhead.serve.answers import Metrics
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.service import ADMIN_KEY, RunningService, run_service
from tests.stores import insert_events

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]

BASE = (int(time.time()) - 86_400) * 1000
STREAMS = "/admin/analytics/streams"
RANGE = {"from": datetime.fromtimestamp(BASE / 1000 - 3600, UTC).isoformat(), "to": datetime.now(UTC).isoformat()}


def session(stream: str, number: int, start_s: float, length_s: float = 20, **fields: Any) -> list[EventRow]:
    """Return the rows of a session that plays from its first moment on."""
    steps = [(0, EventType.play), (100, EventType.playing), (length_s * 1000, EventType.ended)]
    return [
        EventRow(
            **{
                "stream_id": stream,
                "session_id": str(UUID(int=number)),
                "client_id": f"client-{number}",
                "ts": BASE + int(start_s * 1000) + int(after_ms),
                "seq": seq,
                "type": int(kind),
                "received_ms": BASE + 60_000,
                "sent_offset_ms": None,
                "device": "desktop",
                **fields,
            }
        )
        for seq, (after_ms, kind) in enumerate(steps)
    ]


@pytest.fixture(scope="module")
async def service(store: ClientStore, embedded_settings: Settings) -> AsyncIterator[RunningService]:
    """Give a service with a few streams of two organizers."""
    rows = [
        *session("match", 1, 0, country="DE", provider="hls"),
        *session("match", 2, 5, country="FR", provider="hls"),
        *session("match", 3, 10, country="DE", provider="hls"),
        *session("talk", 4, 0, 50, provider="youtube", content_title="=cmd()", content_is_live=True),
        *session("talk", 5, 60, 10, provider="youtube", device="bot"),
        *session("secret", 6, 100, 5, client_id="client-1"),
    ]
    await insert_events(store, rows)
    registry = [
        ["match", "The match", "red", False, '[{"provider":"hls","ref":{}}]'],
        ["secret", "Secret", "blue", False, "[]"],
        ["empty", "@Empty", "red", True, "[]"],
    ]
    columns = ["stream_id", "title", "organizer_id", "is_live", "providers"]
    await store.insert("streams", columns, msgspec.json.Encoder().encode_lines(registry))
    key = [["00000000-0000-0000-0000-000000000001", hash_key("red-key"), "red", "red"]]
    await store.insert(
        "api_keys", ["key_id", "key_sha256", "name", "organizer_id"], msgspec.json.Encoder().encode_lines(key)
    )
    settings = msgspec.structs.replace(embedded_settings, admin_key=ADMIN_KEY)
    async with run_service(settings, store) as running:
        await running.refresh()
        yield running


async def items(service: RunningService, **parameters: Any) -> list[dict[str, Any]]:
    """Return the table's rows."""
    answer = await service.ask(STREAMS, **(RANGE | parameters))
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


async def ids(service: RunningService, **parameters: Any) -> list[str]:
    """Return the table's streams in their order."""
    return [row["stream_id"] for row in await items(service, **parameters)]


async def test_three_overlapping_viewers_are_a_peak_of_three(service: RunningService) -> None:
    """The defect of the system this replaces: it counted 1."""
    [row] = await items(service, q="match")
    assert (row["peak_concurrent"], row["peak_at"], row["viewers"]) == (3, BASE + 10_000, 3)


async def test_a_row_has_every_metric_and_what_the_registry_says(service: RunningService) -> None:
    """Each row names its stream and carries every metric, null where it cannot be known."""
    [row] = await items(service, q="match")
    assert set(Metrics.__struct_fields__) <= row.keys()
    assert row["title"] == "The match"
    assert row["organizer_id"] == "red"
    assert row["provider"] == "hls"
    assert row["playing_time_s"] == pytest.approx(3 * 19.9)
    assert row["startup_ms_p50"] == 100
    assert row["avg_bitrate_kbps"] is None
    assert (row["first_event_at"], row["last_event_at"]) == (BASE, BASE + 30_000)
    [talk] = await items(service, q="talk")
    assert (talk["title"], talk["organizer_id"], talk["provider"]) == (None, None, "youtube")


async def test_the_default_order_is_most_watched_first(service: RunningService) -> None:
    """Without sort the stream with the most playing time comes first."""
    assert await ids(service) == ["match", "talk", "secret"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("stream_id", ["match", "secret", "talk"]),
        ("-stream_id", ["talk", "secret", "match"]),
        ("playing_time_s", ["secret", "talk", "match"]),
        ("-peak_concurrent", ["match", "secret", "talk"]),
        ("first_event_at", ["match", "talk", "secret"]),
        ("avg_bitrate_kbps", ["match", "secret", "talk"]),
        ("title", ["talk", "secret", "match"]),
    ],
)
async def test_sorting(service: RunningService, sort: str, expected: list[str]) -> None:
    """Any column sorts either way, unknown figures last, ties by stream."""
    assert await ids(service, sort=sort) == expected


async def test_paging_counts_all_rows(service: RunningService) -> None:
    """`total` is of all pages, also past the last one."""
    for offset, expected in [(0, ["match", "secret"]), (2, ["talk"]), (4, [])]:
        answer = await service.ask(STREAMS, **RANGE, sort="stream_id", limit=2, offset=offset)
        assert [row["stream_id"] for row in answer.json()["items"]] == expected
        assert answer.json()["total"] == 3


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"organizer_id": "red"}, ["match"]),
        ({"organizer_id": "nobody"}, []),
        ({"provider": "youtube"}, ["talk"]),
        ({"provider": "unknown"}, ["secret"]),
        ({"provider": ""}, ["match", "talk", "secret"]),
        ({"from": "1970-01-01", "to": "9999-12-31", "organizer_id": "red"}, ["match"]),
        ({"country": "de"}, ["match"]),
        ({"device": "tablet"}, []),
        ({"q": "SECR"}, ["secret"]),
        ({"q": "the mat"}, ["match"]),
        ({"include_empty": "true", "organizer_id": "red"}, ["match", "empty"]),
    ],
)
async def test_filters(service: RunningService, filters: dict[str, str], expected: list[str]) -> None:
    """Each filter narrows the table."""
    assert await ids(service, **filters) == expected


async def test_a_country_filter_counts_its_sessions_only(service: RunningService) -> None:
    """A dimension filter leaves sessions of other values out of every figure."""
    [row] = await items(service, country="DE")
    assert (row["sessions"], row["peak_concurrent"]) == (2, 2)


async def test_bots_count_only_when_asked_for(service: RunningService) -> None:
    """Declared crawlers are stored, and left out unless include_bots is true."""
    [without] = await items(service, q="talk")
    [with_bots] = await items(service, q="talk", include_bots="true")
    assert (without["sessions"], with_bots["sessions"]) == (1, 2)


async def test_a_session_belongs_to_its_first_instant_and_is_active_later_too(service: RunningService) -> None:
    """In a range that begins amid sessions they count for the peak, and not as sessions."""
    later = datetime.fromtimestamp(BASE / 1000 + 22, UTC).isoformat()
    [row] = await items(service, **{"from": later, "q": "match"})
    assert (row["sessions"], row["plays"], row["avg_playing_time_s"]) == (0, 0, None)
    assert (row["peak_concurrent"], row["peak_at"]) == (2, BASE + 22_000)


async def test_csv_has_all_rows_and_no_formulas(service: RunningService) -> None:
    """CSV ignores paging; a text that looks like a formula is defused; unknown is empty."""
    cases: list[tuple[dict[str, str], dict[str, str]]] = [({"format": "csv"}, {}), ({}, {"Accept": "text/csv"})]
    for parameters, headers in cases:
        answer = await service.client.get(
            STREAMS,
            params=RANGE | {"limit": "1", "include_empty": "true", "sort": "stream_id"} | parameters,
            headers=headers | {"Authorization": f"Bearer {ADMIN_KEY}"},
        )
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert 0 <= float(answer.headers["freshness-s"]) < 60
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["stream_id"] for row in rows] == ["empty", "match", "secret", "talk"]
        assert rows[0]["title"] == "'@Empty"
        assert rows[0]["qoe_score"] == ""


async def test_the_summary_is_of_the_union(service: RunningService) -> None:
    """Viewers are distinct by organizer and client, peaks are of all sessions together, not sums."""
    answer = (await service.ask(STREAMS + "/summary", **RANGE)).json()
    assert (answer["streams"], answer["sessions"], answer["attempts"]) == (3, 5, 5)
    assert answer["viewers"] == 5
    assert (answer["peak_concurrent"], answer["peak_at"]) == (4, BASE + 10_000)
    assert answer["previous"]["sessions"] == 0
    assert answer["previous"]["qoe_score"] is None
    assert 0 <= answer["freshness_s"] < 60


async def test_the_period_before(service: RunningService) -> None:
    """`previous` is the range of equal length that ends where this one begins."""
    begin = BASE + 30_000
    period = {name: datetime.fromtimestamp(at / 1000, UTC).isoformat() for name, at in
              [("from", begin), ("to", begin + 40_000)]}  # fmt: skip
    answer = (await service.ask(STREAMS + "/summary", **period)).json()
    assert (answer["sessions"], answer["previous"]["sessions"]) == (0, 4)


async def test_one_stream(service: RunningService) -> None:
    """A stream's answer has its row, what players said of the content, and the registry's entry."""
    match = (await service.ask(STREAMS + "/match", **RANGE)).json()
    assert (match["plays"], match["registry"]["title"], match["content"]["title"]) == (3, "The match", None)
    assert match["registry"]["providers"] == [{"provider": "hls", "ref": {}}]
    talk = (await service.ask(STREAMS + "/talk", **RANGE)).json()
    assert (talk["registry"], talk["content"]) == (None, {"title": "=cmd()", "duration_ms": None, "live": True})


async def test_a_registered_stream_without_sessions(service: RunningService) -> None:
    """It is known: its figures are nought or unknown."""
    empty = (await service.ask(STREAMS + "/empty", **RANGE)).json()
    assert (empty["sessions"], empty["peak_concurrent"], empty["peak_at"]) == (0, 0, None)


async def test_an_unknown_stream_is_404(service: RunningService) -> None:
    """Nobody has heard of it."""
    answer = await service.ask(STREAMS + "/nothing", **RANGE)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


async def test_an_organizers_key_sees_its_own_streams_only(service: RunningService) -> None:
    """Others' streams are not there, in the table, in the summary and by name."""
    rows = (await service.ask(STREAMS, "red-key", **RANGE)).json()["items"]
    assert [row["stream_id"] for row in rows] == ["match"]
    assert (await service.ask(STREAMS + "/summary", "red-key", **RANGE)).json()["sessions"] == 3
    assert (await service.ask(STREAMS + "/secret", "red-key", **RANGE)).status_code == 404
    assert (await service.ask(STREAMS + "/talk", "red-key", **RANGE)).status_code == 404
    assert (await service.ask(STREAMS, "red-key", organizer_id="blue")).status_code == 403


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic abc", ADMIN_KEY])
@pytest.mark.parametrize("path", [STREAMS, STREAMS + "/summary", STREAMS + "/match"])
async def test_no_key_no_answer(service: RunningService, path: str, authorization: str | None) -> None:
    """Without a known key every call is 401, before anything else is looked at."""
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await service.client.get(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "parameters",
    [
        {"from": "yesterday"},
        {"from": "2026-01-01T00:00:00"},
        {"to": "2026-13-01"},
        {"from": "2026-01-02", "to": "2026-01-02"},
        {"from": "2026-01-02", "to": "2026-01-01"},
        {"sort": "color"},
        {"limit": "0"},
        {"limit": "1001"},
        {"offset": "-1"},
        {"provider": "vhs"},
        {"format": "xml"},
        {"include_bots": "perhaps"},
    ],
)
async def test_bad_parameters_are_told(service: RunningService, parameters: dict[str, str]) -> None:
    """A parameter that is not valid is a 400 problem that says which."""
    answer = await service.ask(STREAMS, **parameters)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert any(name in answer.json()["detail"] for name in parameters), answer.json()


async def test_a_bare_date_is_its_midnight(service: RunningService) -> None:
    """`from` and `to` as dates are 00:00 UTC of that day."""
    answer = (await service.ask(STREAMS, **{"from": "2026-01-01", "to": "2026-01-31"})).json()
    assert answer["from"] == datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000
    assert answer["to"] == datetime(2026, 1, 31, tzinfo=UTC).timestamp() * 1000


async def test_the_default_range_is_the_last_thirty_days(service: RunningService) -> None:
    """Without from and to the range ends now."""
    answer = (await service.ask(STREAMS)).json()
    assert answer["to"] - answer["from"] == 30 * 86_400_000
    assert abs(answer["to"] - time.time() * 1000) < 60_000
