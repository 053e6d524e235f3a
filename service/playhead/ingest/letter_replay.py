"""Dead letters once more: through the same pipeline, as if they came now, with the receipt they had.

Taken twice an event counts once, so a replay may be repeated, or given up anywhere. Letters stay until they expire:
what is refused again is in the box already.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from playhead.addresses import Address
from playhead.errors import UnstorableError
from playhead.ingest.batch import Batch
from playhead.ingest.buffer import RowBuffer
from playhead.ingest.counters import IngestCounters
from playhead.ingest.dead_letters import DeadLetterBox
from playhead.ingest.device import Device
from playhead.ingest.enrich import Enricher, Origin
from playhead.ingest.kept_letters import (
    PAGE_LETTERS,
    KeptLetter,
    LetterFilter,
    UnreadableLetterError,
    fetch_next_letters,
    read_letter,
)
from playhead.ingest.limits import IngestLimits
from playhead.ingest.pipeline import POISON, Pipeline
from playhead.ingest.requests import Request
from playhead.ingest.sessions import SessionResolver
from playhead.ingest.streams import IsKnownStream, StreamGate
from playhead.ingest.writer import StoreSink
from playhead.settings import Settings
from playhead.store.contract import Store

NOBODY = Request(method="POST", path="", query_string="", headers={}, peer=None)
"""Who sent a letter is not kept: of the request there is nothing but what its rows say."""


class ReplayReport(msgspec.Struct, kw_only=True):
    """What became of letters: events taken, events refused again by reason, letters that say too little."""

    letters: int = 0
    taken: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    unreadable: int = 0
    is_complete: bool = True
    """False: there were more letters than asked for."""

    @property
    def lines(self) -> list[str]:
        """It for a terminal."""
        lines = [f"{self.letters} letters: {self.taken} events taken"]
        lines += [f"{count} refused again: {reason}" for reason, count in sorted(self.refused.items())]
        if self.unreadable:
            lines.append(f"{self.unreadable} cannot be taken: cut, or of a sender who asked for privacy")
        if not self.is_complete:
            lines.append("there are more: raise --limit")
        return lines


async def replay_letters(
    store: Store, settings: Settings, wanted: LetterFilter, limit: int, *, is_known_stream: IsKnownStream
) -> ReplayReport:
    """Take letters, the oldest first and at most `limit`; raises UnavailableError and StoreError."""
    report = ReplayReport()
    unlimited = msgspec.structs.replace(
        settings, network_requests_per_s=0, stream_events_per_s=0, dead_letters_per_minute=0
    )
    buffer = RowBuffer(StoreSink(store, unlimited), unlimited)
    pipeline = Pipeline(
        settings=unlimited,
        limits=IngestLimits(unlimited),
        gate=StreamGate(is_known_stream),
        enricher=Enricher(unlimited),
        resolver=SessionResolver(store, unlimited.session_timeout_s),
        buffer=buffer,
        letters=DeadLetterBox(store, unlimited.dead_letters_per_minute),
        counters=IngestCounters(),
    )
    buffer.start()
    try:
        await _replay_pages(store, pipeline, wanted, limit, report)
    finally:
        await buffer.stop()
    return report


async def _replay_pages(
    store: Store, pipeline: Pipeline, wanted: LetterFilter, limit: int, report: ReplayReport
) -> None:
    last: KeptLetter | None = None
    while letters := await fetch_next_letters(store, wanted, last, min(PAGE_LETTERS, limit - report.letters + 1)):
        if len(letters) > limit - report.letters:
            letters.pop()
            report.is_complete = False
        report.letters += len(letters)
        await _replay(pipeline, letters, report)
        if not report.is_complete:
            return
        last = letters[-1]


async def _replay(pipeline: Pipeline, letters: Sequence[KeptLetter], report: ReplayReport) -> None:
    # One after the other would wait for a flush each; which of them comes first makes no difference to any number.
    async with asyncio.TaskGroup() as group:
        for letter in letters:
            try:
                batch = read_letter(letter)
            except UnreadableLetterError:
                report.unreadable += 1
            else:
                group.create_task(_take(pipeline, batch, report))


async def _take(pipeline: Pipeline, batch: Batch, report: ReplayReport) -> None:
    origin = _origin_of(batch)
    try:
        await replace(pipeline, enricher=_KnownOrigin(origin) if origin else pipeline.enricher).take(batch, NOBODY)
    except UnstorableError:
        report.refused[POISON] += len(batch.rows)
    else:
        report.taken += len(batch.rows)
        report.refused.update(refused.rejection.code for refused in batch.refused)


def _origin_of(batch: Batch) -> Origin | None:
    """Return where the request came from, if its rows were refused after that was worked out."""
    row = next((row for row in batch.rows if row.device), None)
    return None if row is None else Origin(row.country, msgspec.convert(row.device, Device), row.os, row.browser)


class _KnownOrigin(Enricher):
    """Describes requests of which nothing but the outcome is left."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def describe(self, _headers: Mapping[str, str], _peer: Address | None, _timezone: str) -> Origin:
        return self._origin
