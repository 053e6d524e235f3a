"""What was acknowledged survives kill -9 of the service or of the database, and counts once whatever is sent again."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pytest

from tests.servers.choose import need_server_process
from tests.servers.clickhouse_http import ask
from tests.servers.service_process import ServiceProcess

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

STREAM = "killed"
SENDERS = 6
BATCHES_EACH = 40
EVENTS = 20
PLAYING_S_EACH = EVENTS - 2
"""Batches are sessions: play, playing, then a heartbeat a second."""
KILL_AFTER = 60
"""Acknowledged batches, of 240."""
COVERED_WITHIN_S = 60
AS_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Stack:
    """A service with its database; `kill` and `restart` are those of the part that is to die."""

    service: ServiceProcess
    ask: Callable[[str], str]
    kill: Callable[[], None]
    restart: Callable[[], None]


@pytest.fixture(params=["embedded: the service", "server: the service", "server: the database"])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """Give each engine with each of its processes as the one to be killed."""
    engine, _, victim_name = request.param.partition(": the ")
    with ExitStack() as running:
        if engine == "embedded":
            service = running.enter_context(ServiceProcess(tmp_path / "service"))
            yield Stack(service, lambda sql: ask(service.sql_url, sql), service.kill, service.restart)
        else:
            database = running.enter_context(need_server_process(tmp_path / "database"))
            settings = {"PLAYHEAD_CLICKHOUSE_URL": database.url()}
            service = running.enter_context(ServiceProcess(tmp_path / "service", settings))
            victim = service if victim_name == "service" else database
            yield Stack(service, lambda sql: ask(database.url(), sql), victim.kill, victim.restart)


@dataclass
class Delivery:
    """Senders with a connection each, which send every batch until it is acknowledged, twice when in doubt."""

    url: str
    acknowledged: set[str] = field(default_factory=set)
    is_up: asyncio.Event = field(default_factory=asyncio.Event)
    is_under_way: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Send all batches of all senders; waits while `is_up` is not set."""
        await asyncio.gather(*(self._send_all() for _ in range(SENDERS)))

    async def _send_all(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            for session_id in [str(uuid4()) for _ in range(BATCHES_EACH)]:
                await self._send_until_acknowledged(client, session_id)

    async def _send_until_acknowledged(self, client: httpx.AsyncClient, session_id: str) -> None:
        body = make_batch(session_id)
        while session_id not in self.acknowledged:
            await self.is_up.wait()
            try:
                response = await client.post(f"{self.url}/analytics/events", content=body, headers=AS_JSON)
            except httpx.TransportError:
                self.is_up.clear()
                continue
            if response.status_code == 503:
                await asyncio.sleep(float(response.headers["Retry-After"]) / 10)
                continue
            assert response.status_code == 202, response.text
            assert response.json()["accepted"] == EVENTS, response.text
            self.acknowledged.add(session_id)
            if len(self.acknowledged) == KILL_AFTER:
                self.is_under_way.set()


def make_batch(session_id: str) -> bytes:
    """Return the body of one session that began a minute ago."""
    began = int(time.time() * 1000) - 60_000
    types = ["play", "playing", *["heartbeat"] * (EVENTS - 2)]
    events = [{"type": name, "ts": began + 1000 * seq, "seq": seq} for seq, name in enumerate(types)]
    return msgspec.json.encode(
        {"stream_id": STREAM, "client_id": session_id, "session_id": session_id, "events": events}
    )


async def test_acknowledged_events_survive_a_kill(stack: Stack) -> None:
    """After kill -9 in the middle of ingest all that was acknowledged is there; sent to the end, all is there once."""
    delivery = Delivery(stack.service.url)
    delivery.is_up.set()
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(delivery.run())
        await delivery.is_under_way.wait()
        await asyncio.to_thread(stack.kill)
        acknowledged = frozenset(delivery.acknowledged)
        assert not sending.done()
        assert len(acknowledged) < SENDERS * BATCHES_EACH
        await asyncio.to_thread(stack.restart)
        await wait_for_empty_spool(stack.service)
        stored = await asyncio.to_thread(count_events, stack)
        assert {session: stored.get(session, 0) for session in acknowledged} == dict.fromkeys(acknowledged, EVENTS)
        delivery.is_up.set()
    await wait_for_empty_spool(stack.service)
    assert count_events(stack) == dict.fromkeys(delivery.acknowledged, EVENTS)
    await wait_for_figures(stack.service)


async def test_ingest_goes_on_without_a_database(tmp_path: Path) -> None:
    """What comes while the database is dead is acknowledged, outlives the service too, and counts once."""
    with (
        need_server_process(tmp_path / "database") as database,
        ServiceProcess(tmp_path / "service", {"PLAYHEAD_CLICKHOUSE_URL": database.url()}) as service,
    ):
        stack = Stack(service, lambda sql: ask(database.url(), sql), database.kill, database.restart)
        database.kill()
        delivery = Delivery(service.url)
        delivery.is_up.set()
        await delivery.run()
        assert len(delivery.acknowledged) == SENDERS * BATCHES_EACH
        service.kill()
        database.restart()
        service.restart()
        await wait_for_empty_spool(service)
        assert count_events(stack) == dict.fromkeys(delivery.acknowledged, EVENTS)
        await wait_for_figures(service)
        told = service.admin("/admin/ingest").json()["spool"]
        assert (told["bytes"], told["set_aside_records"], told["refused_appends"]) == (0, 0, 0)


async def wait_for_empty_spool(service: ServiceProcess) -> None:
    """Ask the admin API until nothing waits on disk; fails when that takes over 30 s."""
    told: dict[str, object] = {}
    try:
        async with asyncio.timeout(30):
            while True:
                told = (await asyncio.to_thread(service.admin, "/admin/ingest")).json()["spool"]
                if told["state"] == "idle" and told["segments"] == 0:
                    return
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"the spool is still {told}")


def count_events(stack: Stack) -> dict[str, int]:
    """Return how many events each session has, each counted once."""
    answer = stack.ask(
        f"SELECT session_id, count() FROM playback_events FINAL WHERE stream_id = '{STREAM}' GROUP BY session_id"
    )
    return {session: int(count) for session, _, count in (line.partition("\t") for line in answer.splitlines())}


async def wait_for_figures(service: ServiceProcess) -> None:
    """Wait until the admin API says that all is in its answer, and assert that every session counts once there."""
    stored_at = time.time()
    sessions = SENDERS * BATCHES_EACH
    try:
        async with asyncio.timeout(COVERED_WITHIN_S):
            while True:
                asked_at = time.time()
                row = (await asyncio.to_thread(service.admin, "/admin/analytics/streams/summary")).json()
                if asked_at - row["freshness_s"] >= stored_at:
                    break
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"the API still knows nothing of what was stored at {stored_at}")
    assert (row["plays"], row["viewers"], row["playing_time_s"]) == (sessions, sessions, sessions * PLAYING_S_EACH)
