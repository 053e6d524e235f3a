"""Faults at many random moments: each kind against a stack of real processes, point after point, and a table.

A point that goes wrong is repeated by `--kinds KIND --seed SEED --points 1`; the moment follows from the seed, up to
what the machine's scheduler adds.
"""

import argparse
import asyncio
import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import msgspec

from benchmarks.machine import Machine, as_lines, describe_machine
from tests.faults.kinds import KINDS, Kind, minute_long
from tests.faults.points import Point, lost_point, run_point
from tests.faults.stacks import Stack, run_stack

RESULTS = Path(__file__).parent / "results" / "faults.json"
MINUTE_LONG = {f"{name}-60-s": minute_long(KINDS[name]) for name in ("black-hole",)}
ALL = KINDS | MINUTE_LONG
POINT_TIMEOUT_S = 400.0


class KindResult(msgspec.Struct, frozen=True, kw_only=True):
    """All points of one kind; events are summed over them, recovery is from the fault's end until all is stored."""

    kind: str
    seeds: list[tuple[int, int]]
    """First and last of each run."""
    points: int
    right: int
    acknowledged: int
    stored: int
    lost: int
    strange: int
    doubled: int
    spooled_rows: int
    refused_answers: int
    broken_connections: int
    recovered_s_mean: float
    recovered_s_longest: float
    wrong: list[str]


class FaultResults(msgspec.Struct, frozen=True, kw_only=True):
    """What was run, on what."""

    machine: Machine
    measured_at: str
    kinds: dict[str, KindResult]


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add the options to `parser`."""
    parser.add_argument("--kinds", default=",".join(ALL), help=f"comma-separated (default: all): {', '.join(ALL)}")
    parser.add_argument("--points", type=int, default=50, help="random moments of each kind (default: 50)")
    parser.add_argument("--minute-points", type=int, default=3, help="of those that last a minute (default: 3)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first point, the next ones follow it")
    parser.add_argument("--seconds", type=float, default=None, help="begin no point after so long")
    parser.add_argument("--at-once", type=int, default=2, help="kinds that run at the same time (default: 2)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="kinds that are not run keep their results there")
    parser.add_argument("--add", action="store_true", help="add to the results there, from earlier seeds")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the points, print the table, write the results; 1 if any point was wrong."""
    machine = describe_machine()
    print("\n".join(as_lines(machine)), flush=True)
    results = asyncio.run(_run_all(options, machine))
    print("\n".join(table(results)))
    return int(any(result.right < result.points for result in results.values()))


async def _run_all(options: argparse.Namespace, machine: Machine) -> dict[str, KindResult]:
    """Run kinds, some at once, since most of a point is waiting; results are written as each kind ends."""
    turns = asyncio.Semaphore(options.at_once)
    results: dict[str, KindResult] = {}
    ends_at = math.inf if options.seconds is None else time.monotonic() + options.seconds

    async def run_in_turn(kind: Kind) -> None:
        points = options.minute_points if kind.name in MINUTE_LONG else options.points
        async with turns:
            if done := await _run_kind(kind, range(options.seed, options.seed + points), ends_at):
                added = _sum_up(kind, done)
                if options.add and kind.name in (known := _read(options.output)):
                    added = _add(known[kind.name], added)
                results[kind.name] = added
                _write(options.output, machine, results)

    async with asyncio.TaskGroup() as group:
        for name in options.kinds.split(","):
            group.create_task(run_in_turn(ALL[name]))
    return results


async def _run_kind(kind: Kind, seeds: Sequence[int], ends_at: float) -> list[Point]:
    if kind.needs is not None:
        kind.needs()
    points: list[Point] = []
    if time.monotonic() > ends_at:
        return points
    left = list(seeds)
    while left and time.monotonic() < ends_at:
        with tempfile.TemporaryDirectory(prefix="playhead-faults-") as folder:
            async with run_stack(Path(folder), kind.layout) as stack:
                await _run_points(stack, kind, left, points, ends_at)
    return points


