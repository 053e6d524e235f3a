"""GET /admin/analytics/streams/{stream_id}/sessions and /sessions/{session_id}, as the outside sees them."""

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
from playhead.ops.auth import Keys
from playhead.serve import session_queries
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.service import ADMIN_KEY, RunningService, run_service
from tests.stores import insert_events

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]

BASE = (int(time.time()) - 86_400) * 1000
ANALYTICS = "/admin/analytics"
SESSIONS = f"{ANALYTICS}/streams/match/sessions"
PLAY = ((0, "play"), (100, "playing"), (20_000, "ended"))
STORY = (
    (0, "play"),
    (500, "playing"),
    (10_500, "rebuffer_start"),
    (12_000, "rebuffer_end"),
    (22_000, "heartbeat"),
    (92_000, "heartbeat"),
    (93_000, "error"),
    (94_000, "quit"),
)
MAX_EVENTS = 100


def session_id(number: int) -> str:
    """Return the id of the session of that number."""
    return str(UUID(int=number))


def at(ms: int) -> str:
    """Return the instant `ms` after the base."""
    return datetime.fromtimestamp((BASE + ms) / 1000, UTC).isoformat()


RANGE = {"from": at(-3_600_000), "to": at(3_600_000)}


def told(
    stream: str, number: int, start_ms: int = 0, steps: tuple[tuple[int, str], ...] = PLAY, **fields: Any
) -> list[EventRow]:
    """Return the rows of a session."""
    common: dict[str, Any] = {
        "stream_id": stream,
        "session_id": session_id(number),
        "client_id": f"client-{number}",
        "received_ms": BASE + 60_000,
        "sent_offset_ms": None,
        "device": "desktop",
        "provider": "hls",
    }
    error = {"error_code": "net", "error_message": "gone", "is_error_fatal": True}
    return [
        EventRow(
            ts=BASE + start_ms + after_ms,
            seq=seq,
            type=int(EventType[kind]),
            **(common | fields | (error if kind == "error" else {})),
        )
        for seq, (after_ms, kind) in enumerate(steps)
    ]


@pytest.fixture(scope="module")
async def service(store: ClientStore, embedded_settings: Settings) -> AsyncIterator[RunningService]:
    """Give a service with sessions of two organizers and of nobody."""
    settings = msgspec.structs.replace(embedded_settings, admin_key=ADMIN_KEY, max_session_events=MAX_EVENTS)
    async with run_service(settings, store) as running:
        rows = [
            *told("match", 1, 0, country="DE"),
            *told("match", 2, 5000, country="FR"),
            *told("match", 3, 5000, country="DE", client_id="=cmd()", sent_offset_ms=700),
            *told("match", 4, 30_000, STORY, bitrate_kbps=2500, content_title="-1+2", position_ms=7),
            *told("match", 5, 40_000, device="bot"),
            *told("bunnies", 6, 0, provider="bunny"),
            *told("bunnies", 7, 0, tuple((n, "heartbeat") for n in range(MAX_EVENTS + 50))),
            *told("secret", 1, 60_000),
            *told("nobody's", 8),
        ]
        await insert_events(store, rows)
        registry = [["match", "The match", "red"], ["bunnies", "Bunnies", "red"], ["secret", "Secret", "blue"],
                    ["empty", "Empty", "red"]]  # fmt: skip
        await store.insert(
            "streams", ["stream_id", "title", "organizer_id"], msgspec.json.Encoder().encode_lines(registry)
        )
        await running.refresh()
        yield running


@pytest.fixture(scope="module")
async def red(service: RunningService) -> str:
    """Give a key of the organizer red."""
    return (await Keys(service.store, ADMIN_KEY).make("red's", "red")).key


async def numbers(service: RunningService, path: str = SESSIONS, **parameters: Any) -> list[int]:
    """Return the numbers of the sessions of an answer, in its order."""
    answer = await service.ask(path, **(RANGE | parameters))
    assert answer.status_code == 200, answer.text
    return [UUID(item["session_id"]).int for item in answer.json()["items"]]


async def test_sessions_come_newest_first(service: RunningService) -> None:
    """By their first instant, corrected by the skew; bots are left out."""
    assert await numbers(service) == [4, 3, 2, 1]


