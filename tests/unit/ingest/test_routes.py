"""Paths, methods, CORS and CMCD's replies."""

import msgspec
import pytest

from playhead.events import EventType
from tests.unit.ingest.bodies import SESSION, envelope
from tests.unit.ingest.conftest import NOW, Open, Service

pytestmark = pytest.mark.anyio

CMCD = {"Content-Type": "application/cmcd"}
OPEN = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "Retry-After",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
}


@pytest.mark.parametrize("path", ["/analytics/", "/analytics/events/", "/analytics/other", "/analytics/EVENTS"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_other_paths_are_404(service: Service, path: str, method: str) -> None:
    """Told as a problem that pages may read."""
    reply = await service.client.request(method, path)

    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert reply.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/analytics/events", "/analytics/cmcd"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_405(service: Service, path: str, method: str) -> None:
    """The reply says which there are."""
    reply = await service.client.request(method, path)

    assert (reply.status_code, reply.headers["allow"]) == (405, "POST, OPTIONS")


@pytest.mark.parametrize("path", ["/analytics/events", "/analytics/cmcd"])
async def test_a_preflight_from_anywhere_is_allowed(service: Service, path: str) -> None:
    """With all headers that players of any protocol send."""
    reply = await service.client.options(path, headers={"Origin": "https://a.example"})

    assert (reply.status_code, reply.content) == (204, b"")
    assert dict(reply.headers) == OPEN | {
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": "Content-Type, Content-Encoding, Origin, X-EPAS-Event, X-EPAS-Version",
        "access-control-max-age": "86400",
    }


async def test_every_reply_may_be_read_by_the_page(service: Service) -> None:
    """Refusals too."""
    replies = [await service.post(json=body) for body in (envelope(), {})]

    assert [reply.status_code for reply in replies] == [202, 400]
    assert all(reply.headers["access-control-allow-origin"] == "*" for reply in replies)


async def test_origins_can_be_narrowed(open_service: Open) -> None:
    """A listed page is named back; another one gets no CORS header, and caches keep the answers apart."""
    async with open_service(allowed_origins=("https://a.example",)) as service:
        listed, other = [
            await service.client.options("/analytics/events", headers={"Origin": origin})
            for origin in ("https://a.example", "https://b.example")
        ]
        posted = await service.post(json=envelope(), headers={"Origin": "https://b.example"})

    assert listed.headers["access-control-allow-origin"] == "https://a.example"
    assert listed.headers["vary"] == other.headers["vary"] == posted.headers["vary"] == "Origin"
    assert not any(name.startswith("access-control") for name in [*other.headers, *posted.headers])


async def test_cmcd_records_become_events(service: Service) -> None:
    """One row a record, by the same steps as any other event."""
    lines = [
        f'cid="s",sid="{SESSION}",e=ps,sta={sta},ts={NOW - 5 + sn},sn={sn},sf=h,v=2' for sn, sta in enumerate("sp")
    ]

    reply = await service.post("/analytics/cmcd?client_id=c", content="\n".join(lines) + "\n", headers=CMCD)

    assert (reply.status_code, reply.content) == (204, b"")
    assert "content-type" not in reply.headers
    assert [
        (row.stream_id, row.session_id, row.client_id, row.seq, row.type, row.sent_offset_ms, row.provider)
        for row in service.store.rows
    ] == [("s", SESSION, "c", 0, EventType.play, 4, "hls"), ("s", SESSION, "c", 1, EventType.playing, 4, "hls")]


async def test_a_cmcd_session_stands_for_the_client_where_none_is_named(service: Service) -> None:
    """And without a session the client's is found, as for native batches."""
    await service.post("/analytics/cmcd", content=f'cid="s",sid="{SESSION}",e=t,ts={NOW},v=2', headers=CMCD)
    await service.post(f"/analytics/cmcd?client_id={SESSION}", content=f'cid="s",e=t,ts={NOW + 1},v=2', headers=CMCD)

    assert {(row.session_id, row.client_id) for row in service.store.rows} == {(SESSION, SESSION)}


async def test_cmcd_records_that_are_no_use_are_dropped_and_kept_as_dead_letters(service: Service) -> None:
    """The reply is 204 all the same; too old ones among them."""
    lines = ["foo", f'sid="{SESSION}",e=t,ts={NOW},v=2', f'cid="s",sid="{SESSION}",e=t,ts=5,v=2']

    replies = [
        await service.post("/analytics/cmcd", content=body, headers={"Content-Type": "text/cmcd"})
        for body in ("\n".join(lines), "\n\n", "")
    ]
    await service.app.stop()

    assert [reply.status_code for reply in replies] == [204] * 3
    assert service.store.rows == []
    assert {letter.reason for letter in service.store.letters} == {"invalid_record", "missing_stream_id", "too_old"}
    assert {letter.protocol for letter in service.store.letters} == {"cmcd"}


async def test_a_dropped_cmcd_record_keeps_what_the_address_says(service: Service) -> None:
    """So that it can be taken again as its sender's; of one who asks for privacy the client is not kept."""
    for privacy in ({}, {"DNT": "1"}):
        address = "/analytics/cmcd?stream_id=s&client_id=me&other=x"
        await service.post(address, content="foo", headers=CMCD | privacy)
    await service.app.stop()

    kept = [(letter.stream_id, msgspec.json.decode(letter.envelope)) for letter in service.store.letters]
    assert kept == [("s", {"stream_id": "s", "client_id": "me"}), ("s", {"stream_id": "s"})]


CMCD_REFUSALS = [
    ({"Content-Type": "text/plain"}, b"", 415, "The Content-Type must be application/cmcd or text/cmcd."),
    (CMCD, b"\xff", 400, "The body is not UTF-8."),
    (CMCD, b" " * (256 * 1024 + 1), 413, "The body is over 262144 bytes."),
]


@pytest.mark.parametrize(("headers", "body", "status", "detail"), CMCD_REFUSALS)
async def test_a_cmcd_body_can_be_refused_as_a_whole(
    service: Service, headers: dict[str, str], body: bytes, status: int, detail: str
) -> None:
    """By type, encoding and size."""
    reply = await service.post("/analytics/cmcd", content=body, headers=headers)

    assert (reply.status_code, reply.json()["detail"]) == (status, detail)


async def test_a_private_cmcd_request_keeps_no_client(service: Service) -> None:
    """The session stands for it; without one the request has its own."""
    body = f'cid="s",e=t,ts={NOW},v=2\ncid="s",sid="{SESSION}",e=t,ts={NOW},v=2'

    await service.post("/analytics/cmcd?client_id=me", content=body, headers=CMCD | {"DNT": "1"})

    own, named = sorted(service.store.rows, key=lambda row: row.session_id == SESSION)
    assert (own.client_id, named.client_id) == (own.session_id, SESSION)
    assert own.session_id != SESSION


async def test_a_fault_of_ours_is_a_500_without_details(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next request is served."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret")

    with monkeypatch.context() as patch:
        patch.setattr("playhead.ingest.endpoints.read_plain", fail)
        broken = await service.post(json=envelope())
    healthy = await service.post(json=envelope())

    assert (broken.status_code, broken.json()["code"], healthy.status_code) == (500, "internal_error", 202)
    assert "secret" not in broken.text
