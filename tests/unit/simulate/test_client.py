"""Sending over real sockets, against a small server that answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from playhead.errors import SettingsError
from playhead.simulate.client import Answer, Sender, Target, parse_answer, parse_target, read_reply
from playhead.simulate.report import Reply, Report
from playhead.simulate.traffic import Traffic
from playhead.simulate.wire import Batch

BASE_MS = 1_795_000_000_000


def accepted(count: int) -> bytes:
    """Return a 202 that takes `count` events."""
    body = f'{{"accepted": {count}, "rejected": [], "session_id": "s-{count}", "server_time": 1}}'.encode()
    return b"HTTP/1.1 202 Accepted\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}"
HANG_UP = b""

Script = Callable[[int, bytes], bytes]


@asynccontextmanager
async def service(script: Script, requests: list[bytes]) -> AsyncIterator[Target]:
    """Serve `script(number of the request, its bytes)`; HANG_UP closes the connection unanswered."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                requests.append(head + await reader.readexactly(length))
                answer = script(len(requests), requests[-1])
                if answer == HANG_UP:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port: int = server.sockets[0].getsockname()[1]
        yield Target("127.0.0.1", port, is_tls=False, base_path="")


def batches() -> list[Batch]:
    """Return the batches of five viewers that name no session."""
    return list(Traffic(seed=1, from_ms=BASE_MS, to_ms=BASE_MS + 60_000, viewers=5, nameless=1.0).batches())


def send(sent: list[Batch], script: Script, *, connections: int = 2) -> tuple[Report, list[bytes]]:
    """Send `sent` to a service that answers by `script`; return the report and the requests it got."""
    requests: list[bytes] = []
    report = Report(keeps_sessions=True)

    async def go() -> None:
        async with service(script, requests) as target:
            await Sender(target, report, connections=connections, is_paced=False).send_all(sent)

    asyncio.run(asyncio.wait_for(go(), 30))
    return report, requests


def by_length(_number: int, request: bytes) -> bytes:
    """Accept as many events as the request has."""
    return accepted(request.count(b'"seq"'))


def test_all_batches_arrive_and_what_was_accepted_is_counted() -> None:
    """Each batch is one POST with its body and headers; the report adds up what the service accepted."""
    sent = batches()
    report, requests = send(sent, by_length)
    assert sorted(request.partition(b"\r\n\r\n")[2] for request in requests) == sorted(batch.body for batch in sent)
    assert all(request.startswith(b"POST /analytics/events HTTP/1.1\r\nHost: 127.0.0.1:") for request in requests)
    assert report.acknowledged == len(sent)
    assert report.events + report.events_repeated == sum(batch.events for batch in sent)
    assert report.summary(1, 1.0).statuses == {"202": len(sent)}


def test_batches_of_a_viewer_arrive_in_order() -> None:
    """With several connections each session still comes in the order in which its batches were made."""
    sent = batches()
    _, requests = send(sent, by_length, connections=3)
    arrived = [request.partition(b"\r\n\r\n")[2] for request in requests]
    for viewer in range(5):
        own = [batch.body for batch in sent if batch.session.viewer == viewer]
        assert [body for body in arrived if body in own] == own


def test_the_truth_learns_what_the_service_named() -> None:
    """A session that the service had to name carries every name it was given."""
    report, _ = send(batches(), lambda _number, _request: accepted(7))
    assert all(meant.named == ["s-7"] for meant in report.sessions())


@pytest.mark.parametrize("first", [BUSY, HANG_UP], ids=["503", "closed"])
def test_a_refusal_for_now_is_tried_again(first: bytes) -> None:
    """After 503 or a broken connection the same batch comes again, and counts once."""
    sent = batches()[:1]
    report, requests = send(sent, lambda number, _request: first if number == 1 else NO_CONTENT)
    assert len(requests) == 2
    assert requests[0] == requests[1]
    assert (report.tried_again, report.acknowledged, report.given_up) == (1, 1, 0)
    assert report.events == sent[0].events


def test_a_final_refusal_is_not_tried_again() -> None:
    """A 400 is counted as given up and sent once."""
    report, requests = send(batches()[:1], lambda _number, _request: REFUSED)
    assert (len(requests), report.given_up, report.acknowledged, report.events) == (1, 1, 0, 0)


def test_tries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that never recovers gets each batch a few times, then it is given up."""
    monkeypatch.setattr("playhead.simulate.client.MAX_WAIT_S", 0.001)
    report, requests = send(batches()[:1], lambda _number, _request: BUSY)
    assert (len(requests), report.given_up) == (6, 1)


def test_rejected_events_are_counted_by_code() -> None:
    """The codes of a 202 add up in the summary."""
    body = b'{"accepted": 1, "rejected": [{"index": 0, "code": "too_old", "message": "m"}], "session_id": "s"}'
    reply = read_reply(Answer(202, 0.0, body, is_last=False))
    report = Report()
    report.note_reply(batches()[0], reply, 1.0)
    assert reply == Reply(202, 1, ("too_old",), "s")
    assert report.summary(1, 1.0).rejected_by_code == {"too_old": 1}


def test_a_response_is_whole_with_its_last_byte() -> None:
    """By length, by chunks or without a body: nothing before the last byte, the answer with it."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    for whole in (accepted(3), chunked, NO_CONTENT, BUSY):
        assert all(parse_answer(whole[:length]) is None for length in range(len(whole)))
        assert parse_answer(whole) is not None
    busy = parse_answer(BUSY)
    assert busy is not None
    assert (busy.status, busy.retry_after_s) == (503, 1.0)


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://host:port"])
def test_a_target_must_be_an_http_url(url: str) -> None:
    """Anything else is refused with the URL in the text."""
    with pytest.raises(SettingsError, match="--url"):
        parse_target(url)