async def test_a_row_tells_all_of_a_session(service: RunningService) -> None:
    """Times are seconds by state, instants ms, what is not known null."""
    answer = (await service.ask(SESSIONS, **RANGE)).json()
    row = answer["items"][0]
    assert answer["from"] == BASE - 3_600_000
    assert answer["to"] == BASE + 3_600_000
    assert 0 <= answer["freshness_s"] < 60
    assert answer["next_cursor"] is None
    score = row.pop("qoe_score")
    assert score == 0
    assert row == {
        "stream_id": "match", "session_id": session_id(4), "title": "The match", "organizer_id": "red",
        "client_id": "client-4", "started_at": BASE + 30_000, "last_at": BASE + 124_000, "skew_ms": 0, "events": 8,
        "is_truncated": False, "is_bot": False, "is_attempt": True, "is_play": True, "has_error": True,
        "has_failure": True, "has_business_error": False, "starting_time_s": 0.5, "playing_time_s": 21.0,
        "playing_hidden_time_s": 0.0, "paused_time_s": 0.0, "rebuffering_time_s": 1.5, "seeking_time_s": 0.0,
        "startup_ms": 500, "rebuffer_count": 1, "rebuffer_time_s": 1.5, "avg_bitrate_kbps": 2500.0,
        "error_codes": ["net"], "provider": "hls", "player_name": None, "player_version": None, "country": None,
        "device": "desktop", "os": None, "browser": None, "content_title": "-1+2", "content_duration_ms": None,
        "content_is_live": None, "page_url": None, "timezone": None,
    }  # fmt: skip


async def test_what_a_player_cannot_report_is_null(service: RunningService) -> None:
    """Bunny's frame tells nothing of rebuffering."""
    [row] = (await service.ask(f"{ANALYTICS}/streams/bunnies/sessions", **RANGE, provider="bunny")).json()["items"]
    assert (row["rebuffer_count"], row["rebuffer_time_s"], row["rebuffering_time_s"]) == (None, None, None)
    assert (row["avg_bitrate_kbps"], row["playing_time_s"]) == (None, 19.9)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"country": "de"}, [3, 1]),
        ({"provider": "dash"}, []),
        ({"device": "desktop"}, [4, 3, 2, 1]),
        ({"device": "bot"}, []),
        ({"include_bots": "true"}, [5, 4, 3, 2, 1]),
        ({"organizer_id": "red"}, [4, 3, 2, 1]),
        ({"organizer_id": "blue"}, 404),
        ({"from": at(24_000), "to": at(26_000)}, [3, 2]),
        ({"from": at(20_001), "to": at(26_000)}, [3, 2]),
        ({"from": at(20_000), "to": at(26_000)}, [3, 2, 1]),
        ({"from": at(30_000), "to": at(30_001)}, [4]),
        ({"from": at(85_000), "to": at(90_000)}, []),
    ],
)
async def test_filters(service: RunningService, filters: dict[str, str], expected: list[int] | int) -> None:
    """Each filter narrows the list; a range holds who began in it and who was active in it."""
    if isinstance(expected, int):
        assert (await service.ask(SESSIONS, **(RANGE | filters))).status_code == expected
    else:
        assert await numbers(service, **filters) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
async def test_cursors_lead_through_all(service: RunningService, limit: int) -> None:
    """Page after page gives every session once, in the order of one page; the last page has no cursor."""
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        answer = (await service.ask(SESSIONS, **RANGE, limit=limit, **cursor)).json()
        found += [UUID(item["session_id"]).int for item in answer["items"]]
        if answer["next_cursor"] is None:
            break
        assert len(answer["items"]) == limit
        cursor = {"cursor": answer["next_cursor"]}
    assert found == [4, 3, 2, 1]


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "0"},
        {"limit": "1001"},
        {"cursor": "x"},
        {"cursor": ""},
        {"cursor": "bm90IGpzb24"},
        {"cursor": "WyJhIiwiYiJd"},
        {"cursor": "é"},
        {"cursor": "WzFlMzAsImEiXQ"},
        {"format": "xml"},
        {"from": "yesterday"},
    ],
)
async def test_bad_parameters_are_told(service: RunningService, parameters: dict[str, str]) -> None:
    """A parameter that is not valid is a 400 problem that says which."""
    answer = await service.ask(SESSIONS, **parameters)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert any(name in answer.json()["detail"] for name in parameters), answer.json()


