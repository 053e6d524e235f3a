"""What the native protocol's fields become in the table."""

import pytest

from playhead.events import EventType
from tests.unit.ingest.bodies import SESSION, envelope, event
from tests.unit.ingest.conftest import NOW, Open, Service

pytestmark = pytest.mark.anyio


async def test_every_field_of_a_batch_is_stored(service: Service) -> None:
    """Names, units and defaults are those of the table."""
    error = {"code": "E1", "message": "no", "fatal": True, "business": True}
    details = {
        "position_ms": 5, "bitrate_kbps": 3000, "width": 1280, "height": 720, "player_width": 640, "player_height": 360,
        "dropped_frames": 0, "visible": False, "muted": True, "playback_rate": 1.5, "error": error,
    }  # fmt: skip
    body = envelope(
        event(NOW - 1, 4, "error", **details),
        session_id=SESSION.upper(),
        sent_at=NOW - 30,
        player={"provider": "hls", "name": "hls.js", "version": "1.7.4"},
        content={"title": "T", "duration_ms": 60_000, "live": False},
        page_url="https://user:pw@example.org:8443/a/b?token=1#top",
        timezone="Europe/Berlin",
    )

    reply = await service.post(json=body)

    assert reply.json()["session_id"] == SESSION
    [row] = service.store.rows
    assert (row.stream_id, row.session_id, row.client_id) == ("s", SESSION, "c")
    assert (row.ts, row.seq, row.type, row.received_ms, row.sent_offset_ms) == (NOW - 1, 4, EventType.error, NOW, 30)
    assert (row.position_ms, row.bitrate_kbps, row.width, row.height) == (5, 3000, 1280, 720)
    assert (row.player_width, row.player_height, row.dropped_frames) == (640, 360, 0)
    assert (row.visible, row.muted, row.playback_rate) == (1, True, 1.5)
    assert (row.error_code, row.error_message, row.is_error_fatal, row.is_error_business) == ("E1", "no", True, True)
    assert (row.provider, row.player_name, row.player_version) == ("hls", "hls.js", "1.7.4")
    assert (row.content_title, row.content_duration_ms, row.content_is_live) == ("T", 60_000, False)
    assert (row.page_url, row.timezone, row.country) == ("https://example.org:8443/a/b", "Europe/Berlin", "DE")


async def test_what_is_absent_is_stored_as_unknown(service: Service) -> None:
    """A bare batch leaves nothing invented."""
    await service.post(json=envelope())

    [row] = service.store.rows
    assert (row.sent_offset_ms, row.position_ms, row.dropped_frames, row.muted, row.content_is_live) == (None,) * 5
    assert (row.bitrate_kbps, row.visible, row.content_duration_ms) == (0, 0, 0)
    assert (row.provider, row.player_name, row.page_url, row.timezone, row.country, row.device) == (
        "", "", "", "", "", "unknown"
    )  # fmt: skip


async def test_an_error_on_another_type_is_ignored(service: Service) -> None:
    """Only events of type error are errors."""
    await service.post(json=envelope(event(error={"code": "x", "fatal": True})))

    [row] = service.store.rows
    assert (row.error_code, row.is_error_fatal) == ("", False)


ROUNDED = [
    (0.49, 0),
    (0.5, 1),
    (1.5, 2),
    (2.5, 3),
    (2.4999, 2),
    (-0.0, 0),
    (7.0, 7),
    (4503599627370495.5, 4503599627370496),
]


@pytest.mark.parametrize(("sent", "stored"), ROUNDED)
async def test_fractions_are_rounded_and_halves_go_up(service: Service, sent: float, stored: int) -> None:
    """Neither cut nor rounded to even."""
    await service.post(json=envelope(event(NOW + sent % 1000, sent, position_ms=sent)))

    [row] = service.store.rows
    assert (row.seq, row.position_ms) == (stored, stored)


async def test_long_texts_are_cut(service: Service) -> None:
    """They are too long to be stored, not wrong."""
    long = "ä" * 3000
    body = envelope(
        event(kind="error", error={"code": long, "message": long}),
        player={"name": long, "version": long},
        content={"title": long},
        timezone=long,
        page_url="https://example.org/" + "a" * 3000,
    )

    await service.post(json=body)

    [row] = service.store.rows
    texts = (
        row.error_code, row.error_message, row.player_name, row.player_version, row.content_title, row.timezone,
        row.page_url,
    )  # fmt: skip
    assert tuple(map(len, texts)) == (128, 1024, 64, 64, 512, 64, 2048)


