"""How old the answers are while many sessions of up to three hours tell their events, over HTTP and past it."""

import argparse
import asyncio
import itertools
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from benchmarks.asking import Admin, quantile
from benchmarks.machine import Machine, as_lines, describe_machine
from benchmarks.running import EVENTS_EACH, Audience, Begun, Checked, Inserted
from benchmarks.service import run_module, running_service

RESULTS = Path(__file__).parent / "results"
TIMEOUT_S = 3600.0
PROMISED_S = 10.0
CHECKED_PARTS = 20
"""One of so many of the sessions is folded whole in the end."""

FRESHNESS = "/admin/analytics/streams/live-1/sessions?limit=1"


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement: events a second that were taken, the time until they were, and freshness_s each second."""

    name: str
    events: int
    events_per_second: float
    ack_p50_ms: float
    ack_p99_ms: float
    errors: int
    freshness_s: list[float]

    @property
    def is_kept(self) -> bool:
        """Tell whether what was promised was kept."""
        return not self.errors and quantile(self.freshness_s, 0.99) <= PROMISED_S


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """All of a run."""

    at: str
    machine: Machine
    rate: float
    begun: Begun
    series: list[Series]
    checked: Checked


class _Freshness(msgspec.Struct):
    freshness_s: float


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's options to `parser`."""
    parser.add_argument("--sessions", type=int, default=200_000, help="sessions under way (default: 200000)")
    parser.add_argument("--rate", type=float, default=20_000, help="events a second (default: 20000)")
    parser.add_argument("--seconds", type=float, default=180, help="length of each measurement (default: 180)")
    parser.add_argument("--connections", type=int, default=512, help="connections of the sender (default: 512)")
    parser.add_argument("--folder", type=Path, help="where the data goes, and stays (default: a scratch folder)")
    parser.add_argument("--output", type=Path, default=RESULTS / "freshness.json", help="where the result goes")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print and write the result; 1 if a promise is not kept or a session is not what a refold gives."""
    folder = options.folder or Path(tempfile.mkdtemp(prefix="playhead-bench-"))
    try:
        return _run_in(folder, options)
    finally:
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


def _run_in(folder: Path, options: argparse.Namespace) -> int:
    machine = describe_machine()
    print("\n".join(as_lines(machine)), flush=True)
    begun = msgspec.json.decode(
        run_module("running", "begin", str(folder), str(options.sessions), timeout_s=TIMEOUT_S), type=Begun
    )
    print(
        f"begun     {begun.events:,} events of {begun.sessions:,} sessions: inserted in {begun.insert_s:.1f} s, "
        f"folded in {begun.refresh_s:.1f} s",
        flush=True,
    )
    series: list[Series] = []
    for measure in (_measure_http, _measure_inserts):
        told = sum(part.events for part in series) // EVENTS_EACH
        series.append(measure(folder, options, begun, told))
        print("\n".join(_as_lines(series[-1])), flush=True)
    checked = msgspec.json.decode(
        run_module("running", "check", str(folder), str(CHECKED_PARTS), timeout_s=TIMEOUT_S), type=Checked
    )
    expected = begun.events + sum(part.events for part in series)
    print(
        f"checked   {checked.sessions:,} sessions folded whole, {checked.different} other than their rows; "
        f"{checked.events:,} events in the rows, {expected:,} were taken"
    )
    result = Result(
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        machine=machine,
        rate=options.rate,
        begun=begun,
        series=series,
        checked=checked,
    )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    is_right = not checked.different and checked.events == expected
    return 0 if is_right and all(part.is_kept for part in series) else 1


def _measure_inserts(folder: Path, options: argparse.Namespace, begun: Begun, told_before: int) -> Series:
    numbers = (options.sessions, options.rate, begun.begun_ms, told_before, options.seconds)
    told = run_module("running", "insert", str(folder), *map(str, numbers), timeout_s=TIMEOUT_S)
    inserted = msgspec.json.decode(told, type=Inserted)
    return Series(
        name="inserted into the store",
        events=inserted.events,
        events_per_second=inserted.events / inserted.elapsed_s,
        ack_p50_ms=quantile(inserted.insert_ms, 0.5),
        ack_p99_ms=quantile(inserted.insert_ms, 0.99),
        errors=0,
        freshness_s=inserted.freshness_s,
    )


def _measure_http(folder: Path, options: argparse.Namespace, begun: Begun, told_before: int) -> Series:
    admin_key = secrets.token_hex(32)
    with running_service(folder, admin_key) as url:
        live_ms = time.time_ns() // 1_000_000
        audience = Audience(
            sessions=options.sessions, rate=options.rate, begun_ms=begun.begun_ms, live_ms=live_ms, told=told_before
        )
        return asyncio.run(_Sender(url, admin_key, audience, options).run())


class _Sender:
    """Sends each batch when it is due, over a few connections, and asks for freshness_s each second."""

    def __init__(self, url: str, admin_key: str, audience: Audience, options: argparse.Namespace) -> None:
        self._address = urlsplit(url)
        self._admin = Admin(url, admin_key)
        self._audience = audience
        self._connections = options.connections
        self._seconds = options.seconds
        self._batches = iter(audience.batches(options.seconds))
        self._ack_ms: list[float] = []
        self._errors = 0

    async def run(self) -> Series:
        """Send everything and return what was seen."""
        began = time.perf_counter()
        sampler = asyncio.create_task(self._sample())
        await asyncio.gather(*(self._send_batches() for _ in range(self._connections)))
        elapsed_s = time.perf_counter() - began
        freshness_s = await sampler
        self._admin.close()
        events = len(self._ack_ms) * EVENTS_EACH
        return Series(
            name="sent over HTTP",
            events=events,
            events_per_second=events / elapsed_s,
            ack_p50_ms=quantile(self._ack_ms, 0.5),
            ack_p99_ms=quantile(self._ack_ms, 0.99),
            errors=self._errors,
            freshness_s=freshness_s,
        )

    async def _sample(self) -> list[float]:
        series: list[float] = []
        for _ in itertools.repeat(None, int(self._seconds)):
            await asyncio.sleep(1)
            answer = await asyncio.to_thread(self._admin.get, FRESHNESS)
            series.append(msgspec.json.decode(answer, type=_Freshness).freshness_s)
        return series

    async def _send_batches(self) -> None:
        host, port = self._address.hostname, self._address.port
        reader, writer = await asyncio.open_connection(host, port)
        for batch in self._batches:
            body = make_body(self._audience, batch)
            await asyncio.sleep(max(self._audience.due_ms(batch) / 1000 - time.time(), 0))
            before = time.perf_counter()
            writer.write(
                b"POST /analytics/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
            if head.startswith(b"HTTP/1.1 202"):
                self._ack_ms.append((time.perf_counter() - before) * 1000)
            else:
                self._errors += 1
        writer.close()
        await writer.wait_closed()


def make_body(audience: Audience, batch: int) -> bytes:
    """Return the native body of a batch."""
    stream_id, session_id, client_id = audience.session(batch)
    events = ",".join(f'{{"type":"{name}","ts":{ts},"seq":{seq}}}' for name, ts, seq in audience.events(batch))
    return (
        f'{{"stream_id":"{stream_id}","client_id":"{client_id}","session_id":"{session_id}",'
        f'"sent_at":{int(audience.due_ms(batch))},"events":[{events}]}}'
    ).encode()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError(f"an answer without a length: {head!r}")


def _as_lines(series: Series) -> list[str]:
    ages = series.freshness_s
    rate = f"{series.name}: {series.events_per_second:,.0f} events/s, {series.errors} errors"
    taken = f"taken after {series.ack_p50_ms:.1f} ms (p50), {series.ack_p99_ms:.1f} ms (p99)"
    age = f"p50 {quantile(ages, 0.5):.1f}, p99 {quantile(ages, 0.99):.1f}, max {max(ages):.1f}"
    told = " ".join(f"{age_s:.1f}" for age_s in ages)
    return [f"\n{rate}, {taken}", f"freshness_s {age} (promised: p99 {PROMISED_S:.0f}): {told}"]
