"""Jobs: who of several has the lease, when the clock starts a job, what aggregate tells."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from apscheduler.triggers.date import DateTrigger

from playhead.errors import ConflictError, JobError, StoreUnavailableError
from playhead.ops.jobs import catalog
from playhead.ops.jobs.catalog import JOBS, aggregate
from playhead.ops.jobs.lease import Rival, is_first
from playhead.ops.jobs.runner import JobRunner
from playhead.ops.jobs.runs import Trigger
from playhead.ops.jobs.schedule import Scheduler, cron_triggers
from playhead.rollup.dbt import DbtResult
from playhead.settings import Settings
from playhead.store.contract import Store
from tests.unit.ingest.fake_store import FakeStore

pytestmark = pytest.mark.anyio


class NotedRunner(JobRunner):
    """Notes what it was asked to start, and refuses as told."""

    def __init__(self, settings: Settings, *refusals: Exception) -> None:
        super().__init__(FakeStore(), settings, JOBS)
        self.refusals = list(refusals)
        self.started: asyncio.Queue[tuple[str, Trigger]] = asyncio.Queue()

    async def start(self, name: str, trigger: Trigger) -> Any:
        """Note it."""
        self.started.put_nowait((name, trigger))
        if self.refusals:
            raise self.refusals.pop(0)


@pytest.mark.parametrize(
    ("rivals", "expected"),
    [
        ([], True),
        ([Rival("c", is_standing=True)], True),
        ([Rival("a", is_standing=True)], False),
        ([Rival("c", is_standing=False)], None),
        ([Rival("a", is_standing=False)], None),
        ([Rival("a", is_standing=True), Rival("c", is_standing=False)], False),
        ([Rival("c", is_standing=True), Rival("d", is_standing=False)], None),
    ],
)
def test_the_lease_is_of_the_least_id_once_nobody_looks(rivals: list[Rival], expected: bool | None) -> None:
    """One that looks may yet stand with a lesser id; with a lesser one standing it is lost at once."""
    assert is_first("b", rivals) is expected


@pytest.mark.parametrize("order", list(permutations(["a", "b", "c"])))
def test_of_those_that_stand_one_is_first(order: tuple[str, ...]) -> None:
    """Of any number that stand exactly one has the lease."""
    firsts = [is_first(own, [Rival(other, is_standing=True) for other in order if other != own]) for own in order]
    assert sorted(map(bool, firsts)) == [False, False, True]


async def test_the_clock_starts_a_job() -> None:
    """A job is started when its trigger fires, as one of the schedule."""
    runner = NotedRunner(Settings())
    scheduler = Scheduler(runner, {"aggregate": DateTrigger(datetime.now(UTC))})
    scheduler.start()
    async with asyncio.timeout(10):
        assert await runner.started.get() == ("aggregate", Trigger.SCHEDULE)
    scheduler.stop()


@pytest.mark.parametrize("refusal", [ConflictError(), StoreUnavailableError(), ValueError("unforeseen")])
async def test_no_refusal_ends_the_schedule(refusal: Exception) -> None:
    """After a job that runs elsewhere, a database that is down and a fault, the next trigger is obeyed."""
    runner = NotedRunner(Settings(), refusal)
    soon = DateTrigger(datetime.now(UTC))
    scheduler = Scheduler(runner, {"aggregate": soon, "refresh": soon})
    scheduler.start()
    async with asyncio.timeout(10):
        started = {(await runner.started.get())[0] for _ in range(2)}
    scheduler.stop()
    assert started == {"aggregate", "refresh"}


async def test_the_next_run_is_known_while_the_scheduler_is_on() -> None:
    """It is the next instant of the cron expression, after now; without a schedule or a scheduler there is none."""
    for switch in (True, False):
        settings = Settings(aggregate_cron="*/15 * * * *", scheduler=switch)
        runner = NotedRunner(settings)
        scheduler = Scheduler(runner, cron_triggers(runner, settings))
        scheduler.start()
        now_ms = datetime.now(UTC).timestamp() * 1000
        next_ms = scheduler.next_run_at("aggregate")
        assert (next_ms is not None) is switch
        assert next_ms is None or (next_ms % 900_000 == 0 and now_ms < next_ms <= now_ms + 901_000)
        assert scheduler.next_run_at("refresh") is None
        scheduler.stop()


async def test_aggregate_tells_what_dbt_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """It refreshes before it builds, in the store's database, and its summary is dbt's last line."""
    done: list[object] = []

    async def refresh(*_: object) -> str:
        await asyncio.sleep(0)
        done.append("refresh")
        return "3 sessions refolded"

    async def note(_: Store) -> None:
        await asyncio.sleep(0)
        done.append("note days")

    async def forget(*_: object) -> int:
        await asyncio.sleep(0)
        done.append("forget")
        return 0

    async def run(_: Settings, arguments: Sequence[str], *, database: str) -> DbtResult:
        await asyncio.sleep(0)
        done.append((arguments, database))
        return DbtResult(status=0, output="12:00:01  Running\n12:00:02  Done. PASS=5 ERROR=0 TOTAL=5\n")

    monkeypatch.setattr(catalog, "refresh", refresh)
    monkeypatch.setattr(catalog, "note_lately_changed_days", note)
    monkeypatch.setattr(catalog, "forget_first_clients", forget)
    told = await aggregate(FakeStore(), Settings(), run)
    assert (told, done) == (
        "3 sessions refolded; dbt: Done. PASS=5 ERROR=0 TOTAL=5",
        ["refresh", "note days", "forget", (["run"], "fake")],
    )


async def test_aggregate_fails_with_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    """What dbt printed is told with its status."""

    async def refresh(*_: object) -> str:
        return await asyncio.sleep(0, "")

    async def note(_: Store) -> None:
        await asyncio.sleep(0)

    async def forget(*_: object) -> int:
        return await asyncio.sleep(0, 0)

    async def run(*_: object, **__: object) -> DbtResult:
        return await asyncio.sleep(0, DbtResult(status=1, output="a test failed\n"))

    monkeypatch.setattr(catalog, "refresh", refresh)
    monkeypatch.setattr(catalog, "note_lately_changed_days", note)
    monkeypatch.setattr(catalog, "forget_first_clients", forget)
    with pytest.raises(JobError, match="status 1:\na test failed"):
        await aggregate(FakeStore(), Settings(), run)
