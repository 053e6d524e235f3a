"""How many events a second the service acknowledges, beside what the engine alone can store of the same rows."""

import argparse
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.bodies import make_bodies, make_cuts
from benchmarks.engine import EngineRate
from benchmarks.machine import Machine, as_lines, describe_machine
from benchmarks.service import count_stored, environment, measure_engine, read_memory_mib, running_service
from playhead.settings import Settings
from tests.servers.clickhouse_http import ask
from tests.servers.clickhouse_process import ClickHouseProcess
from tests.servers.errors import ServerMissingError
from tests.servers.library import find_library

RESULTS = Path(__file__).parent / "results"
POST_LUA = Path(__file__).parent / "post.lua"
VIEWERS_PER_SECOND = 1000
"""Simulated viewers for each second of the measurement: more than one process can send."""

SIMULATOR_CONNECTIONS = 64
EASY_ANSWER_MS = 150
"""About what an answer takes at half the load."""
_HEADING = f"{'load':<32}{'events/s':>10}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'ratio':>9}{'by rows':>9}"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement; `stored` are the distinct events found in the database after the service was stopped."""

    name: str
    connections: int
    elapsed_s: float
    requests_per_second: float
    events_per_second: float
    ack_p50_ms: float
    ack_p99_ms: float
    errors: int
    acknowledged: int
    may_be_stored: int
    """As acknowledged, plus what was on the way when wrk hung up: stored or not, nobody was told."""
    stored: int
    memory_mib: list[int]
    """Resident memory of the service, each second or tenth of the part, whichever is longer."""

    @property
    def is_right(self) -> bool:
        """Tell whether all that was acknowledged is there, once, and nothing that was never sent."""
        return self.acknowledged <= self.stored <= self.may_be_stored and not self.errors


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """All of a run."""

    at: str
    machine: Machine
    engine: EngineRate
    engine_by_rows: EngineRate
    engine_rows_per_second: float
    parts: list[Part]
    ratios_to_engine: dict[str, float]
    ratios_to_engine_by_rows: dict[str, float]


class _WrkSummary(msgspec.Struct, frozen=True):
    requests: int
    duration_us: int
    p50_us: int
    p99_us: int
    status_errors: int
    socket_errors: int
    timeouts: int


class _SimulatorSummary(msgspec.Struct, frozen=True):
    elapsed_s: float
    requests_per_second: float
    events_per_second: float
    requests_given_up: int
    events_acknowledged: int
    events_rejected: int
    ack_p50_ms: float
    ack_p99_ms: float


class _Load(msgspec.Struct, frozen=True):
    """What wrk sends, and how long each connection waits before a request, on average; 0: not at all."""

    events_each: int
    connections: int
    length_s: float
    pause_ms: int = 0


class _Meant(msgspec.Struct, frozen=True):
    acknowledged: int


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's options to `parser`."""
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each of the parts (default: 10)")
    parser.add_argument(
        "--connections", type=int, default=2048, help="connections of wrk; half at half load, twice with single events"
    )
    parser.add_argument(
        "--soak-seconds", type=float, default=0.0, help="go on for so long at half the rate and print the memory (600)"
    )
    parser.add_argument("--block-rows", type=int, default=20_000, help="rows of an insert by the engine alone")
    parser.add_argument("--output", type=Path, default=RESULTS / "ingest.json", help="where the result goes")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure all parts, print them and write the result; 1 if anything acknowledged is not stored exactly once."""
    machine = describe_machine()
    print("\n".join(as_lines(machine)), flush=True)
    # All folders stay until the end: ext4 without a journal is slow to make files where many were removed just before.
    with tempfile.TemporaryDirectory(prefix="playhead-bench-") as scratch:
        engine, by_rows = (_measure_engine(_new_folder(scratch), options, layout) for layout in ("batches", "rows"))
        print(f"\n{_HEADING}", flush=True)
        parts: list[Part] = []
        for measure in _measurements(options, parts):
            parts.append(measure(_new_folder(scratch)))
            print(_as_line(parts[-1], engine, by_rows), flush=True)
    _write(options.output, machine, engine, by_rows, parts)
    wrong = [part.name for part in parts if not part.is_right]
    print(f"\nwrong: {', '.join(wrong)}" if wrong else "\nall that was acknowledged is stored, once")
    return 1 if wrong else 0


def _measure_engine(folder: Path, options: argparse.Namespace, layout: str) -> EngineRate:
    engine = measure_engine(folder, options.seconds / 2, Settings().flush_parallel, options.block_rows, layout)
    print(
        f"engine    {engine.rows_per_second:,.0f} rows/s of {engine.row_bytes} bytes as {layout}, "
        f"in blocks of {engine.block_rows}, {engine.threads} at once, views included",
        flush=True,
    )
    return engine


def _measurements(options: argparse.Namespace, done: list[Part]) -> Iterator[Callable[[Path], Part]]:
    """Yield the measurements, each to be run on a folder of its own; those by wrk only where it is installed."""
    if shutil.which("wrk") is None:
        print("wrk is not installed (Debian: apt-get install wrk): measured with the simulator alone")
    else:
        full = _Load(25, int(options.connections), options.seconds)
        yield lambda folder: _measure_wrk(folder, full)
        soak_s = max(options.seconds, options.soak_seconds)
        half = _Load(25, full.connections // 2, soak_s, pause_ms=_pause_for(done[-1]))
        yield lambda folder: _measure_wrk(folder, half)
        # Each waits for its answer, so that to fill an insert it takes more of those that send little.
        single = _Load(1, 2 * full.connections, options.seconds)
        yield lambda folder: _measure_wrk(folder, single)
        yield from _server_measurements(full)
    yield lambda folder: _measure_simulator(folder, options)


def _server_measurements(load: _Load) -> Iterator[Callable[[Path], Part]]:
    try:
        find_library()
    except ServerMissingError as error:
        print(f"{error}: not measured with a ClickHouse server")
    else:
        yield lambda folder: _measure_server(folder, load, workers=1)
        yield lambda folder: _measure_server(folder, load, workers=2)


def _measure_server(folder: Path, load: _Load, workers: int) -> Part:
    """Measure a service of so many workers beside a ClickHouse server process on the same machine."""
    with ClickHouseProcess(folder / "server") as server:
        settings = {"PLAYHEAD_CLICKHOUSE_URL": server.url(), "PLAYHEAD_WORKERS": str(workers)}

        def count(_: Path) -> int:
            return int(ask(server.url(), "SELECT count() FROM playback_events FINAL"))

        part = _measure_wrk(folder, load, settings, count)
    return msgspec.structs.replace(part, name=f"server, {workers} worker{'s' * (workers > 1)}, 25 a request")


def _pause_for(part: Part) -> int:
    """Return how long each of half as many connections must wait, in ms, for half the requests of `part`.

    The answers take some of that time.
    """
    return max(1, round(1000 * part.connections / part.requests_per_second - EASY_ANSWER_MS))


def _count_embedded(folder: Path) -> int:
    return count_stored(folder).events


def _measure_wrk(
    folder: Path,
    load: _Load,
    settings: Mapping[str, str] | None = None,
    count: Callable[[Path], int] = _count_embedded,
) -> Part:
    bodies = folder / "bodies"
    bodies.write_bytes(b"\n".join(make_bodies(make_cuts(time.time_ns() // 1_000_000, load.events_each))) + b"\n")
    with running_service(folder, settings=settings) as url, _watched_memory(folder, load.length_s / 10) as memory_mib:
        told = _run_wrk(url, bodies, load)
    acknowledged = told.requests - told.status_errors
    elapsed_s = told.duration_us / 1e6
    return Part(
        name=f"wrk, events a request: {load.events_each}{', paced' if load.pause_ms else ''}",
        connections=load.connections,
        elapsed_s=elapsed_s,
        requests_per_second=acknowledged / elapsed_s,
        events_per_second=acknowledged * load.events_each / elapsed_s,
        ack_p50_ms=told.p50_us / 1000,
        ack_p99_ms=told.p99_us / 1000,
        errors=told.status_errors + told.socket_errors + told.timeouts,
        acknowledged=acknowledged * load.events_each,
        may_be_stored=(acknowledged + load.connections) * load.events_each,
        stored=count(folder),
        memory_mib=memory_mib,
    )


@contextmanager
def _watched_memory(folder: Path, every_s: float) -> Iterator[list[int]]:
    """Give a list that the service's memory is noted in until the end."""
    found: list[int] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(max(every_s, 1.0)):
            found.append(read_memory_mib(folder))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        is_over.set()
        watcher.join()


