"""Senders that mean harm get their refusals, and nobody else notices: nothing honest fails, memory has a bound."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.abusers import ABUSES, HALF_OPEN, Outcomes
from tests.faults.honest import HonestSender
from tests.servers.service_process import ServiceProcess

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LASTS_S = 2.5
HONEST_PER_S = 10.0
MOST_GROWTH_MIB = 400.0
"""A service that kept what is sent here would take gigabytes."""
PAGE_MIB = 4096 / 2**20

EXPECTED: dict[str, set[str]] = {
    "half-open connections": {"closed", "still open"},
    "10 MB bodies": {"413", "closed"},
    "gzip bombs": {"413"},
    "deep JSON": {"400"},
    "odd numbers": {"202", "400"},
    "invalid UTF-8": {"400"},
    "header floods": {"400", "closed"},
    "new ids": {"202"},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """Give a service that waits a second for requests."""
    with ServiceProcess(tmp_path_factory.mktemp("service"), {"PLAYHEAD_RECEIVE_TIMEOUT_S": "1"}) as running:
        yield running


async def peak_mib(pid: int, until: asyncio.Task[Outcomes]) -> float:
    """Return the largest resident memory of a process until a task ends."""
    peak = 0.0
    while not until.done():
        peak = max(peak, int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MIB)  # noqa: ASYNC240 - no disk
        await asyncio.sleep(0.1)
    return peak


@pytest.mark.parametrize("abuse", ABUSES)
async def test_abuse_is_refused_and_nobody_else_notices(service: ServiceProcess, abuse: str) -> None:
    """The service stays up, within its memory, and acknowledges every honest batch meanwhile."""
    pid = service.pid
    honest = HonestSender(service.port, per_s=HONEST_PER_S, lasts_s=LASTS_S)
    before = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MIB  # noqa: ASYNC240 - no disk
    async with asyncio.TaskGroup() as tasks:
        abusing = tasks.create_task(ABUSES[abuse](service.port, LASTS_S))
        peak = tasks.create_task(peak_mib(pid, abusing))
        tasks.create_task(honest.run())
    outcomes = abusing.result()
    assert (honest.failed, len(honest.ack_ms)) == (0, int(HONEST_PER_S * LASTS_S))
    assert outcomes.total() > 0
    assert outcomes.keys() <= EXPECTED[abuse], outcomes
    assert peak.result() - before < MOST_GROWTH_MIB
    assert (await asyncio.to_thread(service.admin, "/admin/ingest")).is_success
    assert service.pid == pid
    if abuse == "half-open connections":
        assert outcomes["closed"] >= HALF_OPEN, "half-sent requests were left open"
