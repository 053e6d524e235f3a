"""What /metrics tells, as the metric families of Prometheus: names, help and values.

Labels hold words of the service alone: no address, no id of a client, session or stream.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from playhead import __version__
from playhead.ops.jobs.runs import RunStatus
from playhead.rollup.drift_checks import DriftReport, Subject

_TAKEN = {"accepted", "answered"}
"""Outcomes that are no refusal; every other is the reason of one."""


class IngestCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Events and requests since the process started, by protocol and "accepted", "answered" or why not."""

    events: Mapping[tuple[str, str], int]
    requests: Mapping[tuple[str, str], int]


class FlushFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was written since the process started, and what waits to be; times in seconds."""

    flushes: int
    failed_flushes: int
    refused_puts: int
    poisoned_puts: int
    rows: int
    bytes: int
    total_s: float
    longest_s: float
    waiting_rows: int
    waiting_bytes: int


class SpoolFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What waits on disk, and what became of it since the process started; times in s since the epoch."""

    state: str
    bytes: int
    max_bytes: int
    segments: int
    oldest_at: float | None
    spooled_rows: int
    replayed_rows: int
    refused_appends: int
    set_aside_records: int
    torn_records: int


class IngestFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How ingest goes in this process."""

    counts: IngestCounts
    flush_stats: FlushFigures
    spool_stats: SpoolFigures | None
    dropped_letters: int


class JobOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a job went last, in any process; instants in s since the epoch, 0: never."""

    name: str
    last_status: RunStatus
    last_started_s: float
    last_success_s: float


class DatabaseFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the database says; freshness_s None: the sessions were never refreshed."""

    freshness_s: float | None
    letters: int
    jobs: list[JobOutcome]
    drift: DriftReport


def all_families(ingest: IngestFigures, database: DatabaseFigures | None) -> Iterator[Metric]:
    """Yield everything; without `database`, which did not answer, nothing that only it knows."""
    yield _gauge("build_info", "The version that runs.", [((__version__,), 1)], "version")
    yield _gauge("database_up", "Whether the database answered this process.", int(database is not None))
    yield from _ingest_families(ingest.counts, ingest.dropped_letters)
    yield from _flush_families(ingest.flush_stats)
    if ingest.spool_stats is not None:
        yield from _spool_families(ingest.spool_stats)
    if database is not None:
        yield from _database_families(database)


def _ingest_families(counts: IngestCounts, dropped_letters: int) -> Iterator[Metric]:
    labels = ("protocol", "outcome", "reason")
    yield _counter("ingest_events", "Events by what became of them.", _by_outcome(counts.events), *labels)
    yield _counter("ingest_requests", "Requests by what became of them.", _by_outcome(counts.requests), *labels)
    yield _counter("dead_letters_dropped", "Refused events that were only counted, not kept.", dropped_letters)


def _flush_families(flush: FlushFigures) -> Iterator[Metric]:
    yield _gauge("ingest_buffered_rows", "Rows that wait to be written.", flush.waiting_rows)
    yield _gauge("ingest_buffered_bytes", "Bytes that wait to be written.", flush.waiting_bytes)
    yield _counter("ingest_buffer_full", "Batches answered 503 since too much waited.", flush.refused_puts)
    yield _counter("ingest_poisoned_batches", "Batches the database will never take.", flush.poisoned_puts)
    yield _counter("ingest_failed_flushes", "Writes given up, whose batches were answered 503.", flush.failed_flushes)
    yield _counter("ingest_flushed_rows", "Rows of all writes.", flush.rows)
    yield _counter("ingest_flushed_bytes", "Bytes of all writes.", flush.bytes)
    yield SummaryMetricFamily(
        "playhead_ingest_flush_duration_seconds",
        "Writes, and the time they took with all their tries.",
        count_value=flush.flushes,
        sum_value=flush.total_s,
    )
    yield _gauge("ingest_longest_flush_seconds", "The longest write since the start.", flush.longest_s)


def _spool_families(spool: SpoolFigures) -> Iterator[Metric]:
    yield _gauge("spool_bytes", "Bytes on disk that wait for the database.", spool.bytes)
    yield _gauge("spool_max_bytes", "Bytes the spool takes at most.", spool.max_bytes)
    yield _gauge("spool_is_used", "1 while events go to disk.", spool.state == "spooling")
    yield _gauge("spool_oldest_timestamp_seconds", "Since when the oldest waits.", spool.oldest_at or 0)
    yield _counter("spool_spooled_rows", "Rows that went to disk.", spool.spooled_rows)
    yield _counter("spool_replayed_rows", "Rows that came from there into the database.", spool.replayed_rows)
    yield _counter("spool_refused", "Batches the disk did not take either, answered 503.", spool.refused_appends)
    yield _counter("spool_set_aside", "Records that could not be used, kept in files.", spool.set_aside_records)
    yield _counter("spool_torn", "Records of a killed process that were never whole.", spool.torn_records)


def _database_families(database: DatabaseFigures) -> Iterator[Metric]:
    freshness = [] if database.freshness_s is None else [((), database.freshness_s)]
    yield _gauge("freshness_seconds", "Age of the newest data that answers surely include.", freshness)
    yield _gauge("dead_letters", "Refused events that are kept.", database.letters)
    yield from _job_families(database.jobs)
    yield from _drift_families(database.drift)


def _job_families(jobs: list[JobOutcome]) -> Iterator[Metric]:
    yield _gauge(
        "job_last_run_status",
        "1 for how the job's last run is or ended, 0 for the others.",
        [((job.name, status), int(job.last_status == status)) for job in jobs for status in RunStatus],
        "job",
        "status",
    )
    yield _gauge(
        "job_last_run_timestamp_seconds",
        "When the job's last run began.",
        [((job.name,), job.last_started_s) for job in jobs],
        "job",
    )
    yield _gauge(
        "job_last_success_timestamp_seconds",
        "When the job last ended well; 0: never.",
        [((job.name,), job.last_success_s) for job in jobs],
        "job",
    )


def _drift_families(drift: DriftReport) -> Iterator[Metric]:
    is_checked = drift.checked_at is not None
    checked_at = [((), (drift.checked_at or 0) / 1000)] if is_checked else []
    yield _gauge("drift_checked_timestamp_seconds", "When the last drift check ended.", checked_at)
    sums = [(subject, drift.sums(subject)) for subject in Subject if is_checked]
    yield _gauge(
        "drift_rows",
        "Rows the last drift check found wrong, missing or too many.",
        [((subject,), differing) for subject, (_, differing) in sums],
        "subject",
    )
    yield _gauge(
        "drift_checked_rows",
        "Rows the last drift check compared.",
        [((subject,), checked) for subject, (checked, _) in sums],
        "subject",
    )


_Samples = Iterable[tuple[tuple[str, ...], float]]


def _by_outcome(counts: Mapping[tuple[str, str], int]) -> _Samples:
    """Yield ((protocol, outcome, reason), count); what is not refused has no reason."""
    for (protocol, outcome), count in sorted(counts.items()):
        yield (protocol, outcome, "") if outcome in _TAKEN else (protocol, "refused", outcome), count


def _gauge(name: str, documentation: str, samples: _Samples | float, *labels: str) -> Metric:
    return _filled(GaugeMetricFamily(f"playhead_{name}", documentation, labels=labels), samples)


def _counter(name: str, documentation: str, samples: _Samples | float, *labels: str) -> Metric:
    return _filled(CounterMetricFamily(f"playhead_{name}", documentation, labels=labels), samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: _Samples | float) -> Metric:
    for labels, value in [((), samples)] if isinstance(samples, int | float) else samples:
        family.add_metric(labels, value)
    return family
