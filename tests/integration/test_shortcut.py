"""The short way and the long one tell the same: each request is sent as it is, and with Expect, which goes the long."""

import asyncio
import gzip
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from tests.servers.service_process import ServiceProcess

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """Give a service that believes the proxy the tests say to be."""
    settings = {"PLAYHEAD_TRUSTED_PROXIES": "127.0.0.0/8", "PLAYHEAD_NETWORK_REQUESTS_PER_S": "1"}
    with ServiceProcess(tmp_path_factory.mktemp("service"), settings) as running:
        yield running


def make_body(**changes: Any) -> bytes:
    """Return a batch of a session of its own."""
    now = int(time.time() * 1000)
    batch = {
        "stream_id": "s",
        "client_id": "c",
        "session_id": str(uuid4()),
        "events": [{"type": "play", "ts": now, "seq": 0}, {"type": "playing", "ts": now + 400, "seq": 1}],
    }
    return json.dumps(batch | changes).encode()


async def send(service: ServiceProcess, headers: Mapping[str, str], body: bytes, *, is_short: bool) -> bytes:
    """Return what is answered in the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    fields = {"Host": "x", "Content-Length": str(len(body)), "Connection": "close", **headers}
    if not is_short:
        fields["Expect"] = "100-continue"
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"POST /analytics/events HTTP/1.1\r\n{head}\r\n".encode() + body)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")


def without_times(answer: bytes) -> tuple[list[bytes], bytes]:
    """Return an answer's headers in order and its body, but for what differs each time."""
    head, _, body = re.sub(rb'"(server_time|instance)":[^,}]*', b"", answer).partition(b"\r\n\r\n")
    return sorted(line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:")), body


@pytest.mark.parametrize(
    ("status", "headers", "changes"),
    [
        (202, JSON, {}),
        (202, {"Content-Type": "text/plain;charset=UTF-8"}, {}),
        (202, JSON | {"Origin": "https://watch.example"}, {}),
        (202, JSON | {"DNT": "1"}, {}),
        (202, JSON, {"events": [{"type": "play", "ts": 1, "seq": 0}]}),
        (202, JSON, {"events": [{"type": "nonsense", "ts": 1, "seq": 0}]}),
        (400, JSON, {"stream_id": ""}),
        (400, JSON, {"events": []}),
        (415, {"Content-Type": "application/xml"}, {}),
        (415, JSON | {"Content-Encoding": "br"}, {}),
    ],
)
async def test_both_ways_tell_the_same(
    service: ServiceProcess, status: int, headers: dict[str, str], changes: dict[str, Any]
) -> None:
    """Status, headers and body."""
    body = make_body(**changes)
    short, long = [await send(service, headers, body, is_short=is_short) for is_short in (True, False)]
    assert short.startswith(b"HTTP/1.1 %d" % status)
    assert without_times(short) == without_times(long)


async def test_gzip_takes_the_long_way(service: ServiceProcess) -> None:
    """And is taken."""
    headers = JSON | {"Content-Encoding": "gzip"}
    assert b"202" in (await send(service, headers, gzip.compress(make_body()), is_short=True)).split(b"\r\n")[0]


@pytest.mark.parametrize("is_short", [True, False])
async def test_limits_hold_on_both_ways(service: ServiceProcess, is_short: bool) -> None:
    """A network that sends too much is told when to come back."""
    headers = JSON | {"X-Forwarded-For": "203.0.113.7" if is_short else "198.51.100.7"}
    answers = [await send(service, headers, make_body(), is_short=is_short) for _ in range(15)]
    assert answers[0].startswith(b"HTTP/1.1 202")
    assert answers[-1].startswith(b"HTTP/1.1 429")
    assert b"retry-after:" in answers[-1].lower()
    assert b"application/problem+json" in answers[-1]
