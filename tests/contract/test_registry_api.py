"""GET /admin/streams and GET, PUT, DELETE /admin/streams/{stream_id}, as the outside sees them, on both engines."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from playhead.events import EventRow, EventType
from playhead.ops.auth import Caller, Keys
from playhead.serve import registry
from playhead.serve.registry import Registration, register
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.service import ADMIN_KEY, RunningService, run_service
from tests.stores import insert_events

pytestmark = pytest.mark.anyio

STREAMS = "/admin/streams"
NOW = int(time.time() * 1000)
GUID = "018f2f9e-7c00-7000-8000-000000000001"


@pytest.fixture(scope="module")
async def service(store: ClientStore, embedded_settings: Settings) -> AsyncIterator[RunningService]:
    """Give a service that takes registered streams only."""
    settings = msgspec.structs.replace(embedded_settings, admin_key=ADMIN_KEY, strict_streams=True)
    async with run_service(settings, store) as running:
        yield running


@pytest.fixture(scope="module")
async def red(service: RunningService) -> str:
    """Give a key of the organizer red."""
    return (await Keys(service.store, ADMIN_KEY).make("red's", "red")).key


@pytest.fixture(scope="module")
async def blue(service: RunningService) -> str:
    """Give a key of the organizer blue."""
    return (await Keys(service.store, ADMIN_KEY).make("blue's", "blue")).key


@pytest.fixture
def stream() -> str:
    """Give the id of a stream that nobody has heard of."""
    return f"stream-{uuid4().hex}"


async def call(
    service: RunningService, method: str, stream_id: str, body: Any = None, key: str = ADMIN_KEY
) -> httpx.Response:
    """Return the answer to a call for one stream."""
    content = None if body is None else msgspec.json.encode(body)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return await service.client.request(method, f"{STREAMS}/{stream_id}", content=content, headers=headers)


async def watch(service: RunningService, stream_id: str) -> None:
    """Put a session of the last minute into the database, whether the stream may send or not."""
    steps = [(EventType.play, 0), (EventType.playing, 100), (EventType.ended, 10_000)]
    session_id = str(uuid4())
    rows = [
        EventRow(
            stream_id=stream_id,
            session_id=session_id,
            client_id="viewer",
            ts=NOW - 60_000 + after_ms,
            seq=seq,
            type=int(kind),
            received_ms=NOW,
            sent_offset_ms=None,
            device="desktop",
        )
        for seq, (kind, after_ms) in enumerate(steps)
    ]
    assert isinstance(service.store, ClientStore)
    await insert_events(service.store, rows)
    await service.refresh()


async def test_a_stream_is_registered_changed_and_unregistered(service: RunningService, stream: str) -> None:
    """PUT answers 201, then 200, each time with the entry; DELETE 204; what is not there is 404."""
    body = {"title": "First", "organizer_id": "red", "live": True, "providers": [{"provider": "hls", "ref": {}}]}
    made = await call(service, "PUT", stream, body)
    assert (made.status_code, made.json()) == (201, {"stream_id": stream, **body})
    assert (await call(service, "GET", stream)).json() == made.json()
    changed = await call(service, "PUT", stream, {"title": "Second"})
    expected = {"stream_id": stream, "title": "Second", "organizer_id": "", "live": False, "providers": []}
    assert (changed.status_code, changed.json()) == (200, expected)
    assert (await call(service, "GET", stream)).json() == expected
    gone = await call(service, "DELETE", stream)
    assert (gone.status_code, gone.content) == (204, b"")
    for method in ("GET", "DELETE"):
        assert (await call(service, method, stream)).status_code == 404
    assert (await call(service, "PUT", stream, body)).status_code == 201


async def test_what_get_answers_can_be_put_back(service: RunningService, stream: str) -> None:
    """Every kind of provider and its reference comes back as it was sent, by the table's answers too."""
    providers = [
        {"provider": "hls", "ref": {}},
        {"provider": "dash", "ref": {}},
        {"provider": "native", "ref": {}},
        {"provider": "youtube", "ref": {"video_id": "dQw4w9WgXcQ"}},
        {"provider": "bunny", "ref": {"library_id": 12345, "video_guid": GUID}},
        {"provider": "bunny", "ref": {"library_id": "12345", "video_guid": GUID}},
        {"provider": "bunny", "ref": {"library_id": 12345, "video_guid": GUID.replace("-", "").upper()}},
        {"provider": "bunny", "ref": {}},
        {"provider": "youtube", "ref": {}},
        {"provider": "other", "ref": {}},
    ]
    await call(service, "PUT", stream, {"title": "Everywhere, café 漢", "providers": providers})
    entry = (await call(service, "GET", stream)).json()
    assert entry["providers"] == providers
    again = await call(service, "PUT", stream, entry)
    assert (again.status_code, again.json()) == (200, entry)
    row = (await service.ask(f"/admin/analytics/streams/{stream}")).json()
    assert (row["registry"]["providers"], row["provider"]) == (providers, "hls")


