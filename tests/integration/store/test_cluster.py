"""Two shards: sessions lie whole on one of them, and nothing is lost or told wrongly while one is away."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from playhead.errors import MigrationError
from playhead.settings import Settings
from playhead.store.cluster import open_cluster_store
from playhead.store.prepare import is_spread, plan_everywhere, prepare
from playhead.store.spread import sharding_key
from tests.servers.clickhouse_http import ask
from tests.servers.cluster import CLUSTER, ClickHouseCluster
from tests.servers.service_process import ServiceProcess

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SESSIONS = 40
HEALED_WITHIN_S = 60


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClickHouseCluster]:
    """Give a cluster of the test's own, since its shards are killed."""
    with ClickHouseCluster(tmp_path / "cluster") as running:
        yield running


@pytest.fixture
def service(cluster: ClickHouseCluster, tmp_path: Path) -> Iterator[ServiceProcess]:
    """Give a service on it."""
    settings = {"PLAYHEAD_CLICKHOUSE_URL": cluster.url(), "PLAYHEAD_CLICKHOUSE_CLUSTER": CLUSTER}
    with ServiceProcess(tmp_path / "service", settings) as running:
        yield running


async def send(service: ServiceProcess, sessions: int) -> None:
    """Send as many sessions that play for a second each; every batch is accepted."""
    now_ms = int(time.time() * 1000)
    async with httpx.AsyncClient(trust_env=False, base_url=service.url, timeout=30) as client:
        for number in range(sessions):
            events = [
                {"type": kind, "ts": now_ms - 5000 + 1000 * seq, "seq": seq}
                for seq, kind in enumerate(("play", "playing", "ended"))
            ]
            body = {"stream_id": "s", "client_id": f"c{number}", "session_id": str(uuid4()), "events": events}
            answer = await client.post("/analytics/events", json=body)
            assert (answer.status_code, answer.json()["accepted"]) == (202, 3)


def summary(service: ServiceProcess) -> httpx.Response:
    """Return the answer to a question about everything."""
    head = {"Authorization": f"Bearer {service.admin_key}"}
    return httpx.get(f"{service.url}/admin/analytics/streams/summary", headers=head, timeout=30, trust_env=False)


async def wait_for(service: ServiceProcess, sessions: int) -> dict[str, float]:
    """Return the figures once there are as many sessions in them."""
    async with asyncio.timeout(HEALED_WITHIN_S):
        while True:
            answer = await asyncio.to_thread(summary, service)
            if answer.is_success and answer.json()["sessions"] == sessions:
                figures: dict[str, float] = answer.json()
                return figures
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("victim", [0, 1])
async def test_a_shard_that_dies_and_comes_back(
    cluster: ClickHouseCluster, service: ServiceProcess, victim: int
) -> None:
    """Senders get their 202, who asks gets a clear 503, and afterwards every figure is exact."""
    await send(service, SESSIONS)
    await wait_for(service, SESSIONS)
    held = [int(ask(shard.url("playhead_local"), "SELECT count() FROM sessions FINAL")) for shard in cluster.shards]
    assert (sum(held), min(held) > 0) == (SESSIONS, True)
    cluster.shards[victim].kill()
    await send(service, SESSIONS)
    denied = await asyncio.to_thread(summary, service)
    assert (denied.status_code, denied.headers["Content-Type"]) == (503, "application/problem+json")
    assert int(denied.headers["Retry-After"]) > 0
    cluster.shards[victim].restart()
    figures = await wait_for(service, 2 * SESSIONS)
    assert (figures["plays"], figures["viewers"], figures["playing_time_s"]) == (2 * SESSIONS, SESSIONS, 2.0 * SESSIONS)
    assert ask(cluster.url(), "SELECT count() FROM playback_events FINAL") == str(2 * SESSIONS * 3)


async def test_both_databases_are_made_once(cluster: ClickHouseCluster, tmp_path: Path) -> None:
    """On every node; what somebody dropped is made again, and a session is on one shard in all its tables."""
    settings = Settings(clickhouse_url=cluster.url(), clickhouse_cluster=CLUSTER, data_dir=str(tmp_path))
    store = open_cluster_store(settings)
    assert await plan_everywhere(store)
    assert await prepare(store, settings)
    assert (await plan_everywhere(store), await is_spread(store)) == ([], True)
    ask(cluster.shards[1].url(), "DROP TABLE sessions")
    ask(cluster.shards[1].url(), "DROP VIEW metric_sums")
    assert not await is_spread(store)
    assert await prepare(store, settings) == []
    assert await is_spread(store)
    await store.close()


async def test_an_unknown_cluster_is_named(cluster: ClickHouseCluster, tmp_path: Path) -> None:
    """A misspelt name is not taken for a server without shards."""
    settings = Settings(clickhouse_url=cluster.url(), clickhouse_cluster="nobody", data_dir=str(tmp_path))
    store = open_cluster_store(settings)
    with pytest.raises(MigrationError, match="no cluster nobody"):
        await prepare(store, settings)
    await store.close()


def test_a_table_with_sessions_is_spread_by_them() -> None:
    """Others are on the first shard; a session_id of another type would be another hash."""
    assert sharding_key("sessions", {"session_id": "UUID", "stream_id": "String"}) == "cityHash64(session_id)"
    assert sharding_key("streams", {"stream_id": "String"}) == "0"
    with pytest.raises(MigrationError, match=r"odd\.session_id is String"):
        sharding_key("odd", {"session_id": "String"})
