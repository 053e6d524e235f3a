"""Each limit of the native protocol with the exact reply."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from tests.unit.ingest.bodies import SESSION, compressed, envelope, event
from tests.unit.ingest.conftest import NOW, Open, Service

pytestmark = pytest.mark.anyio

DAY = 86_400_000
MINUTE = 60_000


def problem(status: int, code: str, title: str, detail: str, *errors: str) -> dict[str, Any]:
    """Return the problem document a refusal is."""
    return {
        "type": f"urn:playhead:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": list(errors),
    }


def invalid(detail: str, *errors: str) -> dict[str, Any]:
    """Return the problem document of a 400."""
    return problem(400, "invalid_request", "Invalid request", detail, *errors)


def too_large(detail: str) -> dict[str, Any]:
    """Return the problem document of a 413."""
    return problem(413, "too_large", "Body too large", detail)


def unsupported(detail: str) -> dict[str, Any]:
    """Return the problem document of a 415."""
    return problem(415, "unsupported_media_type", "Unsupported media type", detail)


ENVELOPE = "The envelope is not valid."
NOT_JSON = "The body is not a JSON object."
PATTERN = r"Expected `str` matching regex '\\A[A-Za-z0-9._:~-]+\\Z'"
UUID_PATTERN = r"Expected `str` matching regex '\\A[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\\Z'"

REFUSED_ENVELOPES = {
    "no stream": ({"client_id": "c", "events": [event()]}, "stream_id: this field is required."),
    "null stream": (envelope(stream_id=None), "stream_id: Expected `str`, got `null`."),
    "empty stream": (envelope(stream_id=""), "stream_id: Expected `str` of length >= 1."),
    "long stream": (envelope(stream_id="s" * 129), "stream_id: Expected `str` of length <= 128."),
    "odd stream": (envelope(stream_id="a/b"), f"stream_id: {PATTERN}."),
    "stream with a line end": (envelope(stream_id="a\n"), f"stream_id: {PATTERN}."),
    "long client": (envelope(client_id="c" * 129), "client_id: Expected `str` of length <= 128."),
    "no events": (envelope() | {"events": []}, "events: Expected `array` of length >= 1."),
    "null events": (envelope() | {"events": None}, "events: Expected `array`, got `null`."),
    "501 events": (envelope(*[event()] * 501), "events: Expected `array` of length <= 500."),
    "session without dashes": (envelope(session_id=SESSION.replace("-", "")), f"session_id: {UUID_PATTERN}."),
    "session in braces": (envelope(session_id=f"{{{SESSION}}}"), f"session_id: {UUID_PATTERN}."),
    "negative sent_at": (envelope(sent_at=-1), "sent_at: Expected `int` >= 0."),
    "page of another type": (envelope(page_url=1), "page_url: Expected `str | null`, got `int`."),
    "unknown provider": (envelope(player={"provider": "vhs"}), "player.provider: Invalid enum value 'vhs'."),
    "negative duration": (envelope(content={"duration_ms": -1}), "content.duration_ms: Expected `int` >= 0."),
}


@pytest.mark.parametrize(("body", "error"), REFUSED_ENVELOPES.values(), ids=REFUSED_ENVELOPES.keys())
async def test_an_invalid_envelope_is_a_400_that_names_the_field(
    service: Service, body: dict[str, Any], error: str
) -> None:
    """The one wrong field is named, and nothing is stored."""
    reply = await service.post(json=body)

    assert reply.json() == invalid(ENVELOPE, error)
    assert reply.status_code == 400
    assert reply.headers["content-type"] == "application/problem+json"
    assert service.store.rows == []


async def test_every_wrong_field_of_an_envelope_is_named(service: Service) -> None:
    """One reply tells all there is to repair."""
    reply = await service.post(json={"client_id": 5, "events": []})

    assert reply.json()["errors"] == [
        "client_id: Expected `str`, got `int`.",
        "events: Expected `array` of length >= 1.",
        "stream_id: this field is required.",
    ]


DEEP = b"[" * 100_000 + b"]" * 100_000
REFUSED_BODIES = {
    "empty": (b"", invalid(NOT_JSON, "Input data was truncated.")),
    "array": (b"[]", invalid(NOT_JSON, "Expected `object`, got `array`.")),
    "not a number": (
        b'{"events":[{"ts":NaN}]}',
        invalid(NOT_JSON, "JSON is malformed: invalid character (byte 17)."),
    ),
    "something after the end": (
        json.dumps(envelope()).encode() + b"x",
        invalid(NOT_JSON, "JSON is malformed: trailing characters (byte 152)."),
    ),
    "nested deeply": (b'{"x":' + DEEP + b"}", invalid("The body is nested too deeply.")),
    "not UTF-8 in a field that is read": (b'{"stream_id":"\xff"}', invalid("The body is not UTF-8.")),
    "not UTF-8 in a field that is not": (
        json.dumps(envelope(more="?")).encode().replace(b"?", b"\xff"),
        invalid("The body is not UTF-8."),
    ),
}


@pytest.mark.parametrize(("body", "answer"), REFUSED_BODIES.values(), ids=REFUSED_BODIES.keys())
async def test_a_body_that_is_no_json_object_in_utf8_is_a_400(
    service: Service, body: bytes, answer: dict[str, Any]
) -> None:
    """What cannot be read is refused as a whole."""
    reply = await service.post(content=body, headers={"Content-Type": "application/json"})

    assert (reply.status_code, reply.json()) == (400, answer)


PLAIN = json.dumps(envelope()).encode()
MEDIA = {
    "json": ({"Content-Type": "application/json"}, "", PLAIN, 202),
    "json with a charset": ({"Content-Type": "Application/JSON; charset=UTF-8"}, "", PLAIN, 202),
    "text": ({"Content-Type": "text/plain;charset=UTF-8"}, "", PLAIN, 202),
    "no type": ({}, "", PLAIN, 415),
    "form": ({"Content-Type": "application/x-www-form-urlencoded"}, "", PLAIN, 415),
    "identity": ({"Content-Type": "text/plain", "Content-Encoding": "identity"}, "", PLAIN, 202),
    "gzip by header": ({"Content-Type": "text/plain", "Content-Encoding": "GZIP"}, "", compressed(envelope()), 202),
    "gzip by query": ({"Content-Type": "text/plain"}, "?z=gzip", compressed(envelope()), 202),
    "gzip by both": (
        {"Content-Type": "text/plain", "Content-Encoding": "gzip"},
        "?z=gzip",
        compressed(envelope()),
        202,
    ),
    "gzip twice": ({"Content-Type": "text/plain", "Content-Encoding": "gzip, gzip"}, "", PLAIN, 415),
    "brotli": ({"Content-Type": "text/plain", "Content-Encoding": "br"}, "", PLAIN, 415),
    "brotli by query": ({"Content-Type": "text/plain"}, "?z=br", PLAIN, 415),
    "not gzip": ({"Content-Type": "text/plain"}, "?z=gzip", PLAIN, 400),
    "half of gzip": ({"Content-Type": "text/plain"}, "?z=gzip", compressed(envelope())[:-9], 400),
    "gzip and more": ({"Content-Type": "text/plain"}, "?z=gzip", compressed(envelope()) + b"x", 400),
    "no bytes for gzip": ({"Content-Type": "text/plain"}, "?z=gzip", b"", 400),
    "gzip of two members": (
        {"Content-Type": "text/plain"},
        "?z=gzip",
        gzip.compress(PLAIN[:20]) + gzip.compress(PLAIN[20:]),
        202,
    ),
    "gzip of too many members": (
        {"Content-Type": "text/plain"},
        "?z=gzip",
        gzip.compress(PLAIN) + gzip.compress(b"") * 64,
        400,
    ),
    "too many parameters": ({"Content-Type": "text/plain"}, "?" + "a=1&" * 21, PLAIN, 400),
}


@pytest.mark.parametrize(("headers", "query", "body", "status"), MEDIA.values(), ids=MEDIA.keys())
async def test_content_types_and_encodings(
    service: Service, headers: dict[str, str], query: str, body: bytes, status: int
) -> None:
    """JSON and text are taken, plain or gzip; other forms are 415, broken ones 400."""
    reply = await service.post(f"/analytics/events{query}", content=body, headers=headers)

    assert reply.status_code == status
    assert len(service.store.rows) == (status == 202)


async def test_the_replies_to_other_media_are_exact(service: Service) -> None:
    """Each says what would have been taken."""
    other_type = await service.post(content=PLAIN, headers={"Content-Type": "text/html"})
    other_encoding = await service.post(content=PLAIN, headers={"Content-Type": "text/plain", "Content-Encoding": "br"})

    assert other_type.json() == unsupported("The Content-Type must be application/json or text/plain.")
    assert other_encoding.json() == unsupported("The only encoding is gzip, named once.")


def padded(size: int) -> bytes:
    """Return a valid body of `size` bytes."""
    return PLAIN + b" " * (size - len(PLAIN))


async def test_a_body_of_256_kib_is_taken_and_one_byte_more_is_a_413(service: Service) -> None:
    """The limit is inclusive, announced by Content-Length or not."""
    headers = {"Content-Type": "application/json"}

    async def in_parts() -> Any:
        yield padded(200 * 1024)
        yield b" " * (56 * 1024 + 1)

    largest = await service.post(content=padded(256 * 1024), headers=headers)
    larger = await service.post(content=padded(256 * 1024 + 1), headers=headers)
    larger_in_parts = await service.post(content=in_parts(), headers=headers)

    assert largest.status_code == 202
    assert (larger.status_code, larger.json()) == (413, too_large("The body is over 262144 bytes."))
    assert larger_in_parts.json() == larger.json()


async def test_a_body_of_1_mib_decompressed_is_taken_and_one_byte_more_is_a_413(service: Service) -> None:
    """The limit holds for what comes out of gzip, however many members it has."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    mib = 1024 * 1024

    largest = await service.post(content=gzip.compress(padded(mib)), headers=headers)
    larger = await service.post(content=gzip.compress(padded(mib + 1)), headers=headers)
    in_members = await service.post(content=gzip.compress(padded(mib)) + gzip.compress(b" "), headers=headers)

    assert largest.status_code == 202
    assert larger.json() == in_members.json() == too_large("The body is over 1048576 bytes when decompressed.")


