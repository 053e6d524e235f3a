"""Sessions of the simulator as ingest would store them: every row with when it was received and what it says.

They are the stock that benchmarks/history.py makes months of traffic from.
"""

import itertools
from collections.abc import Iterator

import msgspec

from playhead.events import EventRow
from playhead.ingest.enrich import Enricher
from playhead.ingest.envelopes import read_envelope
from playhead.ingest.native import make_batch
from playhead.settings import Settings
from playhead.simulate.traffic import Traffic
from playhead.simulate.viewer import Mix
from playhead.simulate.wire import Batch

BASE_MS = 1_750_000_000_000
"""The instant at which every template's viewer arrives; divisible by nothing that matters."""

MEAN_WATCH_S = 1_300.0
"""Patience of the viewers: gives about 100 events a session, all else as the simulator has it."""


class Template(msgspec.Struct, frozen=True):
    """One session: `started_ts` is its first event's ts, rows include those of batches that came twice."""

    number: int
    started_ts: int
    rows: list[EventRow]


def make_templates(count: int, streams: int, seed: int, mean_watch_s: float = MEAN_WATCH_S) -> Iterator[Template]:
    """Yield up to `count` sessions that all began at BASE_MS of true time, each of another client.

    Sessions of which nothing was ever sent are missing.
    """
    traffic = Traffic(
        seed=seed,
        from_ms=BASE_MS,
        to_ms=BASE_MS,
        viewers=count,
        streams=streams,
        returning=0.0,
        nameless=0.0,
        mix=Mix(mean_watch_s=mean_watch_s),
        abreast=1,
    )
    enricher = Enricher(Settings())
    visits = itertools.groupby(traffic.batches(), key=lambda batch: batch.session.viewer)
    for number, (_, batches) in enumerate(visits):
        rows = [row for batch in batches for row in _store(batch, enricher)]
        yield Template(number, min(row.ts for row in rows), rows)


def _store(batch: Batch, enricher: Enricher) -> list[EventRow]:
    """Return the rows the service would write for `batch`."""
    read = read_envelope(batch.body)
    rows = make_batch(read, batch.body, batch.at_ms, is_private=False).rows
    headers = {name.lower(): value for name, value in batch.headers.items()}
    origin = enricher.describe(headers, None, read.envelope.timezone or "")
    for row in rows:
        row.country, row.device, row.os, row.browser = origin.country, origin.device, origin.os, origin.browser
    return rows
