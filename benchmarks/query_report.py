"""What the query benchmark found, as tables, and what was promised but missed."""

from collections.abc import Iterator, Sequence

import msgspec

from benchmarks.asking import Asked
from benchmarks.history import History
from benchmarks.machine import Machine
from benchmarks.questions import KINDS
from benchmarks.raw import RawTime
from benchmarks.rebuild import Rebuild
from benchmarks.refold import Refold
from benchmarks.sizes import Sizes

RATIO_MUST = 1.3
BYTES_MUST = 8.0
REBUILD_MUST = 1_500_000
REBUILD_MUST_GIB = 8.0
REFOLD_MUST_S = 0.5
NOISE_MS = 5.0
"""Times that differ by less are equal: a ratio of 4 ms to 3 ms says nothing."""

SHOWN_COLUMN = 0.02
"""Columns below so many bytes an event are left out of the table."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One size: how its history was made, and the parts that were measured."""

    history: History
    rebuild: Rebuild | None
    sizes: Sizes | None
    asked: list[Asked]
    raw: list[RawTime]
    refold: Refold | None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """All of a run; `measured` from the smallest to the largest."""

    at: str
    machine: Machine
    measured: list[Measured]
    missed: list[str]


def as_tables(measured: Sequence[Measured]) -> list[str]:
    """Return everything as text for a reader."""
    lines = [*_asked_table(measured), ""]
    for one in measured:
        lines += [f"{one.history.events:,} events in {one.history.sessions:,} sessions", *_costs(one), ""]
    if sizes := measured[-1].sizes:
        lines += _sizes_table(sizes)
    return lines


def missed_musts(measured: Sequence[Measured]) -> list[str]:
    """Return a line for each figure that is not as promised; times and bytes are those of the largest size."""
    largest = measured[-1]
    return [*_missed_times(measured), *_missed_costs(largest)]


def _missed_times(measured: Sequence[Measured]) -> Iterator[str]:
    musts = {kind.name: kind.must_ms for kind in KINDS}
    smallest = {(asked.kind, asked.days): asked for asked in measured[0].asked}
    for asked in measured[-1].asked:
        must_ms = musts[asked.kind]
        name = f"{asked.kind}, {asked.days} days"
        if must_ms is None:
            continue
        if asked.p95_ms > must_ms:
            yield f"{name}: p95 {asked.p95_ms:.0f} ms, must be {must_ms:.0f} ms"
        before = smallest[asked.kind, asked.days]
        if asked.p95_ms > max(before.p95_ms * RATIO_MUST, before.p95_ms + NOISE_MS):
            yield f"{name}: {asked.p95_ms / before.p95_ms:.2f} times the smaller size, must be {RATIO_MUST}"


def _missed_costs(largest: Measured) -> Iterator[str]:
    sizes, built, refold = largest.sizes, largest.rebuild, largest.refold
    if sizes and sizes.bytes_per_event > BYTES_MUST:
        yield f"{sizes.bytes_per_event:.2f} bytes an event, must be {BYTES_MUST:.0f}"
    if built and (rate := built.events_per_second(largest.history.events)) < REBUILD_MUST:
        yield f"rebuild: {rate:,.0f} events/s, must be {REBUILD_MUST:,}"
    if built and built.peak_rss_gib > REBUILD_MUST_GIB:
        yield f"rebuild: {built.peak_rss_gib:.1f} GiB, must be {REBUILD_MUST_GIB:.0f}"
    if refold and refold.median_s > REFOLD_MUST_S:
        yield f"refresh of {refold.sessions:,} sessions: {refold.median_s:.2f} s, must be {REFOLD_MUST_S} s"


def _asked_table(measured: Sequence[Measured]) -> Iterator[str]:
    """Yield a line for each kind and range: the times at each size, their ratio, and the raw question's."""
    sizes = "".join(f"{f'{one.history.events / 1e6:.0f} M: p50':>14}{'p95':>8}{'max':>8}" for one in measured)
    yield f"{'ms':<28}{'days':>5}{sizes}{'ratio':>8}{'must':>7}{'raw':>10}{'times':>7}"
    musts = {kind.name: kind.must_ms for kind in KINDS}
    raw_ms = {(raw.kind, raw.days): raw.elapsed_ms for raw in measured[-1].raw}
    for row in zip(*(one.asked for one in measured), strict=True):
        first, last = row[0], row[-1]
        times = "".join(f"{asked.p50_ms:>14.1f}{asked.p95_ms:>8.1f}{asked.max_ms:>8.1f}" for asked in row)
        must_ms, slow_ms = musts[last.kind], raw_ms.get((last.kind, last.days))
        raw = f"{slow_ms:>10,.0f}{slow_ms / last.p50_ms:>7,.0f}" if slow_ms else f"{'':>17}"
        must = f"{must_ms:.0f}" if must_ms else ""
        yield f"{last.kind:<28}{last.days or '':>5}{times}{last.p95_ms / first.p95_ms:>8.2f}{must:>7}{raw}"


def _costs(one: Measured) -> Iterator[str]:
    made = one.history
    yield (
        f"  made in     {made.simulate_s:.0f} s of simulating, {made.insert_s:.0f} s of inserting, "
        f"{made.merge_s:.0f} s of merging"
    )
    if one.rebuild:
        yield (
            f"  rebuild     {one.rebuild.elapsed_s:.0f} s, {one.rebuild.events_per_second(made.events):,.0f} events/s, "
            f"{one.rebuild.cpu_s:.0f} s of CPU, at most {one.rebuild.peak_rss_gib:.1f} GiB"
        )
    if one.refold:
        times = ", ".join(f"{elapsed_s:.2f}" for elapsed_s in one.refold.elapsed_s)
        yield f"  refresh     {one.refold.sessions:,} sessions of {one.refold.events:,} events: {times} s"
    if one.sizes:
        yield f"  on disk     {one.sizes.bytes_per_event:.2f} bytes an event"


def _sizes_table(sizes: Sizes) -> Iterator[str]:
    yield f"{'bytes on disk':<44}{'rows':>13}{'bytes':>16}{'an event':>10}"
    for table in sizes.tables:
        share = table.bytes / sizes.events
        yield f"{table.name:<44}{table.rows:>13,}{table.bytes:>16,}{share:>10.3f}"
        for column in sizes.columns:
            if column.table_name == table.name and column.bytes / sizes.events >= SHOWN_COLUMN:
                yield f"    {column.name:<53}{column.bytes:>16,}{column.bytes / sizes.events:>10.3f}"