async def test_an_announced_size_is_refused_before_a_byte_is_read(service: Service) -> None:
    """Nobody has to receive what cannot be taken."""
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"text/plain"), (b"content-length", b"9" * 30)]
    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": "/analytics/events",
        "query_string": b"",
        "headers": headers,
    }
    await service.app(scope, receive, send)

    assert sent[0]["status"] == 413


EVENTS = {
    "as old as can be": (event(NOW - 7 * DAY), None),
    "a millisecond older": (event(NOW - 7 * DAY - 1), ("too_old", "ts: this is over 7 days ago.")),
    "as far ahead as can be": (event(NOW + 5 * MINUTE), None),
    "a millisecond further": (event(NOW + 5 * MINUTE + 1), ("in_future", "ts: this is over 5 minutes ahead.")),
    "unknown type": (event(kind="rewind"), ("unknown_type", "type: this is not a type of the protocol.")),
    "unknown type and more wrong": (
        event(-1, kind="other"),
        ("unknown_type", "type: this is not a type of the protocol."),
    ),
    "type of another type": (event() | {"type": 5}, ("invalid_event", "type: Expected `str`, got `int`.")),
    "no type": ({"ts": NOW, "seq": 0}, ("invalid_event", "Object missing required field `type`.")),
    "no seq": ({"ts": NOW, "type": "play"}, ("invalid_event", "Object missing required field `seq`.")),
    "null ts": (event() | {"ts": None}, ("invalid_event", "ts: Expected `int | float`, got `null`.")),
    "negative seq": (event(seq=-1), ("invalid_event", "seq: Expected `int` >= 0.")),
    "largest seq": (event(seq=2**53 - 1), None),
    "seq beyond what numbers hold": (event(seq=2**53), ("invalid_event", "seq: Expected `int` <= 9007199254740991.")),
    "negative position": (event(position_ms=-1), ("invalid_event", "position_ms: Expected `int` >= 0.")),
    "negative fraction": (event(width=-0.5), ("invalid_event", "width: Expected `float` >= 0.0.")),
    "wide beyond measure": (event(width=2**32), ("invalid_event", "width: Expected `int` <= 4294967295.")),
    "visible as a number": (event(visible=1), ("invalid_event", "visible: Expected `bool | null`, got `int`.")),
    "playing backwards": (event(playback_rate=-1.5), None),
    "fast beyond measure": (event(playback_rate=1001), ("invalid_event", "playback_rate: Expected `float` <= 1000.0.")),
    "error without detail": (event(kind="error"), ("invalid_event", "error: this field is required on type error.")),
    "error with null for detail": (
        event(kind="error", error=None),
        ("invalid_event", "error: this field is required on type error."),
    ),
    "error without code": (
        event(kind="error", error={"fatal": True}),
        ("invalid_event", "error: Object missing required field `code`."),
    ),
    "error with nulls": (event(kind="error", error={"code": "x", "message": None, "fatal": None}), None),
    "not an object": ("play", ("invalid_event", "Expected `object`, got `str`.")),
    "nulls for everything optional": (event(position_ms=None, visible=None, muted=None, error=None), None),
    "unknown fields": (event(mood="good"), None),
}


