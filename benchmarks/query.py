"""What an answer costs at 10 and at 100 million events, a rebuild, a refresh, and the bytes of it all on disk."""

import argparse
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks.asking import Asked, ask_everything, connect, look_around
from benchmarks.history import DAYS, SEED, STREAMS, History, last_midnight_ms
from benchmarks.machine import as_lines, describe_machine
from benchmarks.query_report import Measured, Result, as_tables, missed_musts
from benchmarks.questions import first_day
from benchmarks.raw import RawTime
from benchmarks.rebuild import Rebuild, rebuild, settle
from benchmarks.refold import Refold
from benchmarks.service import run_module, running_service
from benchmarks.sizes import Sizes
from playhead.simulate.audience import Catalogue

RESULTS = Path(__file__).parent / "results"
PARTS = ("rebuild", "bytes", "ask", "raw", "refold")
REFOLDED_SESSIONS = 10_000
SPARE_ROWS = 1.02
"""Of what is made some 1.5 % are copies, and the rest shall still be as many as was asked for."""

TIMEOUT_S = 7200.0

Part = TypeVar("Part")


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's options to `parser`."""
    parser.add_argument(
        "--events", type=int, nargs="+", default=[10_000_000, 100_000_000], help="sizes (default: 10 and 100 million)"
    )
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure, not to take from an earlier run"
    )
    parser.add_argument("--requests", type=int, default=40, help="different requests of each kind (default: 40)")
    parser.add_argument(
        "--folder", type=Path, help="where histories are made and stay, to be used again while the day lasts"
    )
    parser.add_argument("--output", type=Path, default=RESULTS / "query.json", help="where the result goes")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure every size, print the tables and write the result; 1 if something promised was missed."""
    machine = describe_machine()
    print("\n".join(as_lines(machine)), flush=True)
    with _folder(options.folder) as folder:
        measured = [_measure(folder, events, options) for events in sorted(options.events)]
    missed = missed_musts(measured)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    result = Result(at=at, machine=machine, measured=measured, missed=missed)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    print("\n".join(as_tables(measured)))
    print("\n".join(f"missed: {line}" for line in missed) if missed else "\nall that was promised is kept")
    return 1 if missed else 0


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="playhead-bench-") as folder:
        yield Path(folder)


def _measure(parent: Path, events: int, options: argparse.Namespace) -> Measured:
    """Measure one size; the parts are in such an order that none disturbs a later one."""
    midnight_ms = last_midnight_ms()
    folder = parent / f"{events}-{midnight_ms}"
    history = _make_history(folder, events)
    print(f"\n{events:,} events in {folder}: made", flush=True)

    def part(name: str, kind: type[Part], measure: Callable[[], Part]) -> Part | None:
        return _measure_part(folder / f"{name}.json", kind, measure if name in options.parts else None)

    def run(module: str, *arguments: str) -> bytes:
        return run_module(module, str(folder), *arguments, timeout_s=TIMEOUT_S)

    return Measured(
        history=history,
        rebuild=part("rebuild", Rebuild, lambda: _rebuild(folder)),
        sizes=part("bytes", Sizes, lambda: msgspec.json.decode(run("sizes"), type=Sizes)),
        asked=part("ask", list[Asked], lambda: _ask(folder, midnight_ms, options.requests)) or [],
        raw=part("raw", list[RawTime], lambda: msgspec.json.decode(run("raw", str(midnight_ms)), type=list[RawTime]))
        or [],
        refold=part("refold", Refold, lambda: msgspec.json.decode(run("refold", str(REFOLDED_SESSIONS)), type=Refold)),
    )


def _measure_part(told: Path, kind: type[Part], measure: Callable[[], Part] | None) -> Part | None:
    """Return what is measured now, which stays in the file `told`; without a measure what an earlier run left there."""
    if measure is None:
        return msgspec.json.decode(told.read_bytes(), type=kind) if told.is_file() else None
    measured = measure()
    told.write_bytes(msgspec.json.encode(measured) + b"\n")
    return measured


def _rebuild(folder: Path) -> Rebuild:
    built = rebuild(folder)
    settle(folder)
    return built


def _make_history(folder: Path, events: int) -> History:
    """Return how the history in `folder` was made, making it unless an earlier run left it there, whole."""
    told = folder / "history.json"
    if not told.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        made = run_module("history", str(folder), str(round(events * SPARE_ROWS)), timeout_s=TIMEOUT_S)
        told.write_bytes(made + b"\n")
    return msgspec.json.decode(told.read_bytes(), type=History)


def _ask(folder: Path, midnight_ms: int, requests: int) -> list[Asked]:
    day = first_day(midnight_ms)
    admin_key = secrets.token_hex(32)
    with running_service(folder, admin_key) as url, connect(url, admin_key) as admin:
        world = look_around(admin, Catalogue(STREAMS, SEED), day, day + timedelta(days=DAYS))
        asked = []
        for answer in ask_everything(admin, world, requests, SEED):
            print(f"  {answer.kind}, {answer.days} days: p95 {answer.p95_ms:.1f} ms", flush=True)
            asked.append(answer)
        return asked