@pytest.mark.parametrize("page_rows", [1, 3, 10_000])
async def test_csv_has_all_rows_and_no_formulas(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, page_rows: int
) -> None:
    """CSV ignores limit and cursor; a text that looks like a formula is defused; unknown is empty."""
    monkeypatch.setattr(session_queries, "CSV_PAGE_ROWS", page_rows)
    cases: list[tuple[dict[str, str], dict[str, str]]] = [({"format": "csv"}, {}), ({}, {"Accept": "text/csv"})]
    for parameters, headers in cases:
        answer = await service.client.get(
            SESSIONS,
            params=RANGE | {"limit": "1"} | parameters,
            headers=headers | {"Authorization": f"Bearer {ADMIN_KEY}"},
        )
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="sessions.csv"'
        assert 0 <= float(answer.headers["freshness-s"]) < 60
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [UUID(row["session_id"]).int for row in rows] == [4, 3, 2, 1]
        assert (rows[0]["content_title"], rows[1]["client_id"]) == ("'-1+2", "'=cmd()")
        assert (rows[0]["error_codes"], rows[0]["is_play"], rows[0]["page_url"]) == ("net", "true", "")


async def test_csv_of_nothing_is_its_header(service: RunningService) -> None:
    """A registered stream without sessions has columns and no rows."""
    answer = await service.ask(f"{ANALYTICS}/streams/empty/sessions", **RANGE, format="csv")
    assert answer.status_code == 200
    assert answer.text.startswith("stream_id,session_id,")
    assert list(csv.DictReader(io.StringIO(answer.text))) == []


async def test_whose_streams_are_listed(service: RunningService, red: str) -> None:
    """A stream that nobody knows, or another's or nobody's with an organizer's key, is 404; an empty one is empty."""
    for stream_id, key, expected in [
        ("match", red, 200),
        ("empty", red, 200),
        ("secret", ADMIN_KEY, 200),
        ("nobody's", ADMIN_KEY, 200),
        ("secret", red, 404),
        ("nobody's", red, 404),
        ("nothing", red, 404),
        ("nothing", ADMIN_KEY, 404),
    ]:
        for parameters in ({}, {"format": "csv"}):
            answer = await service.ask(f"{ANALYTICS}/streams/{stream_id}/sessions", key, **RANGE, **parameters)
            assert answer.status_code == expected, stream_id
    assert (await service.ask(SESSIONS, red, organizer_id="blue")).status_code == 403


async def test_one_session_event_by_event(service: RunningService) -> None:
    """The row, each distinct event with the state after it, and the intervals, with the gap as such."""
    answer = (await service.ask(f"{ANALYTICS}/sessions/{session_id(4)}")).json()
    start = BASE + 30_000
    assert answer["session"] == (await service.ask(SESSIONS, **RANGE)).json()["items"][0]
    assert [(event["at"] - start, event["type"], event["state"]) for event in answer["timeline"]] == [
        (0, "play", "starting"),
        (500, "playing", "playing"),
        (10_500, "rebuffer_start", "rebuffering"),
        (12_000, "rebuffer_end", "playing"),
        (22_000, "heartbeat", "playing"),
        (92_000, "heartbeat", "playing"),
        (93_000, "error", "failed"),
        (94_000, "quit", "ended"),
    ]
    assert [(one["from"] - start, one["to"] - start, one["state"], one["is_counted"]) for one in answer["states"]] == [
        (0, 500, "starting", True),
        (500, 10_500, "playing", True),
        (10_500, 12_000, "rebuffering", True),
        (12_000, 22_000, "playing", True),
        (22_000, 92_000, "gap", False),
        (92_000, 93_000, "playing", True),
        (93_000, 94_000, "failed", True),
    ]
    event = answer["timeline"][6]
    assert event["error"] == {"code": "net", "message": "gone", "fatal": True, "business": False}
    assert (event["position_ms"], event["bitrate_kbps"], event["width"], event["visible"]) == (7, 2500, None, None)
    assert (event["received_at"], event["ts"], event["seq"]) == (BASE + 60_000, start + 93_000, 6)
    assert answer["timeline"][0]["error"] is None
    assert 0 <= answer["freshness_s"] < 60


