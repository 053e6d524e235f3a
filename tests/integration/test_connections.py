"""The service as a process against senders that send slowly, too much, or not at all; honest ones do not notice."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from uuid import uuid4

import httpx
import pytest

from tests.servers.service_process import ServiceProcess

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

RECEIVE_TIMEOUT_S = 1.0
MAX_CONNECTIONS = 60


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """Give a service with short deadlines."""
    settings = {
        "PLAYHEAD_RECEIVE_TIMEOUT_S": str(RECEIVE_TIMEOUT_S),
        "PLAYHEAD_MAX_CONNECTIONS": str(MAX_CONNECTIONS),
        "PLAYHEAD_MAX_HEADER_BYTES": "4096",
    }
    with ServiceProcess(tmp_path_factory.mktemp("service"), settings) as running:
        yield running


async def connect(service: ServiceProcess) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection."""
    return await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]))


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """Return what is answered until the connection is closed."""
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""


async def send_honestly(service: ServiceProcess) -> None:
    """Send one batch, which is taken."""
    now = int(time.time() * 1000)
    body = {
        "stream_id": "s",
        "client_id": "c",
        "session_id": str(uuid4()),
        "events": [{"type": "play", "ts": now, "seq": 0}],
    }
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        answer = await client.post(f"{service.url}/analytics/events", json=body)
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /analytics/ev",
        b"POST /analytics/events HTTP/1.1\r\nHost: x\r\nX-Drip: ",
        b"POST /admin/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
    ],
)
async def test_half_a_request_is_closed(service: ServiceProcess, sent: bytes) -> None:
    """In about the time a request may take, while others are served."""
    began = time.monotonic()
    async with AsyncExitStack() as open_connections:
        readers = []
        for _ in range(30):
            reader, writer = await connect(service)
            open_connections.callback(writer.close)
            writer.write(sent)
            readers.append(reader)
        await send_honestly(service)
        await asyncio.gather(*map(read_all, readers))
    assert time.monotonic() - began >= RECEIVE_TIMEOUT_S


async def test_requests_sent_together_are_answered_whole_and_in_turn(service: ServiceProcess) -> None:
    """With a body, without one, to HEAD; the last of them asks to close the connection."""
    reader, writer = await connect(service)
    head = b" HTTP/1.1\r\nHost: x\r\n"
    writer.write(b"GET /analytics/nothing" + head + b"\r\n")
    writer.write(b"OPTIONS /analytics/events" + head + b"\r\n")
    writer.write(b"HEAD /analytics/events" + head + b"\r\n")
    writer.write(b"GET /health/live" + head + b"Connection: close\r\n\r\n")
    answers = await read_all(reader)
    writer.close()

    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"404", b"204", b"405", b"200"]
    first, second, third, last = answers.split(b"HTTP/1.1 ")[1:]
    for answer in (first, last):
        told, _, body = answer.partition(b"\r\n\r\n")
        [length] = [line for line in told.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        assert int(length.partition(b":")[2]) == len(body) > 0
    assert all(answer.endswith(b"\r\n\r\n") for answer in (second, third))
    assert b"connection: close" in last.lower()


async def test_a_dripped_body_is_closed(service: ServiceProcess) -> None:
    """However steadily it drips."""
    reader, writer = await connect(service)
    writer.write(
        b"POST /analytics/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
    )
    answer = asyncio.create_task(read_all(reader))
    while not answer.done():
        writer.write(b" ")
        await asyncio.wait([answer], timeout=0.1)
    assert b"408" in (await answer).split(b"\r\n")[0]
    writer.close()


async def test_a_large_head_is_refused(service: ServiceProcess) -> None:
    """Many headers, or long ones."""
    for flood in (b"".join(b"X-%d: y\r\n" % number for number in range(2000)), b"X: " + b"y" * 10_000 + b"\r\n"):
        reader, writer = await connect(service)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + flood + b"\r\n")
        assert_invalid(await read_all(reader))
        writer.close()


def assert_invalid(answer: bytes) -> None:
    """Check that an answer is a 400 told as a problem, whole."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert b"content-length: %d" % len(body) in head
    assert json.loads(body)["code"] == "invalid_request"


@pytest.mark.parametrize(
    "request_",
    [
        b"FOO /analytics/events HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /analytics/events HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"nothing of the kind\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_told_so(service: ServiceProcess, request_: bytes) -> None:
    """As a problem, like every other error."""
    reader, writer = await connect(service)
    writer.write(request_)
    assert_invalid(await read_all(reader))
    writer.close()


async def test_a_head_is_not_measured_by_the_body_before(service: ServiceProcess) -> None:
    """Where it comes together with the end of a body that is longer than a head may be, and in two parts."""
    reader, writer = await connect(service)
    body = b" " * 8000
    first = b"POST /analytics/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(first + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"GET /health/live HTTP/1.1\r\nHo")
    assert b"400" in await reader.readline()
    writer.write(b"st: x\r\nConnection: close\r\n\r\n")
    assert b"HTTP/1.1 200" in await read_all(reader)
    writer.close()


async def test_connections_are_counted(service: ServiceProcess) -> None:
    """Those over the limit are closed at once; when others go, there is room again."""
    async with AsyncExitStack() as open_connections:
        readers = []
        for _ in range(MAX_CONNECTIONS + 20):
            reader, writer = await connect(service)
            open_connections.callback(writer.close)
            readers.append(reader)
        closed = [asyncio.create_task(read_all(reader)) for reader in readers]
        await asyncio.wait(closed, timeout=RECEIVE_TIMEOUT_S / 2, return_when=asyncio.FIRST_COMPLETED)
        assert any(task.done() for task in closed)
        await asyncio.gather(*closed)
    await send_honestly(service)


async def test_answers_tell_browsers_what_not_to_do(service: ServiceProcess) -> None:
    """Whatever is asked, errors included; the page of the API still may load what is its own."""
    async with httpx.AsyncClient(trust_env=False, base_url=service.url) as client:
        for path in ("/admin/keys", "/health/live", "/nowhere", "/analytics/nowhere", "/docs", "/schema/openapi.json"):
            answer = await client.get(path)
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        denied = await client.get("/admin/keys")
        assert (denied.status_code, denied.headers["Cache-Control"]) == (401, "no-store")
        assert "frame-ancestors 'none'" in denied.headers["Content-Security-Policy"]
        assert "script-src 'self'" in (await client.get("/docs")).headers["Content-Security-Policy"]
