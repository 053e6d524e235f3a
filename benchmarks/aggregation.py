"""What building the marts costs those who send: answers to a steady load, before a build of every day and during it.

The service has months of events whose sessions are folded and whose marts are all behind; the job `aggregate` then
builds each of them, while the load goes on and the sessions it makes are refolded as always.
"""

import argparse
import asyncio
import json
import secrets
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.request import Request, urlopen

import msgspec

from benchmarks.asking import quantile
from benchmarks.bodies import make_bodies, make_cuts
from benchmarks.history import History
from benchmarks.machine import Machine, as_lines, describe_machine
from benchmarks.paced import Ack, PacedLoad
from benchmarks.rebuild import rebuild
from benchmarks.service import run_module, running_service

RESULTS = Path(__file__).parent / "results"
EVENTS_EACH = 25
WARM_UP_S = 5.0
FACTOR_MUST = 2.0
TIMEOUT_S = 1800.0


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """Answers to the batches that were due in one phase."""

    name: str
    elapsed_s: float
    events_per_second: float
    refused: int
    ack_p50_ms: float
    ack_p99_ms: float
    ack_max_ms: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """All of a run; `factor`: the p99 while building to the p99 before."""

    at: str
    machine: Machine
    history: History
    events_per_second: float
    phases: list[Phase]
    build: str
    factor: float


class _Run(msgspec.Struct, frozen=True):
    run_id: str
    status: str
    detail: str = ""


class _Job(msgspec.Struct, frozen=True):
    name: str
    last_runs: list[_Run]


class _Jobs(msgspec.Struct, frozen=True):
    items: list[_Job]


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's options to `parser`."""
    parser.add_argument("--events", type=int, default=10_000_000, help="events of the history (default: 10 million)")
    parser.add_argument("--rate", type=float, default=20_000.0, help="events a second that come in (default: 20 000)")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the part without a build (default: 30)")
    parser.add_argument("--connections", type=int, default=512, help="connections of the load (default: 512)")
    parser.add_argument("--output", type=Path, default=RESULTS / "aggregation.json", help="where the result goes")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print a table and write the result; 1 if a build costs more than was promised or a batch was refused."""
    machine = describe_machine()
    print("\n".join(as_lines(machine)), flush=True)
    with tempfile.TemporaryDirectory(prefix="playhead-bench-") as name:
        folder = Path(name)
        history = msgspec.json.decode(
            run_module("history", str(folder), str(options.events), timeout_s=TIMEOUT_S), type=History
        )
        rebuild(folder)
        admin_key = secrets.token_hex(32)
        with running_service(folder, admin_key) as url:
            phases, build = asyncio.run(_measure(url, admin_key, options))
    result = Result(
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        machine=machine,
        history=history,
        events_per_second=options.rate,
        phases=phases,
        build=build,
        factor=phases[1].ack_p99_ms / phases[0].ack_p99_ms,
    )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    print("\n".join(_as_table(result)))
    return int(result.factor > FACTOR_MUST or any(phase.refused for phase in phases))


async def _measure(url: str, admin_key: str, options: argparse.Namespace) -> tuple[list[Phase], str]:
    bodies = make_bodies(make_cuts(time.time_ns() // 1_000_000, EVENTS_EACH))
    load = PacedLoad(url, bodies, options.rate / EVENTS_EACH, options.connections)
    is_over = asyncio.Event()
    sending = asyncio.create_task(load.run(is_over))
    await asyncio.sleep(WARM_UP_S)
    marks_s = [time.perf_counter()]
    await asyncio.sleep(options.seconds)
    marks_s.append(time.perf_counter())
    build = await _aggregate(url, admin_key)
    marks_s.append(time.perf_counter())
    is_over.set()
    await sending
    names = ("no build", "while building")
    return [
        _as_phase(name, load.acks, from_s, to_s)
        for name, from_s, to_s in zip(names, marks_s[:-1], marks_s[1:], strict=True)
    ], build


async def _aggregate(url: str, admin_key: str) -> str:
    """Run the job and return what it says when it is done; raises RuntimeError where it failed."""
    started = json.loads(await asyncio.to_thread(_ask, f"{url}/admin/jobs/aggregate/run", admin_key, "POST"))
    while True:
        await asyncio.sleep(1)
        told = await asyncio.to_thread(_ask, f"{url}/admin/jobs", admin_key, "GET")
        runs = [run for job in msgspec.json.decode(told, type=_Jobs).items for run in job.last_runs]
        [run] = [run for run in runs if run.run_id == started["run_id"]]
        if run.status == "succeeded":
            return run.detail
        if run.status == "failed":
            raise RuntimeError(run.detail)


def _ask(url: str, admin_key: str, method: str) -> bytes:
    request = Request(url, method=method, headers={"Authorization": f"Bearer {admin_key}"})  # noqa: S310 - http, ours.
    with urlopen(request, timeout=60) as answer:  # noqa: S310 - the same.
        body: bytes = answer.read()
        return body


def _as_phase(name: str, acks: Sequence[Ack], from_s: float, to_s: float) -> Phase:
    times_ms = [ack.elapsed_ms for ack in acks if from_s <= ack.due_s < to_s]
    accepted = [ack for ack in acks if from_s <= ack.due_s < to_s and ack.is_accepted]
    return Phase(
        name=name,
        elapsed_s=to_s - from_s,
        events_per_second=len(accepted) * EVENTS_EACH / (to_s - from_s),
        refused=len(times_ms) - len(accepted),
        ack_p50_ms=quantile(times_ms, 0.5),
        ack_p99_ms=quantile(times_ms, 0.99),
        ack_max_ms=max(times_ms),
    )


def _as_table(result: Result) -> list[str]:
    lines = [f"{'':<16}{'s':>8}{'events/s':>11}{'refused':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}"]
    lines += [
        f"{phase.name:<16}{phase.elapsed_s:>8.1f}{phase.events_per_second:>11,.0f}{phase.refused:>9}"
        f"{phase.ack_p50_ms:>9.1f}{phase.ack_p99_ms:>9.1f}{phase.ack_max_ms:>9.1f}"
        for phase in result.phases
    ]
    return [*lines, f"factor {result.factor:.2f}, must be {FACTOR_MUST:.0f}; {result.build}"]
