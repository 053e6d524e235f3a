"""/metrics: it always answers, asks the database little, and tells what it is told."""

import asyncio
import re

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from playhead.errors import StoreUnavailableError
from playhead.ops.metric_families import (
    DatabaseFigures,
    FlushFigures,
    IngestCounts,
    IngestFigures,
    SpoolFigures,
    all_families,
)
from playhead.ops.metrics import KEPT_S, Metrics
from playhead.rollup.drift_checks import DriftReport
from playhead.store.contract import Parameters, Row
from playhead.store.sql_files import query
from tests.stores import repository
from tests.unit.ingest.fake_store import FakeStore

pytestmark = pytest.mark.anyio

INGEST = IngestFigures(
    counts=IngestCounts(
        events={("native", "accepted"): 7, ("native", "too_old"): 2, ("cmcd", "accepted"): 3},
        requests={("native", "answered"): 4, ("native", "too_large"): 1},
    ),
    flush_stats=FlushFigures(
        flushes=5, failed_flushes=1, refused_puts=2, poisoned_puts=3, rows=10, bytes=1000, total_s=0.5, longest_s=0.2,
        waiting_rows=6, waiting_bytes=600,
    ),
    spool_stats=SpoolFigures(
        state="spooling", bytes=11, max_bytes=12, segments=1, oldest_at=13.5, spooled_rows=14, replayed_rows=15,
        refused_appends=16, set_aside_records=17, torn_records=18,
    ),
    dropped_letters=9,
)  # fmt: skip


class ScriptedStore(FakeStore):
    """A store that says how fresh it is, unless it is down or hangs, and counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.is_down = False
        self.hangs = False

    async def fetch(
        self,
        sql: str,
        row_type: type[Row],
        parameters: Parameters | None = None,  # noqa: ARG002 - the contract's signature
    ) -> list[Row]:
        """Answer the questions of one row; what is a list is empty."""
        self.asked += 1
        if self.is_down:
            raise StoreUnavailableError("down")
        if self.hangs:
            await asyncio.Event().wait()
        answers = {
            "refresh_state": {"now_ms": 10_000, "refreshed_until_ms": 8_500},
            "count_dead_letters": {"letters": 4},
        }
        return [msgspec.convert(row, row_type) for name, row in answers.items() if sql == query(name)]


class Clock:
    """Shows the time it is set to, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def read(self) -> float:
        """Return it."""
        return self.now


async def told(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Return the service's own samples by name and labels, these in alphabetical order."""
    text = (await metrics.render()).decode()
    return {
        (sample.name.removeprefix("playhead_"), ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("playhead_")
    }


async def test_everything_of_this_process_is_told() -> None:
    """Counts and sizes are there by their labels, whatever was refused with its reason."""
    samples = await told(Metrics(ScriptedStore(), lambda: INGEST, clock=Clock().read))
    assert samples["ingest_events_total", "accepted,native,"] == 7
    assert samples["ingest_events_total", "refused,native,too_old"] == 2
    assert samples["ingest_events_total", "accepted,cmcd,"] == 3
    assert samples["ingest_requests_total", "answered,native,"] == 4
    assert samples["ingest_requests_total", "refused,native,too_large"] == 1
    assert {name: value for (name, labels), value in samples.items() if not labels} == {
        "database_up": 1, "freshness_seconds": 1.5, "dead_letters": 4, "dead_letters_dropped_total": 9,
        "ingest_buffered_rows": 6, "ingest_buffered_bytes": 600, "ingest_buffer_full_total": 2,
        "ingest_poisoned_batches_total": 3, "ingest_failed_flushes_total": 1, "ingest_flushed_rows_total": 10,
        "ingest_flushed_bytes_total": 1000, "ingest_flush_duration_seconds_count": 5,
        "ingest_flush_duration_seconds_sum": 0.5, "ingest_longest_flush_seconds": 0.2,
        "spool_bytes": 11, "spool_max_bytes": 12, "spool_is_used": 1, "spool_oldest_timestamp_seconds": 13.5,
        "spool_spooled_rows_total": 14, "spool_replayed_rows_total": 15, "spool_refused_total": 16,
        "spool_set_aside_total": 17, "spool_torn_total": 18,
    }  # fmt: skip


async def test_a_spool_that_is_off_is_not_told() -> None:
    """Nothing is said of it, rather than 0."""
    samples = await told(Metrics(ScriptedStore(), lambda: msgspec.structs.replace(INGEST, spool_stats=None)))
    assert samples["ingest_buffered_rows", ""] == 6
    assert not any(name.startswith("spool") for name, _ in samples)


async def test_a_database_that_is_down_is_told() -> None:
    """Then what only it knows is missing, and everything else is there."""
    store = ScriptedStore()
    store.is_down = True
    samples = await told(Metrics(store, lambda: INGEST))
    assert samples["database_up", ""] == 0
    assert samples["ingest_buffered_rows", ""] == 6
    assert ("freshness_seconds", "") not in samples


async def test_a_database_that_hangs_is_down() -> None:
    """A scrape is not kept waiting."""
    store = ScriptedStore()
    store.hangs = True
    samples = await told(Metrics(store, lambda: INGEST, answer_within_s=0.01))
    assert samples["database_up", ""] == 0


async def test_the_database_is_asked_once_in_a_while() -> None:
    """Scrapes in a row, or at once, ask it once; freshness ages meanwhile, and one that came back is seen."""
    store, clock = ScriptedStore(), Clock()
    metrics = Metrics(store, lambda: INGEST, clock=clock.read)
    await asyncio.gather(*(metrics.render() for _ in range(5)))
    asked = store.asked
    store.is_down = True
    clock.now += KEPT_S - 1
    assert (await told(metrics))["freshness_seconds", ""] == 1.5 + KEPT_S - 1
    assert store.asked == asked
    clock.now += 1
    assert (await told(metrics))["database_up", ""] == 0
    store.is_down = False
    clock.now += KEPT_S
    assert (await told(metrics))["database_up", ""] == 1


def test_every_metric_is_documented() -> None:
    """docs/operations.md has each by the name it is told by, and no other."""
    database = DatabaseFigures(freshness_s=1, letters=1, jobs=[], drift=DriftReport(checked_at=1))
    families = list(all_families(INGEST, database))
    names = {family.name + "_total" * (family.type == "counter") for family in families}
    page = (repository() / "docs" / "operations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"playhead_\w+", page)) == names


async def test_two_applications_share_nothing() -> None:
    """Each has a registry of its own."""
    other = msgspec.structs.replace(INGEST, dropped_letters=1)
    one, two = Metrics(ScriptedStore(), lambda: INGEST), Metrics(ScriptedStore(), lambda: other)
    assert (await told(one))["dead_letters_dropped_total", ""] == 9
    assert (await told(two))["dead_letters_dropped_total", ""] == 1
