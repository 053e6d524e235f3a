"""The table of runs: who did what job when, and how it ended."""

import os
import socket
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from playhead.store.contract import Store
from playhead.store.sql_files import query

MAX_DETAIL = 2000
"""Characters of a summary that are kept: of one that is longer, the last."""

_DIED = "It died: no sign of life for as long as its lease."


class Trigger(StrEnum):
    """What made a job run."""

    SCHEDULE = "schedule"
    API = "api"
    COMMAND = "command"


class RunStatus(StrEnum):
    """How a run is; one that died is failed."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class JobRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job; instants are the database's, in ms."""

    run_id: str
    job: str
    trigger: Annotated[Trigger, msgspec.Meta(description="What made it run.")]
    host: Annotated[str, msgspec.Meta(description="The machine it runs on.")]
    pid: Annotated[int, msgspec.Meta(description="The process it runs in.")]
    started_at: int
    heartbeat_at: Annotated[int, msgspec.Meta(description="Its last sign of life.")]
    finished_at: Annotated[int | None, msgspec.Meta(description="Of one that died: its last sign of life.")]
    status: RunStatus
    detail: Annotated[str, msgspec.Meta(description="What it did, or why it failed, in a sentence.")]


class JobRuns:
    """Writes and reads job_runs; a run is written anew, whole, whenever something of it changes."""

    def __init__(self, store: Store, lease_ms: int) -> None:
        self._store = store
        self._lease_ms = lease_ms

    async def begin(self, job: str, run_id: str, trigger: Trigger) -> JobRun:
        """Write a new run down, and that those of the job which died have failed; return it."""
        await self._store.execute(query("fail_dead_job_runs"), {"job": job, "detail": _DIED})
        row = {"job": job, "run_id": run_id, "trigger": trigger, "host": socket.gethostname(), "pid": os.getpid()}
        await self._write(row | {"status": RunStatus.RUNNING})
        return await self._fetch_one(job, run_id)

    async def note_alive(self, run: JobRun) -> None:
        """Give a sign of life."""
        await self._write(_row_of(run))

    async def end(self, run: JobRun, status: RunStatus, detail: str) -> JobRun:
        """Write down how the run ended, and return it so."""
        await self._write(_row_of(run) | {"status": status, "detail": detail[-MAX_DETAIL:]})
        return await self._fetch_one(run.job, run.run_id)

    async def fetch(self, *, job: str = "", per_job: int = 20) -> list[JobRun]:
        """Return the last runs of `job`, or of each, newest first."""
        asked = {"job": job, "runs_per_job": per_job, "detail_of_dead": _DIED}
        return await self._store.fetch(query("job_runs"), JobRun, asked)

    async def _fetch_one(self, job: str, run_id: str) -> JobRun:
        return next(run for run in await self.fetch(job=job) if run.run_id == run_id)

    async def _write(self, row: dict[str, object]) -> None:
        columns = [*row, "lease_ms"]
        await self._store.insert("job_runs", columns, msgspec.json.encode([*row.values(), self._lease_ms]) + b"\n")


def _row_of(run: JobRun) -> dict[str, object]:
    """Return what stays of a run; its heartbeat and its end are the instant at which a row is written."""
    row = msgspec.structs.asdict(run)
    started_at = datetime.fromtimestamp(run.started_at / 1000, UTC).isoformat(timespec="milliseconds")
    return {name: row[name] for name in ("job", "run_id", "trigger", "host", "pid", "status", "detail")} | {
        "started_at": started_at
    }
