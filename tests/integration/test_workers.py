"""Several workers on one port: each stores what it took, the dead are replaced, and all end with their supervisor."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.servers.choose import need_server_process
from tests.servers.clickhouse_http import ask
from tests.servers.clickhouse_process import ClickHouseProcess
from tests.servers.service_process import ServiceProcess

pytestmark = pytest.mark.slow

WITHIN_S = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    """Give a running server."""
    with need_server_process(tmp_path_factory.mktemp("clickhouse")) as process:
        yield process


@pytest.fixture
def service(server: ClickHouseProcess, tmp_path: Path) -> Iterator[ServiceProcess]:
    """Give a service of two workers."""
    settings = {"PLAYHEAD_CLICKHOUSE_URL": server.url(), "PLAYHEAD_WORKERS": "2"}
    with ServiceProcess(tmp_path, settings) as running:
        yield running


def workers_of(service: ServiceProcess) -> list[int]:
    """Return the processes that take requests."""
    return [int(pid) for pid in Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()]


def until(is_true: Callable[[], bool]) -> None:
    """Wait for what happens by itself."""
    deadline = time.monotonic() + WITHIN_S
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def send(service: ServiceProcess, stream: str, batches: int) -> int:
    """Post batches, each over a connection of its own, and return how many were acknowledged."""
    acknowledged = 0
    for _ in range(batches):
        batch = {
            "stream_id": stream,
            "client_id": "c",
            "session_id": str(uuid4()),
            "events": [{"type": "play", "ts": time.time_ns() // 1_000_000, "seq": 0}],
        }
        try:
            answer = httpx.post(f"{service.url}/analytics/events", json=batch, trust_env=False)
        except httpx.TransportError:
            continue  # It was on its way to the worker that was killed.
        acknowledged += answer.status_code == 202
    return acknowledged


def count(server: ClickHouseProcess, stream: str) -> int:
    """Return the distinct events of a stream."""
    query = f"SELECT uniqExact(session_id) FROM playback_events WHERE stream_id = '{stream}'"
    return int(ask(server.url(), query))


def test_what_both_take_is_stored(service: ServiceProcess, server: ClickHouseProcess) -> None:
    """Both of them serve, and at SIGTERM end in order."""
    until(lambda: len(workers_of(service)) == 2)
    workers = workers_of(service)

    assert send(service, "both", 40) == 40
    assert service.stop() == 0

    assert count(server, "both") == 40
    assert not any(map(is_alive, workers))


def test_a_killed_worker_is_replaced(service: ServiceProcess, server: ClickHouseProcess) -> None:
    """The other one goes on meanwhile, and nothing acknowledged is lost."""
    until(lambda: len(workers_of(service)) == 2)
    before = workers_of(service)
    acknowledged = send(service, "killed-worker", 10)
    os.kill(before[0], signal.SIGKILL)

    acknowledged += send(service, "killed-worker", 20)
    until(lambda: len(set(workers_of(service)) - {before[0]}) == 2)
    acknowledged += send(service, "killed-worker", 10)

    assert acknowledged >= 20
    assert acknowledged <= count(server, "killed-worker")


def test_workers_end_with_a_killed_supervisor(service: ServiceProcess) -> None:
    """Nobody is left on the port, and the next one can have it."""
    until(lambda: len(workers_of(service)) == 2)
    workers = workers_of(service)

    service.kill()

    until(lambda: not any(map(is_alive, workers)))
    service.restart()
