"""The admin API's jobs: what runs when, what became of it, and a run at once; for keys of the platform."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter

from playhead.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    StoreUnavailableError,
    UnauthorizedError,
)
from playhead.ops.auth import Caller
from playhead.ops.jobs.runner import JobRunner
from playhead.ops.jobs.runs import JobRun, RunStatus, Trigger
from playhead.ops.jobs.schedule import Scheduler
from playhead.ops.problems import describe_problems

_PROBLEMS = describe_problems(UnauthorizedError, ForbiddenError, StoreUnavailableError)


class JobEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A job, when it runs, and how its last runs went."""

    name: str
    purpose: Annotated[str, msgspec.Meta(description="What it does.")]
    schedule: Annotated[str, msgspec.Meta(description="Its cron expression in UTC, or off.")]
    next_run_at: Annotated[int | None, msgspec.Meta(description="null: it runs only when asked.")]
    running: Annotated[JobRun | None, msgspec.Meta(description="The run under way, in whatever process.")]
    last_runs: Annotated[list[JobRun], msgspec.Meta(description="At most 20, newest first.")]


class JobsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All jobs."""

    items: list[JobEntry]


class StartedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has just begun; how it ends is in the list."""

    run_id: str
    status: RunStatus


@get("/", summary="Jobs and their last runs", operation_id="list_jobs", responses=_PROBLEMS)
async def list_jobs(
    jobs: NamedDependency[JobRunner], scheduler: NamedDependency[Scheduler], caller: NamedDependency[Caller]
) -> JobsAnswer:
    """Return every job with its schedule, its next run and its last ones; a run that died is failed."""
    caller.require_platform()
    runs = await jobs.fetch_runs()
    return JobsAnswer(items=[_entry(name, jobs, scheduler, runs) for name in jobs.jobs])


@post(
    "/{name:str}/run",
    status_code=202,
    summary="Run a job now",
    operation_id="run_job",
    responses=_PROBLEMS | describe_problems(InvalidRequestError, NotFoundError, ConflictError),
)
async def run_job(
    jobs: NamedDependency[JobRunner],
    caller: NamedDependency[Caller],
    name: Annotated[str, PathParameter(description="The job's name, as the list has it.")],
) -> StartedRun:
    """Begin a run in the background; 409 while the job runs, in this process or another."""
    caller.require_platform()
    run = await jobs.start(name, Trigger.API)
    return StartedRun(run_id=run.run_id, status=run.status)


def _entry(name: str, jobs: JobRunner, scheduler: Scheduler, runs: Iterable[JobRun]) -> JobEntry:
    own = [run for run in runs if run.job == name]
    return JobEntry(
        name=name,
        purpose=jobs.jobs[name].purpose,
        schedule=jobs.schedule_of(name),
        next_run_at=scheduler.next_run_at(name),
        running=next((run for run in own if run.status == RunStatus.RUNNING), None),
        last_runs=own,
    )


def jobs_router() -> Router:
    """Return the routes below /jobs."""
    return Router("/jobs", route_handlers=[list_jobs, run_job], tags=["jobs"])