async def _run_points(stack: Stack, kind: Kind, left: list[int], points: list[Point], ends_at: float) -> None:
    """Run points until a stack does not recover, which is one that went wrong; the next ones need another stack."""
    while left and time.monotonic() < ends_at:
        seed = left.pop(0)
        try:
            async with asyncio.timeout(POINT_TIMEOUT_S):
                points.append(await run_point(stack, kind, seed, name=f"p{seed}"))
        except (TimeoutError, httpx.HTTPStatusError) as error:
            logs = [service.log[-1500:] for service in stack.services]
            points.append(lost_point(kind, seed, [str(error)[:1500], *logs]))
            return
        finally:
            print(points[-1].line if points else f"{kind.name}: none", flush=True)


def _sum_up(kind: Kind, points: Sequence[Point]) -> KindResult:
    verdicts = [point.verdict for point in points]
    recovered = [point.recovered_s for point in points]
    return KindResult(
        kind=kind.name,
        seeds=[(points[0].seed, points[-1].seed)],
        points=len(points),
        right=sum(verdict.is_right for verdict in verdicts),
        acknowledged=sum(verdict.acknowledged for verdict in verdicts),
        stored=sum(verdict.stored for verdict in verdicts),
        lost=sum(verdict.lost for verdict in verdicts),
        strange=sum(verdict.strange for verdict in verdicts),
        doubled=sum(verdict.doubled for verdict in verdicts),
        spooled_rows=_spooled(points),
        refused_answers=sum(point.refusals for point in points),
        broken_connections=sum(point.broken for point in points),
        recovered_s_mean=round(statistics.mean(recovered), 1),
        recovered_s_longest=round(max(recovered), 1),
        wrong=[f"seed {point.seed}: {wrong}" for point in points for wrong in point.verdict.wrong],
    )


def _spooled(points: Sequence[Point]) -> int:
    """Add up what a service counts since its start, which may be anew at any point."""
    total, before = 0, 0
    for point in points:
        total += point.spooled - before if point.spooled >= before else point.spooled
        before = point.spooled
    return total


def _add(one: KindResult, other: KindResult) -> KindResult:
    """Return two runs of one kind as one."""
    summed = [
        "points",
        "right",
        "acknowledged",
        "stored",
        "lost",
        "strange",
        "doubled",
        "spooled_rows",
        "refused_answers",
        "broken_connections",
        "seeds",
        "wrong",
    ]
    points = one.points + other.points
    mean_s = (one.recovered_s_mean * one.points + other.recovered_s_mean * other.points) / points
    return msgspec.structs.replace(
        one,
        recovered_s_mean=round(mean_s, 1),
        recovered_s_longest=max(one.recovered_s_longest, other.recovered_s_longest),
        **{name: getattr(one, name) + getattr(other, name) for name in summed},
    )


def _read(output: Path) -> dict[str, KindResult]:
    return msgspec.json.decode(output.read_bytes(), type=FaultResults).kinds if output.exists() else {}


def _write(output: Path, machine: Machine, results: dict[str, KindResult]) -> None:
    measured_at = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    written = FaultResults(machine=machine, measured_at=measured_at, kinds=_read(output) | results)
    output.write_bytes(msgspec.json.format(msgspec.json.encode(written), indent=2) + b"\n")


def table(results: dict[str, KindResult]) -> Iterator[str]:
    """Yield the results as a table in Markdown."""
    yield "| fault | points | right | acknowledged events | stored | lost | twice | went over the spool | answers 429/503 | well after, mean and longest |"  # noqa: E501  # One row of a table.
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for result in results.values():
        yield (
            f"| {result.kind} | {result.points} | {result.right} | {result.acknowledged} | {result.stored} "
            f"| {result.lost} | {result.doubled} | {result.spooled_rows} rows | {result.refused_answers} "
            f"| {result.recovered_s_mean} s, {result.recovered_s_longest} s |"
        )