@pytest.mark.parametrize(("sent", "refusal"), EVENTS.values(), ids=EVENTS.keys())
async def test_a_refused_event_leaves_the_others(service: Service, sent: Any, refusal: tuple[str, str] | None) -> None:
    """The reply names the place and the reason; the other event of the batch is stored."""
    reply = await service.post(json=envelope(sent, event(seq=7, kind="pause")))

    rejected = [{"index": 0, "code": refusal[0], "message": refusal[1]}] if refusal else []
    assert (reply.status_code, reply.json()) == (
        202,
        {"accepted": 2 - len(rejected), "rejected": rejected, "session_id": SESSION, "server_time": NOW},
    )
    assert len(service.store.rows) == reply.json()["accepted"]


async def test_500_events_are_taken(service: Service) -> None:
    """The limit is inclusive."""
    reply = await service.post(json=envelope(*[event(seq=seq) for seq in range(500)]))

    assert (reply.json()["accepted"], len(service.store.rows)) == (500, 500)


async def test_a_batch_without_a_valid_event_is_still_a_202(service: Service) -> None:
    """Nothing is stored, and the reply is the usual one."""
    reply = await service.post(json=envelope(event(kind="x")))

    assert (reply.status_code, reply.json()["accepted"], service.store.rows) == (202, 0, [])