async def test_null_is_as_if_left_out(service: RunningService, stream: str) -> None:
    """As answers have it of streams that are not registered."""
    answer = await call(service, "PUT", stream, {"title": None, "organizer_id": None})
    assert (answer.status_code, answer.json()["title"], answer.json()["organizer_id"]) == (201, "", "")


async def test_a_reference_left_out_is_empty(service: RunningService, stream: str) -> None:
    """A provider without names of its own needs no ref."""
    answer = await call(service, "PUT", stream, {"providers": [{"provider": "dash"}]})
    assert answer.json()["providers"] == [{"provider": "dash", "ref": {}}]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"title": "x" * 513}, "title"),
        ({"organizer_id": "a b"}, "organizer_id"),
        ({"organizer_id": "red\n"}, "organizer_id"),
        ({"organizer_id": "x" * 129}, "organizer_id"),
        ({"live": "yes"}, "live"),
        ({"providers": [{"provider": "hls"}] * 17}, "providers"),
        ({"providers": [{"provider": "vhs", "ref": {}}]}, "providers[0].provider"),
        ({"providers": [{"ref": {}}]}, "providers[0]"),
        ({"providers": [{"provider": "hls", "ref": {"video_id": "x"}}]}, "providers[0].ref"),
        ({"providers": [{"provider": "youtube", "ref": {"video_id": "a/b"}}]}, "providers[0].ref.video_id"),
        ({"providers": [{"provider": "bunny", "ref": {"library_id": 1}}]}, "providers[0].ref"),
        ({"providers": [{"provider": "bunny", "ref": {"library_id": 0, "video_guid": GUID}}]}, "library_id"),
        ({"providers": [{"provider": "bunny", "ref": {"library_id": "x", "video_guid": GUID}}]}, "library_id"),
        ({"providers": [{"provider": "bunny", "ref": {"library_id": 1, "video_guid": "x/y"}}]}, "video_guid"),
        ([], "data"),
        (None, "data"),
    ],
)
async def test_what_is_not_valid_is_told_and_not_stored(
    service: RunningService, stream: str, body: Any, where: str
) -> None:
    """A body that does not fit is a 400 problem whose errors name the place."""
    answer = await call(service, "PUT", stream, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), answer.text
    assert where in answer.json()["errors"][0]
    assert (await call(service, "GET", stream)).status_code == 404


