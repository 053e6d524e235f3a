"""429: a network or a stream that sends too much is told when to come back, and nothing of the request is stored."""

import httpx
import pytest

from tests.unit.ingest.bodies import envelope, event
from tests.unit.ingest.conftest import Open, Service

pytestmark = pytest.mark.anyio


async def send(service: Service, peer: str, *events: object, **fields: object) -> httpx.Response:
    """Send a batch from an address."""
    transport = httpx.ASGITransport(service.app, client=(peer, 40_000))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.post("/analytics/events", json=envelope(*events, **fields))


async def test_a_network_has_a_share(open_service: Open) -> None:
    """All of its addresses together; loopback and other networks are not held up."""
    async with open_service(network_requests_per_s=1) as service:
        answers = [await send(service, f"203.0.113.{number}") for number in range(11)]
        assert [answer.status_code for answer in answers] == [202] * 10 + [429]
        assert answers[-1].json()["code"] == "too_many_requests"
        assert answers[-1].headers["Retry-After"] == "1"
        assert (await send(service, "198.51.100.1")).status_code == 202
        for _ in range(20):
            assert (await send(service, "127.0.0.1")).status_code == 202


async def test_a_stream_has_a_share(open_service: Open) -> None:
    """In events, whoever sends them; another stream's go on, and so does loopback."""
    async with open_service(stream_events_per_s=1) as service:
        ten = [event(seq=number) for number in range(10)]
        assert (await send(service, "203.0.113.1", *ten)).status_code == 202
        stored = len(service.store.rows)
        assert (await send(service, "198.51.100.1", *ten)).status_code == 429
        assert len(service.store.rows) == stored
        assert (await send(service, "203.0.113.1", *ten, stream_id="other")).status_code == 202
        assert (await send(service, "127.0.0.1", *ten)).status_code == 202


async def test_no_share_is_no_limit(open_service: Open) -> None:
    """0 switches both off."""
    async with open_service(network_requests_per_s=0, stream_events_per_s=0) as service:
        for _ in range(30):
            assert (await send(service, "203.0.113.1")).status_code == 202
