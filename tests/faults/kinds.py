"""The faults: each strikes a stack, lasts a while, and ends as it would without anybody's help.

A process that died is started again, as systemd or a container's policy does; a disk gets room, a network heals.
"""

import asyncio
import random
import resource
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from playhead.ingest.spool_files import SUFFIX, Record, RecordKind
from tests.faults.delivery import Delivery
from tests.faults.disks import need_slow_files, slow_files
from tests.faults.stacks import IMPATIENT, Layout, Stack
from tests.requirements import need
from tests.servers.fault_proxy import NetworkFault

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
PAGE_BYTES = resource.getpagesize()
ENDS_WITHIN_S = 10.0
"""After SIGTERM: PLAYHEAD_SHUTDOWN_TIMEOUT_S here is 3, and what was taken is stored or spooled after it."""


@dataclass
class Strike:
    """What a fault is given: the stack, seeded chance, how long to last, and the senders."""

    stack: Stack
    chance: random.Random
    lasts_s: float
    delivery: Delivery
    wrong: list[str] = field(default_factory=list)

    async def last(self) -> None:
        """Let the fault last."""
        await asyncio.sleep(self.lasts_s)


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    `may_pause`: at some points senders stand still while it lasts, so that no batch that is sent again can stand in
    for a lost one. `restarts_service`: it may be another process after it. `needs` skips where the machine lacks
    what it takes.
    """

    name: str
    blow: Callable[[Strike], Awaitable[None]]
    layout: Layout = field(default_factory=Layout)
    may_pause: bool = False
    lasts_s: tuple[float, float] = (0.0, 0.5)
    everywhere: bool = False
    restarts_service: bool = False
    has_own_clock: bool = False
    needs: Callable[[], None] | None = None


async def kill_service(strike: Strike) -> None:
    """Kill -9 of a service."""
    service = strike.chance.choice(strike.stack.services)
    await asyncio.to_thread(service.kill)
    await strike.last()
    await asyncio.to_thread(service.restart)


async def kill_database(strike: Strike) -> None:
    """Kill -9 of the database."""
    await asyncio.to_thread(strike.stack.server.kill)
    await strike.last()
    await asyncio.to_thread(strike.stack.server.restart)


async def kill_both(strike: Strike) -> None:
    """Kill -9 of the service while the database is dead, and the spool holds what was acknowledged."""
    await asyncio.to_thread(strike.stack.server.kill)
    await strike.last()
    for service in strike.stack.services:
        await asyncio.to_thread(service.kill)
    await asyncio.to_thread(strike.stack.server.restart)
    for service in strike.stack.services:
        await asyncio.to_thread(service.restart)


async def tear_spool(strike: Strike) -> None:
    """As kill_both, and the spool ends in a record that was written in part: it is known as such, and dropped."""
    await asyncio.to_thread(strike.stack.server.kill)
    await strike.last()
    [service] = strike.stack.services
    await asyncio.to_thread(service.kill)
    segments = sorted(file for folder in strike.stack.spool_folders() for file in folder.glob(f"*{SUFFIX}"))
    if segments:
        record = Record(kind=RecordKind.rows, rows=3, payload=strike.chance.randbytes(5000)).encode()
        with segments[-1].open("ab") as file:
            file.write(record[: strike.chance.randrange(1, len(record))])
    await asyncio.to_thread(strike.stack.server.restart)
    await asyncio.to_thread(service.restart)
    await strike.stack.wait_for_empty_spools()
    [told] = await strike.stack.told()
    if (told["torn_records"], told["set_aside_records"]) != (len(segments[-1:]), 0):
        strike.wrong.append(f"the torn record was not recognised: {told}")


async def terminate_service(strike: Strike) -> None:
    """SIGTERM, as at each deployment; the service ends in time, and with status 0."""
    service = strike.chance.choice(strike.stack.services)
    began = time.monotonic()
    status = await asyncio.to_thread(service.terminate)
    took_s = time.monotonic() - began
    if status != 0 or took_s > ENDS_WITHIN_S:
        strike.wrong.append(f"SIGTERM ended it with {status} after {took_s:.1f} s")
    await strike.last()
    await asyncio.to_thread(service.start)


async def terminate_in_outage(strike: Strike) -> None:
    """SIGTERM while the database does not answer: what was taken goes to the spool, and the service still ends."""
    strike.stack.network.strike(NetworkFault.black_hole)
    await strike.last()
    service = strike.chance.choice(strike.stack.services)
    began = time.monotonic()
    status = await asyncio.to_thread(service.terminate)
    took_s = time.monotonic() - began
    if status != 0 or took_s > ENDS_WITHIN_S:
        strike.wrong.append(f"SIGTERM ended it with {status} after {took_s:.1f} s")
    strike.stack.network.mend()
    await asyncio.to_thread(service.start)


def break_network(fault: NetworkFault) -> Callable[[Strike], Awaitable[None]]:
    """Return the blow that lets connections to the database fail that way."""

    async def blow(strike: Strike) -> None:
        strike.stack.network.strike(fault)
        await strike.last()
        strike.stack.network.mend()

    return blow


async def slow_disk(strike: Strike) -> None:
    """Every write, fsync and rename of the database takes 30 ms longer, and of the service too."""
    with slow_files(strike.stack.server.pid), slow_files(strike.stack.services[0].pid):
        await strike.last()


async def fill_disk(strike: Strike) -> None:
    """The disk is full to the last byte, then has room again."""
    disk = strike.stack.disk
    assert disk is not None
    await asyncio.to_thread(disk.fill)
    if disk.free_bytes > PAGE_BYTES * 16:
        strike.wrong.append(f"the disk was not full: {disk.free_bytes} bytes free")
    await strike.last()
    await asyncio.to_thread(disk.clear)


async def fill_disk_of_spool(strike: Strike) -> None:
    """The database is dead, and the disk of the spool is full."""
    await asyncio.to_thread(strike.stack.server.kill)
    await fill_disk(strike)
    await asyncio.to_thread(strike.stack.server.restart)


async def starve(strike: Strike) -> None:
    """The database may take no more memory than it has (RLIMIT_AS): it can start neither queries nor threads."""
    pid = strike.stack.server.pid
    resource.prlimit(pid, resource.RLIMIT_AS, (_address_space_bytes(pid), resource.RLIM_INFINITY))
    await strike.last()
    resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _address_space_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * PAGE_BYTES


async def limit_memory(strike: Strike) -> None:
    """The database comes up with a memory limit that no insert keeps to, and is started again without."""
    server = strike.stack.server
    await asyncio.to_thread(server.kill)
    server.limit_query_memory(200_000)
    await asyncio.to_thread(server.restart)
    await strike.last()
    server.limit_query_memory(0)
    await asyncio.to_thread(server.restart)


async def step_clock(strike: Strike) -> None:
    """The service's clock is set forward or back by up to an hour, and set right again."""
    assert strike.stack.clock is not None
    strike.stack.clock.write_text(f"{strike.chance.randint(-3600, 3600):+d}\n")
    await strike.last()
    strike.stack.clock.write_text("+0\n")


