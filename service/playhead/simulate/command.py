"""The `simulate` command: options to traffic, traffic to a service or a file, and a summary."""

import argparse
import asyncio
import ipaddress
import itertools
import math
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from playhead.errors import SettingsError
from playhead.simulate.client import Sender, Target, parse_target
from playhead.simulate.delivery import Delivery
from playhead.simulate.load import Load
from playhead.simulate.output import write_batches, write_truth
from playhead.simulate.report import Report, Summary
from playhead.simulate.traffic import LATEST_MS, ProtocolChoice, Traffic
from playhead.simulate.wire import Batch

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_WINDOW_S = 60.0
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


VIEWERS_PER_CONNECTION = 4
"""With --asap: viewers that take turns, so that every connection has something to send."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options as parsed; times in seconds, `base_ms` the instant that stands for now."""

    url: str = DEFAULT_URL
    seed: int
    base_ms: int
    viewers: int | None = None
    rate: float | None = None
    events_per_second: float | None = None
    asap: bool = False
    span: float = 86_400.0
    window: float = DEFAULT_WINDOW_S
    duration: float | None = None
    session_length: float = 3 * 3600.0
    batch_interval: float | None = None
    protocol: ProtocolChoice = "native"
    streams: int = 8
    connections: int = 32
    output: Path | None = None
    truth: Path | None = None
    json: bool = False
    allow_remote: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to `parser`."""
    _add_source(parser)
    _add_traffic(parser)
    _add_destination(parser)


def _add_source(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--rate", type=_positive, metavar="R", help="arrivals a second, in real time (default: 1)")
    how.add_argument("--viewers", type=_positive_int, metavar="N", help="N viewers, arriving within --window")
    how.add_argument(
        "--events-per-second",
        type=_positive,
        metavar="R",
        help="a steady load of long sessions, most in their middle, that sends R events a second",
    )
    parser.add_argument(
        "--asap",
        "--compress",
        action="store_true",
        help="with --viewers: their sessions lie within --span before now and are sent as fast as they are taken",
    )
    parser.add_argument("--span", type=_seconds, default=86_400.0, help="with --asap: 90s, 30m, 12h, 7d (default: 1d)")
    parser.add_argument("--window", type=_seconds, default=DEFAULT_WINDOW_S, help="time to arrive in (default: 60s)")
    parser.add_argument(
        "--duration", type=_seconds, help="stop after this time (default: --viewers: all are gone; else never)"
    )
    parser.add_argument(
        "--session-length", type=_seconds, default=3 * 3600.0, help="with --events-per-second (default: 3h)"
    )


def _add_traffic(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--protocol", choices=("native", "cmcd", "mixed"), default="native")
    parser.add_argument("--streams", type=_positive_int, default=8, metavar="N", help="streams to watch (default: 8)")
    parser.add_argument(
        "--batch-interval", type=_seconds, help="time between a viewer's batches (default: 10s; a steady load 60s)"
    )
    parser.add_argument("--seed", type=int, help="the same seed, base and options give the same batches")
    parser.add_argument("--base-ms", type=int, metavar="MS", help="the instant that stands for now (default: now)")


def _add_destination(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default=DEFAULT_URL, help=f"the service (default: {DEFAULT_URL})")
    parser.add_argument("--allow-remote", action="store_true", help="send to other machines than this one")
    parser.add_argument("--connections", type=_positive_int, default=32, metavar="N", help="connections (default: 32)")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the batches as ndjson instead of sending them"
    )
    parser.add_argument("--truth", type=Path, metavar="FILE", help="write the sessions that were meant as ndjson")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do what `arguments` ask; return 0 if all was acknowledged, 1 if not, 2 if it could not begin."""
    try:
        options = parse_options(arguments)
        return _run(options)
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"simulate: {error}\n")
        return 2


def parse_options(arguments: argparse.Namespace) -> Options:
    """Return the options with seed and base filled in; raises SettingsError where they do not go together."""
    given = {field: getattr(arguments, field) for field in Options.__struct_fields__}
    given["seed"] = random.randrange(2**32) if arguments.seed is None else arguments.seed
    given["base_ms"] = time.time_ns() // 1_000_000 if arguments.base_ms is None else arguments.base_ms
    options = Options(**given)
    if options.asap and options.viewers is None:
        raise SettingsError("--asap needs --viewers")
    if options.events_per_second is not None and options.protocol == "mixed":
        raise SettingsError("--events-per-second takes native or cmcd")
    if options.output and options.viewers is None and options.duration is None:
        raise SettingsError("--output needs --viewers or --duration, or the file never ends")
    return options


def make_batches(options: Options) -> Iterator[Batch]:
    """Return the batches `options` ask for, by their time of arrival."""
    if options.events_per_second is not None:
        return _make_load(options, options.events_per_second).batches()
    return _make_traffic(options).batches()


