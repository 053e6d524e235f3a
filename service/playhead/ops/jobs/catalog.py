"""The jobs there are."""

from collections.abc import Awaitable, Callable

from playhead.errors import JobError
from playhead.ops.jobs.job import Job
from playhead.rollup.changed_days import note_lately_changed_days
from playhead.rollup.dbt import DbtResult, run_dbt
from playhead.rollup.drift import check_drift
from playhead.rollup.refresh import refresh_sessions
from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.tables import forget_first_clients

RunDbt = Callable[..., Awaitable[DbtResult]]
"""As `rollup.dbt.run_dbt`."""


async def refresh(store: Store, settings: Settings) -> str:
    """Refold the sessions that changed; returns how many."""
    return f"{await refresh_sessions(store, settings)} sessions refolded"


async def aggregate(store: Store, settings: Settings, run: RunDbt = run_dbt) -> str:
    """Refold the sessions that changed, then build the marts that changed by dbt (`playhead dbt build` tests them too).

    What is only of use to batches that may still come is forgotten first, where it is too old for that.

    Returns dbt's own summary; raises JobError with the end of what dbt printed where it failed.
    """
    refolded = await refresh(store, settings)
    await note_lately_changed_days(store)
    await forget_first_clients(store, settings)
    result = await run(settings, ["run"], database=store.database)
    if result.status:
        raise JobError(f"dbt ended with status {result.status}:\n{result.output.strip()}")
    return f"{refolded}; dbt: {_last_line(result.output)}"


def _last_line(output: str) -> str:
    """Return what dbt says of the whole run, without the time before it."""
    line = output.strip().rpartition("\n")[2]
    return line.partition("  ")[2] or line


async def drift_check(store: Store, settings: Settings) -> str:
    """Compare closed days with what they come from; returns what was found, which is no failure of the job."""
    return (await check_drift(store, settings)).summary


JOBS = (
    Job(
        name="refresh",
        purpose="Refold the sessions that changed, as the service does all the time.",
        work=refresh,
        cron_of=lambda settings: settings.refresh_cron,
    ),
    Job(
        name="aggregate",
        purpose="Refresh, then bring the marts up to date by dbt.",
        work=aggregate,
        cron_of=lambda settings: settings.aggregate_cron,
    ),
    Job(
        name="drift-check",
        purpose="Compare a sample of closed days with what comes out when they are worked out anew.",
        work=drift_check,
        cron_of=lambda settings: settings.drift_check_cron,
    ),
)