def need_faketime() -> None:
    """Skip the test where clocks cannot be set for one process."""
    need(FAKETIME.is_file(), "libfaketime")


_OUTAGE = (1.0, 4.0)
_EMBEDDED = Layout(is_embedded=True)

KINDS = {
    kind.name: kind
    for kind in (
        Kind("kill-service", kill_service, may_pause=True, restarts_service=True),
        Kind("kill-service-embedded", kill_service, _EMBEDDED, may_pause=True, restarts_service=True),
        Kind("kill-database", kill_database, may_pause=True, lasts_s=(0.0, 2.0)),
        Kind("kill-both", kill_both, may_pause=True, lasts_s=(0.2, 2.0), restarts_service=True),
        Kind("torn-spool", tear_spool, lasts_s=(0.5, 2.0), restarts_service=True),
        Kind("sigterm", terminate_service, may_pause=True, restarts_service=True),
        Kind("sigterm-embedded", terminate_service, _EMBEDDED, may_pause=True, restarts_service=True),
        Kind("sigterm-in-outage", terminate_in_outage, lasts_s=(0.0, 3.0), restarts_service=True),
        Kind("black-hole", break_network(NetworkFault.black_hole), lasts_s=_OUTAGE),
        Kind("resets", break_network(NetworkFault.reset), lasts_s=_OUTAGE),
        Kind("half-closed", break_network(NetworkFault.half_closed), lasts_s=_OUTAGE),
        Kind("truncation", break_network(NetworkFault.truncation), lasts_s=_OUTAGE),
        Kind("latency", break_network(NetworkFault.latency), lasts_s=_OUTAGE),
        Kind("slow-disk", slow_disk, lasts_s=(3.0, 6.0), needs=need_slow_files),
        Kind("full-disk", fill_disk, Layout(database_on_small_disk=True), lasts_s=_OUTAGE),
        Kind("full-disk-embedded", fill_disk, Layout(is_embedded=True, data_on_small_disk=True), lasts_s=_OUTAGE),
        Kind("full-disk-of-spool", fill_disk_of_spool, Layout(spool_on_small_disk=True), lasts_s=_OUTAGE),
        Kind("memory-limit", limit_memory, lasts_s=_OUTAGE),
        Kind("no-memory", starve, lasts_s=_OUTAGE),
        Kind(
            "clock-step",
            step_clock,
            Layout(settings={"LD_PRELOAD": str(FAKETIME)}),
            lasts_s=(0.2, 2.0),
            has_own_clock=True,
            needs=need_faketime,
        ),
        Kind(
            "two-workers",
            kill_service,
            Layout(services=2),
            everywhere=True,
            lasts_s=(0.0, 1.0),
            restarts_service=True,
        ),
    )
}


def minute_long(kind: Kind) -> Kind:
    """Return a fault that lasts a minute, with the settings as they are shipped."""
    shipped = {name: "" for name in IMPATIENT if name != "PLAYHEAD_REFRESH_INTERVAL_S"}
    return replace(kind, name=f"{kind.name}-60-s", lasts_s=(60.0, 60.0), layout=replace(kind.layout, settings=shipped))
