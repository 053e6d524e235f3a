"""What an answer costs at 10 and at 100 million events, a rebuild, a refresh, and the bytes of it all on disk."""

import argparse
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
        measured = _measure(folder, options)
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


def _measure(parent: Path, options: argparse.Namespace) -> list[Measured]:
    """Measure every size; the parts are in such an order that none disturbs a later one."""
    midnight_ms = last_midnight_ms()
    folders = [parent / f"{events}-{midnight_ms}" for events in sorted(options.events)]
    histories = [_make_history(folder, events) for folder, events in zip(folders, sorted(options.events), strict=True)]
    print("\n".join(f"{history.events:,} events made" for history in histories), flush=True)

    def part(name: str, kind: type[Part], measure: Callable[[Path], object]) -> list[Part | None]:
        """Return what is measured now, or what an earlier run left in the folder."""
        if name in options.parts:
            for folder in folders:
                _keep(folder, name, measure(folder))
        return [_read(folder, name, kind) for folder in folders]

    def run(module: str, *arguments: str) -> Callable[[Path], object]:
        return lambda folder: msgspec.json.decode(run_module(module, str(folder), *arguments, timeout_s=TIMEOUT_S))

    rebuilds = part("rebuild", Rebuild, _rebuild)
    sizes = part("bytes", Sizes, run("sizes"))
    if "ask" in options.parts:
        for folder, asked in zip(folders, _ask(folders, midnight_ms, options.requests), strict=True):
            _keep(folder, "ask", asked)
    raw = part("raw", list[RawTime], run("raw", str(midnight_ms)))
    refolds = part("refold", Refold, run("refold", str(REFOLDED_SESSIONS)))
    return [
        Measured(
            history=history,
            rebuild=rebuilds[at],
            sizes=sizes[at],
            asked=_read(folder, "ask", list[Asked]) or [],
            raw=raw[at] or [],
            refold=refolds[at],
        )
        for at, (folder, history) in enumerate(zip(folders, histories, strict=True))
    ]


def _keep(folder: Path, name: str, measured: object) -> None:
    (folder / f"{name}.json").write_bytes(msgspec.json.encode(measured) + b"\n")


def _read(folder: Path, name: str, kind: type[Part]) -> Part | None:
    told = folder / f"{name}.json"
    return msgspec.json.decode(told.read_bytes(), type=kind) if told.is_file() else None


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


def _ask(folders: Sequence[Path], midnight_ms: int, requests: int) -> list[list[Asked]]:
    """Return the times of each folder's service, which are asked by turns."""
    day = first_day(midnight_ms)
    admin_key = secrets.token_hex(32)
    with ExitStack() as services:
        asked = []
        for folder in folders:
            url = services.enter_context(running_service(folder, admin_key))
            admin = services.enter_context(connect(url, admin_key))
            asked.append((admin, look_around(admin, Catalogue(STREAMS, SEED), day, day + timedelta(days=DAYS))))
        told = []
        for answers in ask_everything(asked, requests, SEED):
            times = ", ".join(f"{answer.p95_ms:.1f}" for answer in answers)
            print(f"  {answers[0].kind}, {answers[0].days} days: p95 {times} ms", flush=True)
            told.append(answers)
    return [list(of_folder) for of_folder in zip(*told, strict=True)]
