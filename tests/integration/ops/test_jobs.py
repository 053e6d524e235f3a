"""Jobs on real engines: one run at a time across runners, and one that died is seen as failed and healed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from playhead.errors import ConflictError, JobError, NotFoundError, StoreUnavailableError
from playhead.ops.jobs.job import Job, Work
from playhead.ops.jobs.lease import Lease
from playhead.ops.jobs.runner import JobRunner
from playhead.ops.jobs.runs import JobRun, JobRuns, RunStatus, Trigger
from playhead.settings import Settings
from playhead.store.clients import ClientStore

pytestmark = pytest.mark.anyio

SETTINGS = Settings()


class Gate:
    """Work that goes on until it is let go; says when it began, and how often."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()
        self.times = 0

    async def work(self, *_: Any) -> str:
        """Wait."""
        self.times += 1
        self.begun.set()
        await self.let_go.wait()
        return "done"


class _Row(msgspec.Struct, frozen=True):
    status: str
    detail: str


def make_runner(store: ClientStore, work: Work, name: str, settings: Settings = SETTINGS) -> JobRunner:
    """Return a runner of one job, like that of a worker of its own."""
    return JobRunner(store, settings, [Job(name=name, purpose="", work=work, cron_of=lambda _: "off")])


async def succeed(*_: Any) -> str:
    """Do nothing, well."""
    return await asyncio.sleep(0, "all well")


@pytest.fixture
def name() -> str:
    """Give the name of a job that is the test's own."""
    return f"job-{uuid4()}"


async def test_a_run_is_written_down_with_its_end(store: ClientStore, name: str) -> None:
    """Who ran what, when and with what result is in the table afterwards."""
    runner = make_runner(store, succeed, name)
    first = await runner.run(name, Trigger.COMMAND)
    second = await runner.run(name, Trigger.API)
    assert (first.job, first.trigger, first.status, first.detail) == (name, "command", "succeeded", "all well")
    assert first.finished_at is not None
    assert first.started_at <= first.heartbeat_at <= first.finished_at + 1000
    assert [run for run in await runner.fetch_runs() if run.job == name] == [second, first]


async def test_an_unknown_job_is_not_found(store: ClientStore) -> None:
    """Only what is registered runs."""
    with pytest.raises(NotFoundError):
        await make_runner(store, succeed, "known").start("unknown", Trigger.API)


async def test_a_second_run_is_refused_here_and_elsewhere(store: ClientStore, name: str) -> None:
    """While one runs, neither its own runner nor another one on the database starts it; afterwards each does."""
    gate = Gate()
    here, elsewhere = make_runner(store, gate.work, name), make_runner(store, gate.work, name)
    run = await here.start(name, Trigger.API)
    assert (run.status, run.finished_at) == (RunStatus.RUNNING, None)
    for runner in (here, elsewhere):
        with pytest.raises(ConflictError):
            await runner.start(name, Trigger.SCHEDULE)
    gate.let_go.set()
    ended = await the_end_of(here)
    assert (ended.run_id, ended.status, gate.times) == (run.run_id, RunStatus.SUCCEEDED, 1)
    assert (await elsewhere.run(name, Trigger.SCHEDULE)).status == RunStatus.SUCCEEDED


async def test_other_jobs_are_not_held_up(store: ClientStore, name: str) -> None:
    """A lease is of one job."""
    gate = Gate()
    runner = make_runner(store, gate.work, name)
    await runner.start(name, Trigger.API)
    assert (await make_runner(store, succeed, f"{name}-b").run(f"{name}-b", Trigger.API)).status == "succeeded"
    await runner.stop()