def _make_load(options: Options, events_per_second: float) -> Load:
    return Load(
        seed=options.seed,
        base_ms=options.base_ms,
        events_per_second=events_per_second,
        until_ms=_end_ms(options),
        session_s=round(options.session_length),
        batch_s=round(options.batch_interval or 60),
        protocol="cmcd" if options.protocol == "cmcd" else "native",
        streams=options.streams,
    )


def _make_traffic(options: Options) -> Traffic:
    base_ms, end_ms = options.base_ms, _end_ms(options)
    batch_ms = round((options.batch_interval or 10) * 1000)
    if options.asap:
        from_ms, to_ms, end_ms = base_ms - round(options.span * 1000), base_ms, base_ms
    elif options.viewers is not None:
        from_ms, to_ms = base_ms, base_ms + round(options.window * 1000)
    else:
        from_ms, to_ms = base_ms, end_ms
    return Traffic(
        seed=options.seed,
        from_ms=from_ms,
        to_ms=to_ms,
        until_ms=end_ms,
        viewers=options.viewers,
        rate=options.rate or 1.0,
        protocol=options.protocol,
        streams=options.streams,
        delivery=Delivery(batch_ms=batch_ms, queued_until_ms=base_ms if options.asap else None),
        # In the order of time the few viewers of one moment would wait for each other's answers.
        abreast=VIEWERS_PER_CONNECTION * options.connections if options.asap else 0,
    )


def _end_ms(options: Options) -> int:
    return LATEST_MS if options.duration is None else options.base_ms + round(options.duration * 1000)


def _run(options: Options) -> int:
    report = Report(keeps_sessions=options.truth is not None)
    began = time.perf_counter()
    if options.output:
        write_batches(options.output, make_batches(options), report)
    else:
        _send(options, report)
    summary = report.summary(options.seed, time.perf_counter() - began)
    if options.truth:
        write_truth(options.truth, report.sessions())
    sys.stdout.write(_as_json(summary) if options.json else _as_text(summary, options))
    return 1 if summary.requests_given_up or summary.events_rejected else 0


def _send(options: Options, report: Report) -> None:
    target = parse_target(options.url)
    if not options.allow_remote and not is_loopback(target):
        raise SettingsError(f"{target.host} is not this machine; --allow-remote sends there all the same")
    batches = make_batches(options)
    if options.asap and options.duration is not None:
        batches = stop_after(batches, options.duration)
    sender = Sender(target, report, connections=options.connections, is_paced=not options.asap)
    try:
        asyncio.run(sender.send_all(batches))
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")


def stop_after(batches: Iterator[Batch], seconds: float) -> Iterator[Batch]:
    """Yield `batches` until `seconds` have passed on the clock from now."""
    began = time.monotonic()
    return itertools.takewhile(lambda _: time.monotonic() - began < seconds, batches)


def is_loopback(target: Target) -> bool:
    """Tell whether `target` is surely this machine: by its address, or the name localhost."""
    if target.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(target.host).is_loopback
    except ValueError:
        return False


def _as_json(summary: Summary) -> str:
    return msgspec.json.encode(summary).decode() + "\n"


def _as_text(summary: Summary, options: Options) -> str:
    what = f"written to {options.output}" if options.output else f"acknowledged by {options.url}"
    lines = [
        f"{summary.requests_acknowledged} batches {what} in {summary.elapsed_s:.1f} s (seed {summary.seed})",
        f"  events      {summary.events_acknowledged}, {summary.events_repeated} more in batches sent twice",
        f"  rejected    {summary.events_rejected} {summary.rejected_by_code or ''}".rstrip(),
        f"  rate        {summary.requests_per_second:.0f} requests/s, {summary.events_per_second:.0f} events/s",
    ]
    if summary.ack_p50_ms is not None:
        lines.append(f"  ack         p50 {summary.ack_p50_ms:.1f} ms, p99 {summary.ack_p99_ms:.1f} ms")
    if summary.statuses:
        lines.append(f"  statuses    {summary.statuses}")
    if summary.requests_given_up or summary.requests_tried_again:
        lines.append(f"  tried again {summary.requests_tried_again}, given up {summary.requests_given_up}")
    if summary.behind_schedule_s >= 1:
        lines.append(
            f"  at worst {summary.behind_schedule_s:.1f} s behind schedule: the service or this machine is too slow"
        )
    return "\n".join(lines) + "\n"


def _positive(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _seconds(text: str) -> float:
    """Read 90, 90s, 30m, 12h or 7d."""
    number, unit = (text[:-1], UNITS[text[-1]]) if text[-1:] in UNITS else (text, 1)
    return _positive(number) * unit