PAGES = {
    "https://example.org": "https://example.org",
    "http://example.org/a?b#c": "http://example.org/a",
    "HTTPS://Example.org/A": "https://Example.org/A",
    "https://a:b@[::1]:80/x": "https://[::1]:80/x",
    "https://a@b@c/x": "https://c/x",
    "https://[::1/x": "",
    "capacitor://localhost/index.html?x=1": "capacitor://localhost/index.html",
    "chrome-extension://abc/p.html#x": "chrome-extension://abc/p.html",
    "file:///etc/passwd": "",
    "file://host/etc/passwd": "",
    "javascript:alert(1)": "",
    "javascript://x/%0aalert(1)": "",
    "//example.org/a": "",
    "about:blank": "",
    "/relative": "",
    "": "",
    "https:///path": "",
}


@pytest.mark.parametrize(("url", "stored"), PAGES.items())
async def test_of_the_page_only_origin_and_path_are_kept(service: Service, url: str, stored: str) -> None:
    """What is no page of the web is unknown, and never a reason to refuse the batch."""
    reply = await service.post(json=envelope(page_url=url))

    assert reply.status_code == 202
    assert service.store.rows[0].page_url == stored


@pytest.mark.parametrize(
    ("behind_ms", "offset"), [(86_400_000, 86_400_000), (86_400_001, None), (-86_400_000, -86_400_000)]
)
async def test_an_offset_counts_within_24_hours_either_way(
    service: Service, behind_ms: int, offset: int | None
) -> None:
    """The limit is inclusive."""
    await service.post(
        json=envelope(event(NOW - max(behind_ms, 0)), event(NOW + max(-behind_ms, 0), 1), sent_at=NOW - behind_ms)
    )

    assert {row.sent_offset_ms for row in service.store.rows} == {offset}


@pytest.mark.parametrize("is_reversed", [False, True])
async def test_copies_in_one_batch_are_one_row_whatever_their_order(service: Service, is_reversed: bool) -> None:
    """Both count as accepted, and which of them stays does not depend on where it stood."""
    copies = [event(width=640), event(width=1280)]

    reply = await service.post(json=envelope(*(copies[::-1] if is_reversed else copies), event(seq=1)))

    assert reply.json()["accepted"] == 3
    assert sorted((row.seq, row.width) for row in service.store.rows) == [(0, 1280), (1, 0)]


PRIVATE = [{"DNT": "1"}, {"Sec-GPC": "1"}]


@pytest.mark.parametrize("headers", PRIVATE)
async def test_who_objects_is_known_by_the_session_alone(service: Service, headers: dict[str, str]) -> None:
    """The client id is stored nowhere, and each request without a session begins its own."""
    bodies = [
        envelope(event(seq=seq), {"type": "x", "client_id": "me"}, client_id="me", session_id=None) for seq in range(2)
    ]

    first, second = [await service.post(json=body, headers=headers) for body in bodies]
    again = await service.post(json=bodies[0], headers=headers)
    continued = await service.post(
        json=envelope(client_id="me", session_id=first.json()["session_id"]), headers=headers
    )
    too_old = await service.post(json=envelope(event(1), client_id="me", session_id=None), headers=headers)
    await service.app.stop()

    sessions = [reply.json()["session_id"] for reply in (first, second, again, continued)]
    assert sessions[0] == sessions[2] == sessions[3] != sessions[1]
    assert {row.client_id for row in service.store.rows} == {sessions[0], sessions[1]}
    assert too_old.json()["accepted"] == 0
    assert service.store.queries == []
    assert len(service.store.letters) == 4
    assert not any('"me"' in letter.payload for letter in service.store.letters)


async def test_the_objection_can_be_switched_off(open_service: Open) -> None:
    """PLAYHEAD_HONOR_GPC=0 keeps the client's id."""
    async with open_service(honor_gpc=False) as service:
        await service.post(json=envelope(), headers={"Sec-GPC": "1"})

    assert [row.client_id for row in service.store.rows] == ["c"]
