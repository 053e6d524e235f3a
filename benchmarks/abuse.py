"""Each abuse against a real service on loopback, while an honest sender's acknowledgements are timed.

The abuser runs in a process of its own and ends by itself; memory is sampled all the while.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import httpx
import msgspec

from benchmarks.machine import Machine, as_lines, describe_machine
from tests.faults.abusers import ABUSES
from tests.faults.honest import HonestSender
from tests.servers.service_process import ServiceProcess

RESULTS = Path(__file__).parent / "results" / "abuse.json"
PAGE_MIB = 4096 / 2**20
SAMPLE_S = 0.2
NONE = "none"


class AbuseResult(msgspec.Struct, frozen=True, kw_only=True):
    """One abuse: what its requests ended in, the honest sender's times beside it, and the service's memory."""

    abuse: str
    lasted_s: float
    outcomes: dict[str, int]
    honest_batches: int
    honest_failed: int
    honest_p50_ms: float
    honest_p99_ms: float
    resident_before_mib: float
    resident_peak_mib: float
    is_up: bool


class AbuseResults(msgspec.Struct, frozen=True, kw_only=True):
    """What was run, on what."""

    machine: Machine
    measured_at: str
    honest_batches_per_s: float
    results: list[AbuseResult]


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add the options to `parser`."""
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each abuse goes on (default: 20)")
    parser.add_argument("--honest", type=float, default=100.0, help="honest batches a second, 25 events each (100)")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run every abuse, print the table, write the results; 1 if the service went down or refused an honest batch."""
    machine = describe_machine()
    print("\n".join(as_lines(machine)), flush=True)
    results = []
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="playhead-abuse-") as folder,
        ServiceProcess(Path(folder)) as service,
        ProcessPoolExecutor(1, mp_context=spawn) as abusers,
    ):
        asyncio.run(_measure(service, NONE, 5.0, options.honest, abusers))
        for abuse in (NONE, *ABUSES):
            results.append(asyncio.run(_measure(service, abuse, options.seconds, options.honest, abusers)))
            print(results[-1], flush=True)
    measured_at = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    written = AbuseResults(
        machine=machine, measured_at=measured_at, honest_batches_per_s=options.honest, results=results
    )
    options.output.write_bytes(msgspec.json.format(msgspec.json.encode(written), indent=2) + b"\n")
    print("\n".join(table(results)))
    return int(not all(result.is_up and not result.honest_failed for result in results))


async def _measure(
    service: ServiceProcess, abuse: str, seconds: float, honest_per_s: float, abusers: ProcessPoolExecutor
) -> AbuseResult:
    honest = HonestSender(service.port, per_s=honest_per_s, lasts_s=seconds)
    pid = service.pid
    with _sampled_memory(pid) as samples:
        before = samples[0]
        loop = asyncio.get_running_loop()
        abusing = loop.run_in_executor(abusers, abuse_for, abuse, service.port, seconds)
        await honest.run()
        outcomes = await abusing
    return AbuseResult(
        abuse=abuse,
        lasted_s=seconds,
        outcomes=dict(sorted(outcomes.items())),
        honest_batches=len(honest.ack_ms),
        honest_failed=honest.failed,
        honest_p50_ms=round(honest.quantile_ms(0.50), 1),
        honest_p99_ms=round(honest.quantile_ms(0.99), 1),
        resident_before_mib=round(before),
        resident_peak_mib=round(max(samples)),
        is_up=pid == service.pid and await asyncio.to_thread(_is_ready, service),
    )


def _is_ready(service: ServiceProcess) -> bool:
    return httpx.get(f"{service.url}/health/ready", trust_env=False).is_success


def abuse_for(abuse: str, port: int, seconds: float) -> Counter[str]:
    """Abuse the service for a while; what the abuser's process does."""
    if abuse == NONE:
        return Counter()
    return asyncio.run(_abuse(abuse, port, seconds))


async def _abuse(abuse: str, port: int, seconds: float) -> Counter[str]:
    return await ABUSES[abuse](port, seconds)


@contextmanager
def _sampled_memory(pid: int) -> Iterator[list[float]]:
    """Give a list that grows by the resident memory of a process, in MiB."""
    samples = [resident_mib(pid)]
    is_over = Event()

    def sample() -> None:
        while not is_over.wait(SAMPLE_S):
            samples.append(resident_mib(pid))

    sampling = Thread(target=sample)
    sampling.start()
    try:
        yield samples
    finally:
        is_over.set()
        sampling.join()


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MIB


def table(results: list[AbuseResult]) -> Iterator[str]:
    """Yield the results as a table in Markdown."""
    yield "| abuse | ended in | honest batches, failed | honest p50 | honest p99 | resident before, peak |"
    yield "|---|---|---|---|---|---|"
    for result in results:
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in result.outcomes.items())
        yield (
            f"| {result.abuse} | {outcomes or '-'} | {result.honest_batches}, {result.honest_failed} "
            f"| {result.honest_p50_ms} ms | {result.honest_p99_ms} ms "
            f"| {result.resident_before_mib:.0f}, {result.resident_peak_mib:.0f} MiB |"
        )