async def test_of_many_at_once_one_runs(store: ClientStore, name: str) -> None:
    """When the clocks of eight workers strike at the same instant, one has the job and seven pass."""
    for _ in range(3):
        gate = Gate()
        runners = [make_runner(store, gate.work, name) for _ in range(8)]
        starts = [runner.start(name, Trigger.SCHEDULE) for runner in runners]
        outcomes = await asyncio.gather(*starts, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == [*["ConflictError"] * 7, "JobRun"]
        await asyncio.gather(*(runner.stop() for runner in runners))


async def test_a_job_that_fails_says_why(store: ClientStore, name: str) -> None:
    """An error of ours is told as it is, a fault by its class, and the next run is free to start."""

    async def fail(error: Exception) -> str:
        await asyncio.sleep(0)
        raise error

    failures: list[tuple[Callable[..., Awaitable[str]], str]] = [
        (lambda *_: fail(JobError("dbt ended with status 1")), "dbt ended with status 1"),
        (lambda *_: fail(KeyError("x")), "KeyError: 'x'"),
        (lambda *_: fail(TimeoutError("of its own")), "TimeoutError: of its own"),
        (lambda *_: fail(JobError("x" * 5000 + "end")), "x" * 1997 + "end"),
    ]
    for work, detail in failures:
        run = await make_runner(store, work, name).run(name, Trigger.API)
        assert (run.status, run.detail) == (RunStatus.FAILED, detail)


async def test_a_job_that_takes_too_long_is_given_up(store: ClientStore, name: str) -> None:
    """It is cancelled at its time limit and counts as failed."""
    runner = make_runner(store, Gate().work, name, Settings(job_timeout_s=0.01))
    run = await runner.run(name, Trigger.API)
    assert (run.status, run.detail) == (RunStatus.FAILED, "It was given up after 0.01 s.")


async def test_a_service_that_stops_ends_its_runs(store: ClientStore, name: str) -> None:
    """What was under way is failed, and another worker may start at once."""
    gate = Gate()
    runner = make_runner(store, gate.work, name)
    await runner.start(name, Trigger.API)
    await gate.begun.wait()
    await runner.stop()
    [run] = await JobRuns(store, 1000).fetch(job=name)
    assert (run.status, run.detail) == (RunStatus.FAILED, "It was stopped before it ended.")
    assert (await make_runner(store, succeed, name).run(name, Trigger.API)).status == RunStatus.SUCCEEDED


async def test_a_run_that_lives_keeps_its_lease(store: ClientStore, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the work goes on the lease is renewed, also over its first end, and the run is not dead."""
    gate, signs = Gate(), asyncio.Semaphore(0)
    runner, rival = make_runner(store, gate.work, name, Settings(job_lease_s=1.5)), make_runner(store, succeed, name)
    write = runner._runs.note_alive

    async def note_alive(run: JobRun) -> None:
        await write(run)
        signs.release()

    monkeypatch.setattr(runner._runs, "note_alive", note_alive)
    started = await runner.start(name, Trigger.API)
    async with asyncio.timeout(60):
        for _ in range(4):
            await signs.acquire()
    [run] = await JobRuns(store, 1000).fetch(job=name)
    assert (run.run_id, run.status) == (started.run_id, RunStatus.RUNNING)
    assert run.heartbeat_at - started.started_at > 1500
    with pytest.raises(ConflictError):
        await rival.start(name, Trigger.API)
    gate.let_go.set()
    assert (await the_end_of(runner)).status == RunStatus.SUCCEEDED


async def test_a_run_that_died_is_failed_and_the_next_one_heals(store: ClientStore, name: str) -> None:
    """Once its lease is over it is seen as failed; the next run starts, and writes that down."""
    died_id = str(uuid4())
    assert await Lease(store, name, died_id, 60_000).take()
    await JobRuns(store, 60_000).begin(name, died_id, Trigger.SCHEDULE)
    runner = make_runner(store, succeed, name)
    with pytest.raises(ConflictError):
        await runner.start(name, Trigger.SCHEDULE)
    await let_time_pass(store, name)
    [died] = await JobRuns(store, 60_000).fetch(job=name)
    assert (died.status, died.finished_at) == (RunStatus.FAILED, died.heartbeat_at)
    assert died.detail.startswith("It died")
    assert (await read_rows(store, name))[0].status == "running"
    healed = await runner.run(name, Trigger.SCHEDULE)
    assert healed.status == RunStatus.SUCCEEDED
    assert await JobRuns(store, 60_000).fetch(job=name) == [healed, died]
    assert sorted(row.status for row in await read_rows(store, name)) == ["failed", "succeeded"]


async def test_an_end_that_cannot_be_written_is_healed(
    store: ClientStore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is away when a run ends leaves one that counts as dead, and the runner goes on after it."""

    async def fail(*_: Any) -> JobRun:
        await asyncio.sleep(0)
        raise StoreUnavailableError("away")

    runner = make_runner(store, succeed, name)
    with monkeypatch.context() as patched:
        patched.setattr(runner._runs, "end", fail)
        with pytest.raises(StoreUnavailableError):
            await runner.run(name, Trigger.API)
    await let_time_pass(store, name)
    assert (await runner.run(name, Trigger.API)).status == RunStatus.SUCCEEDED
    assert [run.status for run in await JobRuns(store, 1000).fetch(job=name)] == ["succeeded", "failed"]


async def test_one_that_died_while_it_looked_is_in_nobodys_way(store: ClientStore, name: str) -> None:
    """A run that said it was looking and never stood holds up the next one for seconds, not for a lease."""
    lease = Lease(store, name, str(uuid4()), 3_600_000)
    await lease._write(is_standing=False, lease_ms=300)
    async with asyncio.timeout(30):
        assert (await make_runner(store, succeed, name).run(name, Trigger.API)).status == RunStatus.SUCCEEDED


async def the_end_of(runner: JobRunner) -> JobRun:
    """Wait until the runner's one run has ended, and return it."""
    [task] = runner._tasks
    return await asyncio.wait_for(asyncio.shield(task), 30)


async def let_time_pass(store: ClientStore, name: str) -> None:
    """Set the clock of the job's leases and runs two minutes back."""
    for table, columns, instants in (
        ("job_leases", "job, run_id, is_standing, lease_ms", "renewed_at"),
        ("job_runs", "job, run_id, trigger, host, pid, lease_ms, status, started_at", "heartbeat_at"),
    ):
        back = f"{instants} - toIntervalSecond(120)"
        await store.execute(
            f"INSERT INTO {table} ({columns}, {instants}) "
            f"SELECT {columns}, {back} FROM {table} FINAL WHERE job = {{job:String}}",
            {"job": name},
        )


async def read_rows(store: ClientStore, name: str) -> list[_Row]:
    """Return what the table itself says of the runs."""
    sql = "SELECT status, detail FROM job_runs FINAL WHERE job = {job:String} ORDER BY started_at"
    return await store.fetch(sql, _Row, {"job": name})