@pytest.mark.parametrize("stream_id", ["a%20b", "x" * 129, "caf%C3%A9", "a%0A", "%FF"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_stream_is_of_the_alphabet(service: RunningService, method: str, stream_id: str) -> None:
    """An id that no stream can have is a 400."""
    answer = await call(service, method, stream_id, {} if method == "PUT" else None)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["errors"][0].startswith("stream_id: ")


async def test_a_body_has_a_limit(service: RunningService, stream: str) -> None:
    """A body over 64 KiB is a 413."""
    answer = await call(service, "PUT", stream, {"title": "x" * 70_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("content", [b"{", b"{}", b"", b'{"title": 1}', b"x" * 70_000])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_no_key_no_answer(service: RunningService, method: str, content: bytes) -> None:
    """Without a known key every call is 401, before anything of the body is looked at."""
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        for path in (STREAMS, f"{STREAMS}/any", f"{STREAMS}/a%20b"):
            if path == STREAMS and method != "GET":
                continue
            answer = await service.client.request(method, path, content=content, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), path


async def test_the_list_is_filtered_paged_and_counted(service: RunningService, red: str) -> None:
    """Entries come by id; q looks into id and title, organizer_id filters, total is of all pages."""
    mark = uuid4().hex
    for name, title, organizer_id in [("c", mark, "red"), ("a", mark.upper(), "red"), ("b", mark, "blue")]:
        await call(service, "PUT", f"{name}-{mark[:8]}", {"title": title, "organizer_id": organizer_id})

    async def names(key: str = ADMIN_KEY, **parameters: Any) -> tuple[int, list[str]]:
        answer = (await service.ask(STREAMS, key, **parameters)).json()
        return answer["total"], [item["stream_id"][0] for item in answer["items"]]

    assert await names(q=mark) == (3, ["a", "b", "c"])
    assert await names(q=f"B-{mark[:8]}") == (1, ["b"])
    assert await names(q=mark, organizer_id="red") == (2, ["a", "c"])
    assert await names(q=mark, limit=1, offset=1) == (3, ["b"])
    assert await names(q=mark, limit=1, offset=3) == (3, [])
    assert await names(q="no such " + mark) == (0, [])
    assert await names(red, q=mark) == (2, ["a", "c"])
    assert (await service.ask(STREAMS, red, organizer_id="blue")).status_code == 403
    for bad in ({"limit": 0}, {"limit": 1001}, {"offset": -1}, {"limit": "x"}):
        assert (await service.ask(STREAMS, **bad)).status_code == 400


async def test_an_organizer_changes_its_own_streams(service: RunningService, stream: str, red: str) -> None:
    """Its key changes title, live and providers, again and again, and unregisters; the organizer stays its own."""
    await call(service, "PUT", stream, {"organizer_id": "red"})
    for title, body in [("One", {}), ("Two", {"organizer_id": ""}), ("Three", {"organizer_id": "red"})]:
        answer = await call(service, "PUT", stream, {"title": title, **body}, red)
        assert (answer.status_code, answer.json()["organizer_id"]) == (200, "red")
        assert (await call(service, "GET", stream, key=red)).json()["title"] == title
    assert (await call(service, "DELETE", stream, key=red)).status_code == 204
    assert (await call(service, "GET", stream)).status_code == 404


async def test_an_organizer_does_not_give_its_streams_away(service: RunningService, stream: str, red: str) -> None:
    """Another organizer_id in the body is a 403, whoever has the stream."""
    body = {"organizer_id": "blue"}
    assert (await call(service, "PUT", stream, body, red)).status_code == 403
    await call(service, "PUT", stream, {"organizer_id": "red"})
    assert (await call(service, "PUT", stream, body, red)).status_code == 403
    assert (await call(service, "GET", stream)).json()["organizer_id"] == "red"


@pytest.mark.parametrize("owner", ["blue", ""])
async def test_an_organizer_neither_sees_nor_changes_others(
    service: RunningService, stream: str, red: str, owner: str
) -> None:
    """A stream of another organizer, or of none, is 404 to every call, and stays as it is."""
    before = (await call(service, "PUT", stream, {"title": "Theirs", "organizer_id": owner})).json()
    for method, body in [("GET", None), ("PUT", {"title": "Mine"}), ("PUT", before), ("DELETE", None)]:
        answer = await call(service, method, stream, body, red)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await call(service, "GET", stream)).json() == before


async def test_an_organizer_does_not_capture_a_stream(service: RunningService, stream: str, red: str) -> None:
    """A stream that is watched but registered by nobody stays nobody's: registering is the platform's."""
    await watch(service, stream)
    answer = await call(service, "PUT", stream, {"title": "Mine"}, red)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await call(service, "GET", stream)).status_code == 404
    assert (await service.ask(f"/admin/analytics/streams/{stream}", red)).status_code == 404


async def test_an_organizers_late_change_does_not_undo_the_platforms(
    service: RunningService, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream given to another while its organizer writes is the other's, though the organizer wrote last."""
    await call(service, "PUT", stream, {"organizer_id": "red"})
    write, has_read, may_write = registry._write, asyncio.Event(), asyncio.Event()

    async def write_late(store: Any, line: list[object]) -> None:
        if line[1] == "late":
            has_read.set()
            await may_write.wait()
        await write(store, line)

    monkeypatch.setattr(registry, "_write", write_late)
    late = asyncio.create_task(register(service.store, Caller("red's", "red"), stream, Registration(title="late")))
    await has_read.wait()
    await call(service, "PUT", stream, {"title": "Given", "organizer_id": "blue"})
    may_write.set()
    await late
    entry = (await call(service, "GET", stream)).json()
    assert (entry["title"], entry["organizer_id"]) == ("Given", "blue")


async def test_figures_follow_the_registry_at_once(service: RunningService, stream: str, red: str, blue: str) -> None:
    """Organizer and title of all sessions, past ones too, are the registry's at the time of asking."""
    await watch(service, stream)
    path = "/admin/analytics/streams"

    async def row(key: str = ADMIN_KEY) -> tuple[str | None, str | None] | None:
        items = (await service.ask(path, key, q=stream)).json()["items"]
        return (items[0]["title"], items[0]["organizer_id"]) if items else None

    assert (await row(), await row(red)) == ((None, None), None)
    await call(service, "PUT", stream, {"title": "Ours", "organizer_id": "red"})
    assert (await row(), await row(red), await row(blue)) == (("Ours", "red"), ("Ours", "red"), None)
    await call(service, "PUT", stream, {"title": "Theirs", "organizer_id": "blue"})
    assert (await row(), await row(red), await row(blue)) == (("Theirs", "blue"), None, ("Theirs", "blue"))
    assert (await service.ask(f"{path}/{stream}", red)).status_code == 404
    assert (await service.ask(f"{path}/{stream}", blue)).json()["plays"] == 1
    await call(service, "DELETE", stream)
    assert (await row(), await row(blue)) == ((None, None), None)


async def test_a_strict_service_takes_events_once_the_stream_is_registered(
    service: RunningService, stream: str
) -> None:
    """With PLAYHEAD_STRICT_STREAMS a batch for an unknown stream is refused, and taken after PUT."""
    batch = {
        "stream_id": stream,
        "client_id": "viewer",
        "session_id": str(UUID(GUID)),
        "events": [{"type": "play", "ts": NOW, "seq": 0}],
    }
    refused = (await service.send(batch)).json()
    assert (refused["accepted"], refused["rejected"][0]["code"]) == (0, "unknown_stream")
    await call(service, "PUT", stream, {"title": "Known"})
    assert (await service.send(batch)).json()["accepted"] == 1