async def test_age_is_judged_on_the_corrected_clock(service: Service) -> None:
    """What a clock is off is allowed for, up to a day; one that is off by more is taken at its word."""
    behind = await service.post(json=envelope(event(NOW - 7 * DAY - 1), sent_at=NOW - 1))
    far_off = await service.post(json=envelope(event(NOW - 7 * DAY - 1), sent_at=NOW - DAY - 1))
    ahead = await service.post(json=envelope(event(NOW + DAY), sent_at=NOW + DAY))

    assert [reply.json()["accepted"] for reply in (behind, far_off, ahead)] == [1, 0, 1]
    assert [row.sent_offset_ms for row in service.store.rows] == [1, -DAY]


async def test_strict_streams_refuse_the_whole_batch_of_an_unknown_stream(open_service: Open) -> None:
    """All its events get the same reason, invalid ones too; a registered stream goes through."""
    async with open_service(known_streams=frozenset({"s"}), strict_streams=True) as service:
        unknown = await service.post(json=envelope(event(), event(kind="x"), stream_id="other"))
        known = await service.post(json=envelope())

    message = "stream_id: this stream is not registered."
    assert unknown.json()["accepted"] == 0
    assert unknown.json()["rejected"] == [
        {"index": index, "code": "unknown_stream", "message": message} for index in range(2)
    ]
    assert known.json()["accepted"] == 1
    assert {letter.reason for letter in service.store.letters} == {"unknown_stream"}


async def test_a_body_that_does_not_come_in_time_is_a_408_and_closes(open_service: Open) -> None:
    """A sender that drips holds nothing up."""
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    async with open_service(receive_timeout_s=0.01) as service:
        headers = [(b"content-type", b"text/plain")]
        scope: Any = {
            "type": "http", "method": "POST", "path": "/analytics/events", "query_string": b"", "headers": headers
        }  # fmt: skip
        await service.app(scope, receive, send)

    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["code"] == "receive_timeout"
