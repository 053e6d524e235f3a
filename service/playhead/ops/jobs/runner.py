"""Runs jobs, each one run at a time, and writes down what became of them."""

import asyncio
from collections.abc import Iterable
from uuid import uuid4

import structlog

from playhead.errors import ConflictError, NotFoundError, PlayheadError, StoreError
from playhead.ops.jobs.job import Job
from playhead.ops.jobs.lease import Lease
from playhead.ops.jobs.runs import JobRun, JobRuns, RunStatus, Trigger
from playhead.settings import Settings
from playhead.store.contract import Store

log = structlog.get_logger()

_SIGNS_OF_LIFE = 3
"""A lease is renewed so many times before it would end: one sign may be lost."""


class JobRunner:
    """Runs `jobs` on a store; none runs twice at once, here or in another process on the same database."""

    def __init__(self, store: Store, settings: Settings, jobs: Iterable[Job]) -> None:
        self.jobs = {job.name: job for job in jobs}
        self._store = store
        self._settings = settings
        self._lease_ms = int(settings.job_lease_s * 1000)
        self._runs = JobRuns(store, self._lease_ms)
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[JobRun]] = set()

    async def start(self, name: str, trigger: Trigger) -> JobRun:
        """Begin a run in the background and return it.

        Raises NotFoundError where there is no such job, ConflictError where it runs already, StoreError.
        """
        run, _ = await self._start(name, trigger)
        return run

    async def run(self, name: str, trigger: Trigger) -> JobRun:
        """Do the job and return the run as it ended; raises as `start`."""
        _, task = await self._start(name, trigger)
        return await task

    def schedule_of(self, name: str) -> str:
        """Return the job's cron expression, or off."""
        return self.jobs[name].cron_of(self._settings)

    async def fetch_runs(self) -> list[JobRun]:
        """Return the last runs of each job, of every process, newest first."""
        return await self._runs.fetch()

    async def stop(self) -> None:
        """Give up what is under way, and write that down."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _start(self, name: str, trigger: Trigger) -> tuple[JobRun, asyncio.Task[JobRun]]:
        if name not in self.jobs:
            raise NotFoundError("There is no such job.")
        if name in self._busy:
            raise ConflictError(f"The job {name} runs already.")
        self._busy.add(name)
        try:
            lease, run = await self._begin(name, trigger)
        except BaseException:
            self._busy.discard(name)
            raise
        task = asyncio.create_task(self._perform(run, lease))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return run, task

    async def _begin(self, name: str, trigger: Trigger) -> tuple[Lease, JobRun]:
        run_id = str(uuid4())
        lease = Lease(self._store, name, run_id, self._lease_ms)
        if not await lease.take():
            raise ConflictError(f"The job {name} runs already, in another process.")
        # What fails from here on leaves a lease behind, which ends by itself.
        return lease, await self._runs.begin(name, run_id, trigger)

    def _forget(self, task: asyncio.Task[JobRun]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # Was logged; asked for here, since nobody waits for a run in the background.

    async def _perform(self, run: JobRun, lease: Lease) -> JobRun:
        is_done = asyncio.Event()
        alive = asyncio.create_task(self._stay_alive(run, lease, is_done))
        try:
            status, detail = await self._outcome(self.jobs[run.job])
            # An insert cannot be called back, and a sign of life must not come after the end.
            is_done.set()
            await alive
            run = await self._runs.end(run, status, detail)
            await lease.give_back()
        except Exception:  # Raised again: logged too, as nobody waits for a run in the background.
            log.exception("job_end_not_written", job=run.job, run_id=run.run_id)
            raise
        finally:
            alive.cancel()
            self._busy.discard(run.job)
        return run

    async def _outcome(self, job: Job) -> tuple[RunStatus, str]:
        deadline = asyncio.timeout(self._settings.job_timeout_s)
        try:
            async with deadline:
                detail = await job.work(self._store, self._settings)
        except asyncio.CancelledError:
            return RunStatus.FAILED, "It was stopped before it ended."
        except PlayheadError as error:
            detail = str(error)
        except Exception as error:
            if deadline.expired():
                detail = f"It was given up after {self._settings.job_timeout_s:g} s."
            else:
                log.exception("job_crashed", job=job.name)
                detail = f"{type(error).__name__}: {error}"
        else:
            log.info("job_succeeded", job=job.name, detail=detail)
            return RunStatus.SUCCEEDED, detail
        log.warning("job_failed", job=job.name, detail=detail)
        return RunStatus.FAILED, detail

    async def _stay_alive(self, run: JobRun, lease: Lease, is_done: asyncio.Event) -> None:
        while True:
            try:
                await asyncio.wait_for(is_done.wait(), self._settings.job_lease_s / _SIGNS_OF_LIFE)
            except TimeoutError:
                await self._give_sign(run, lease)
            else:
                return

    async def _give_sign(self, run: JobRun, lease: Lease) -> None:
        try:
            await lease.renew()
            await self._runs.note_alive(run)
        except StoreError as error:
            log.warning("job_heartbeat_failed", job=run.job, run_id=run.run_id, error=str(error))