async def test_instants_are_corrected_by_the_skew(service: RunningService) -> None:
    """`at` and the intervals are by the service's clock, `ts` is the player's."""
    answer = (await service.ask(f"{ANALYTICS}/sessions/{session_id(3).upper()}")).json()
    assert (answer["session"]["skew_ms"], answer["session"]["started_at"]) == (700, BASE + 5700)
    assert [event["at"] - event["ts"] for event in answer["timeline"]] == [700, 700, 700]
    assert (answer["states"][0]["from"], answer["states"][-1]["to"]) == (BASE + 5700, BASE + 25_700)


async def test_an_id_may_be_of_several_streams(service: RunningService, red: str) -> None:
    """Without stream_id the newest that the caller may see is answered, with it that one or 404."""
    path = f"{ANALYTICS}/sessions/{session_id(1)}"
    for key, parameters, expected in [
        (ADMIN_KEY, {}, "secret"),
        (ADMIN_KEY, {"stream_id": "match"}, "match"),
        (ADMIN_KEY, {"stream_id": "bunnies"}, None),
        (red, {}, "match"),
        (red, {"stream_id": "match"}, "match"),
        (red, {"stream_id": "secret"}, None),
    ]:
        answer = await service.ask(path, key, **parameters)
        assert answer.status_code == (200 if expected else 404)
        assert not expected or answer.json()["session"]["stream_id"] == expected


@pytest.mark.parametrize(("number", "expected"), [(8, (200, 404)), (99, (404, 404)), (5, (200, 200))])
async def test_whose_sessions_are_told(
    service: RunningService, red: str, number: int, expected: tuple[int, int]
) -> None:
    """A session that nobody knows, or of nobody's stream with an organizer's key, is 404; a bot's is told."""
    for key, code in zip((ADMIN_KEY, red), expected, strict=True):
        answer = await service.ask(f"{ANALYTICS}/sessions/{session_id(number)}", key)
        assert answer.status_code == code
        assert code == 200 or answer.json()["code"] == "not_found"


@pytest.mark.parametrize("text", ["x", "1", session_id(1)[:-1], session_id(1) + "0"])
async def test_an_id_is_a_uuid(service: RunningService, text: str) -> None:
    """What cannot be a session's id is a 400."""
    answer = await service.ask(f"{ANALYTICS}/sessions/{text}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_long_session_is_told_as_far_as_it_counts(service: RunningService) -> None:
    """Of a truncated session the timeline has the events that its figures are of."""
    answer = (await service.ask(f"{ANALYTICS}/sessions/{session_id(7)}")).json()
    assert (answer["session"]["events"], answer["session"]["is_truncated"]) == (MAX_EVENTS + 50, True)
    assert [event["seq"] for event in answer["timeline"]] == list(range(MAX_EVENTS))
    assert answer["states"] == [
        {"from": BASE, "to": BASE + MAX_EVENTS - 1, "state": "idle", "is_counted": True},
    ]


async def test_events_sent_again_are_told_once(service: RunningService) -> None:
    """Copies do not show, before and after the next refresh."""
    path = f"{ANALYTICS}/sessions/{session_id(2)}"
    before = (await service.ask(path)).json()
    assert isinstance(service.store, ClientStore)
    await insert_events(service.store, told("match", 2, 5000, country="FR"))
    for _ in range(2):
        after = (await service.ask(path)).json()
        assert (after["timeline"], after["states"]) == (before["timeline"], before["states"])
        await service.refresh()


@pytest.mark.parametrize("path", [SESSIONS, f"{ANALYTICS}/sessions/{session_id(1)}"])
async def test_no_key_no_answer(service: RunningService, path: str) -> None:
    """Without a known key every call is 401."""
    assert (await service.client.get(path)).status_code == 401
    assert (await service.ask(path, "wrong")).status_code == 401