def _run_wrk(url: str, bodies: Path, load: _Load) -> _WrkSummary:
    length = ["-t", "2", "-c", str(load.connections), "-d", f"{max(round(load.length_s), 1)}s", "--timeout", "30s"]
    command = ["wrk", *length, "-s", str(POST_LUA), url, "--", str(bodies), secrets.token_hex(4), str(load.pause_ms)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=load.length_s + 60).stdout
    return msgspec.json.decode(told.splitlines()[-1], type=_WrkSummary)


def _measure_simulator(folder: Path, options: argparse.Namespace) -> Part:
    truth = folder / "truth"
    with running_service(folder) as url, _watched_memory(folder, options.seconds / 10) as memory_mib:
        told = _run_simulator(url, truth, options)
    lines = truth.read_bytes()
    acknowledged = sum(meant.acknowledged for meant in msgspec.json.Decoder(_Meant).decode_lines(lines))
    return Part(
        name="simulator, as fast as it goes",
        connections=SIMULATOR_CONNECTIONS,
        elapsed_s=told.elapsed_s,
        requests_per_second=told.requests_per_second,
        events_per_second=told.events_per_second,
        ack_p50_ms=told.ack_p50_ms,
        ack_p99_ms=told.ack_p99_ms,
        errors=told.requests_given_up + told.events_rejected,
        acknowledged=acknowledged,
        may_be_stored=acknowledged,
        stored=count_stored(folder).events,
        memory_mib=memory_mib,
    )


