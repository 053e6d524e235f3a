"""The old design: load, disk and questions of the events table."""

import time
from pathlib import Path

import msgspec

from benchmarks.compare.cluster import Cluster, running_cluster
from benchmarks.compare.load import SENT_FILE
from benchmarks.compare.sql import statement

QUESTIONS = ("summary", "streams", "timeseries", "peak")
SUMMARY_FIELDS = (
    "sessions",
    "plays",
    "viewers",
    "playing_time_s",
    "startup_ms_p50",
    "startup_ms_p95",
    "rebuffer_count",
    "failure_rate",
)
_SIZE = "SELECT pg_table_size('events'), pg_indexes_size('events')"


class Range(msgspec.Struct, frozen=True):
    """Whole days: `from_day` up to, not with, `to_day`."""

    days: int
    from_day: str
    to_day: str


class Time(msgspec.Struct, frozen=True):
    """How long one question took, the middle one of several and the slowest."""

    question: str
    days: int
    p50_ms: float
    max_ms: float


class Answers(msgspec.Struct, frozen=True):
    """What a system says about one range: figures by name, and sessions by day (ms since the epoch)."""

    days: int
    figures: dict[str, float | None]
    sessions_by_day: dict[int, int]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One system: seconds until the events are stored and can be asked for, bytes, times and answers."""

    system: str
    load_s: float
    prepare_s: float
    bytes: int
    index_bytes: int
    times: list[Time]
    answers: list[Answers]


def measure_postgres(folder: Path, ranges: list[Range], runs: int) -> Measured:
    """Load the events of `folder` into a cluster of its own and ask every question `runs` times."""
    with running_cluster(folder) as cluster:
        load_s, prepare_s = _load(cluster, folder / SENT_FILE)
        table_bytes, index_bytes = map(int, cluster.run_sql(_SIZE)[0].split("\t"))
        return Measured(
            system=f"PostgreSQL {cluster.version()}",
            load_s=load_s,
            prepare_s=prepare_s,
            bytes=table_bytes + index_bytes,
            index_bytes=index_bytes,
            times=[_time(cluster, question, days, runs) for question in QUESTIONS for days in ranges],
            answers=[_answers(cluster, days) for days in ranges],
        )


def _load(cluster: Cluster, sent: Path) -> tuple[float, float]:
    """Return the seconds of the copy, and of indexes and statistics."""
    cluster.run_sql(statement("create_events"))
    began = time.perf_counter()
    cluster.copy_csv("events", sent)
    copied = time.perf_counter()
    cluster.run_sql(statement("index_events"), "VACUUM ANALYZE events")
    return copied - began, time.perf_counter() - copied


def _time(cluster: Cluster, question: str, days: Range, runs: int) -> Time:
    asked = [statement_of(question)] * (runs + 1)
    lines = cluster.run_sql("\\timing on", *asked, variables=_variables(days))
    told = [line for line in lines if line.startswith("Time: ")]
    times = sorted(float(line.split()[1]) for line in told[-runs:])
    return Time(question, days.days, times[(runs - 1) // 2], times[-1])


def _answers(cluster: Cluster, days: Range) -> Answers:
    summary = cluster.run_sql(statement_of("summary"), variables=_variables(days))[0].split("\t")
    figures: dict[str, float | None] = {name: float(text) for name, text in zip(SUMMARY_FIELDS, summary, strict=True)}
    figures["peak_concurrent"] = float(cluster.run_sql(statement_of("peak"), variables=_variables(days))[0])
    rows = [line.split("\t") for line in cluster.run_sql(statement_of("timeseries"), variables=_variables(days))]
    return Answers(days.days, figures, {int(row[0]): int(row[1]) for row in rows})


def statement_of(question: str) -> str:
    """Return the question's statement, after the sessions that most of them begin with."""
    own = statement(question)
    return own if question == "peak" else f"{statement('sessions')}\n{own}"


def _variables(days: Range) -> dict[str, str]:
    return {"from_at": days.from_day, "to_at": days.to_day}
