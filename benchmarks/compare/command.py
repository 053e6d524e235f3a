"""Measures both designs on the same events, and says where the old one's answers differ from the contract."""

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from benchmarks.asking import Admin, connect, quantile
from benchmarks.compare.cluster import NotInstalledError, find_server
from benchmarks.compare.load import Loaded
from benchmarks.compare.postgres import QUESTIONS, SUMMARY_FIELDS, Answers, Measured, Range, Time, measure_postgres
from benchmarks.history import DAYS, last_midnight_ms
from benchmarks.machine import Machine, as_lines, describe_machine
from benchmarks.questions import RANGES, first_day
from benchmarks.rebuild import rebuild
from benchmarks.service import run_module, running_service
from benchmarks.sizes import Sizes

RESULTS = Path(__file__).parents[1] / "results"
TIMEOUT_S = 3600.0
PATHS: Mapping[str, tuple[str, dict[str, str]]] = {
    "summary": ("/streams/summary", {}),
    "streams": ("/streams", {}),
    "timeseries": ("/timeseries", {"interval": "day"}),
    "peak": ("/concurrency", {"interval": "hour"}),
}
RUNS_OF_PLAYHEAD = 20


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """All of a run."""

    at: str
    machine: Machine
    loaded: Loaded
    playhead: Measured
    postgres: Measured


class _Point(msgspec.Struct):
    t: int
    sessions: int


class _Points(msgspec.Struct):
    points: list[_Point]


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's options to `parser`."""
    parser.add_argument("--events", type=int, default=2_000_000, help="how many arrive (default: 2 million)")
    parser.add_argument("--runs", type=int, default=5, help="how often Postgres is asked each question (default: 5)")
    parser.add_argument("--output", type=Path, default=RESULTS / "compare.json", help="where the result goes")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure both, print the tables and write the result; 2 where Postgres is not installed."""
    try:
        find_server()
    except NotInstalledError as error:
        print(error, file=sys.stderr)
        return 2
    machine = describe_machine()
    print("\n".join(as_lines(machine)), flush=True)
    day = first_day(last_midnight_ms())
    end = day + timedelta(days=DAYS)
    ranges = [Range(days, (end - timedelta(days=days)).isoformat(), end.isoformat()) for days in RANGES]
    with tempfile.TemporaryDirectory(prefix="playhead-bench-") as name:
        folder = Path(name)
        told = run_module("compare.load", name, str(options.events), timeout_s=TIMEOUT_S)
        loaded = msgspec.json.decode(told, type=Loaded)
        playhead = _measure_playhead(folder, loaded, ranges)
        postgres = measure_postgres(folder, ranges, options.runs)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    result = Result(at=at, machine=machine, loaded=loaded, playhead=playhead, postgres=postgres)
    options.output.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    print("\n".join(["", *_costs(result), "", *_differences(result)]))
    return 0


def _measure_playhead(folder: Path, loaded: Loaded, ranges: list[Range]) -> Measured:
    built = rebuild(folder, ("dbt", "run"))
    sizes = msgspec.json.decode(run_module("sizes", str(folder), timeout_s=TIMEOUT_S), type=Sizes)
    admin_key = secrets.token_hex(32)
    with running_service(folder, admin_key) as url, connect(url, admin_key) as admin:
        return Measured(
            system="Playhead",
            load_s=loaded.insert_s,
            prepare_s=loaded.refresh_s + built.elapsed_s,
            bytes=sum(table.bytes for table in sizes.tables),
            index_bytes=0,
            times=[_time(admin, question, days) for question in QUESTIONS for days in ranges],
            answers=[_answers(admin, days) for days in ranges],
        )


def _path(question: str, days: Range) -> str:
    path, parameters = PATHS[question]
    return f"/admin/analytics{path}?{urlencode({'from': days.from_day, 'to': days.to_day, **parameters})}"


def _time(admin: Admin, question: str, days: Range) -> Time:
    times_ms = []
    for _ in range(RUNS_OF_PLAYHEAD + 1):
        began = time.perf_counter()
        admin.get(_path(question, days))
        times_ms.append((time.perf_counter() - began) * 1000)
    del times_ms[0]  # As with Postgres, the first one warms the files.
    return Time(question, days.days, quantile(times_ms, 0.5), max(times_ms))


def _answers(admin: Admin, days: Range) -> Answers:
    summary = msgspec.json.decode(admin.get(_path("summary", days)))
    points = msgspec.json.decode(admin.get(_path("timeseries", days)), type=_Points).points
    figures = {name: summary[name] for name in (*SUMMARY_FIELDS, "peak_concurrent")}
    return Answers(days.days, figures, {point.t: point.sessions for point in points if point.sessions})


def _costs(result: Result) -> Iterator[str]:
    playhead, postgres, sent = result.playhead, result.postgres, result.loaded.sent
    yield f"{f'{sent:,} events as they arrived':<32}{'Playhead':>14}{postgres.system:>24}{'times':>8}"
    rows: Sequence[tuple[str, Callable[[Measured], float], str]] = [
        ("stored, s", lambda one: one.load_s, ".1f"),
        ("ready to be asked, s more", lambda one: one.prepare_s, ".1f"),
        ("bytes on disk an event", lambda one: one.bytes / sent, ".1f"),
    ]
    for name, figure, form in rows:
        yield _cost_line(name, figure(playhead), figure(postgres), form)
    for fast, slow in zip(playhead.times, postgres.times, strict=True):
        yield _cost_line(f"{fast.question}, {fast.days} days, p50 ms", fast.p50_ms, slow.p50_ms, ",.1f")


def _cost_line(name: str, playhead: float, postgres: float, form: str) -> str:
    return f"{name:<32}{playhead:>14{form}}{postgres:>24{form}}{postgres / playhead:>8.1f}"


def _differences(result: Result) -> Iterator[str]:
    """Yield the figures of both; those of Playhead are the contract's, which its tests hold to an oracle."""
    for right, other in zip(result.playhead.answers, result.postgres.answers, strict=True):
        yield f"{f'answers over {right.days} days':<32}{'contract':>14}{'Postgres':>14}{'differs by':>12}"
        for name, value in right.figures.items():
            yield _difference_line(name, value or 0, other.figures[name] or 0)
        days = right.sessions_by_day.keys() | other.sessions_by_day.keys()
        wrong = [day for day in days if right.sessions_by_day.get(day, 0) != other.sessions_by_day.get(day, 0)]
        yield f"{'days with other sessions':<32}{len(days):>14}{len(wrong):>14}"
        yield ""


def _difference_line(name: str, right: float, other: float) -> str:
    share = f"{(other - right) / right:+.1%}" if right else ""
    return f"{name:<32}{right:>14,.6g}{other:>14,.6g}{share:>12}"