def _run_simulator(url: str, truth: Path, options: argparse.Namespace) -> _SimulatorSummary:
    viewers = max(round(VIEWERS_PER_SECOND * options.seconds), 1)
    command = [sys.executable, "-m", "playhead.simulate", "--url", url, "--viewers", str(viewers), "--asap"]
    command += ["--duration", str(options.seconds)]
    command += ["--span", "12h", "--batch-interval", "120s", "--connections", str(SIMULATOR_CONNECTIONS)]
    command += ["--seed", "1", "--truth", str(truth), "--json"]
    ended = subprocess.run(command, env=environment(), check=False, stdout=subprocess.PIPE, timeout=600)
    return msgspec.json.decode(ended.stdout, type=_SimulatorSummary)


def _new_folder(scratch: str) -> Path:
    return Path(tempfile.mkdtemp(dir=scratch))


def _as_line(part: Part, engine: EngineRate, by_rows: EngineRate) -> str:
    ratio = part.events_per_second / engine.rows_per_second
    ratio_by_rows = part.events_per_second / by_rows.rows_per_second
    missing = "as acknowledged" if part.is_right else f"WRONG: {part.acknowledged} acknowledged, {part.errors} errors"
    return (
        f"{part.name:<32}{part.events_per_second:>10,.0f}{part.requests_per_second:>12,.0f}"
        f"{part.ack_p50_ms:>10.1f}{part.ack_p99_ms:>10.1f}{ratio:>9.2f}{ratio_by_rows:>9.2f}"
        f"   {part.stored} stored, {missing}"
        f"\n    memory MiB: {' '.join(map(str, part.memory_mib))}"
    )


def _write(path: Path, machine: Machine, engine: EngineRate, by_rows: EngineRate, parts: list[Part]) -> None:
    result = Result(
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        machine=machine,
        engine=engine,
        engine_by_rows=by_rows,
        engine_rows_per_second=engine.rows_per_second,
        parts=parts,
        ratios_to_engine={part.name: part.events_per_second / engine.rows_per_second for part in parts},
        ratios_to_engine_by_rows={part.name: part.events_per_second / by_rows.rows_per_second for part in parts},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
