"""Starts jobs by the clock."""

from collections.abc import Mapping

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from playhead.cron import parse_cron
from playhead.errors import ConflictError, PlayheadError
from playhead.ops.jobs.runner import JobRunner
from playhead.ops.jobs.runs import Trigger
from playhead.settings import Settings

log = structlog.get_logger()

Triggers = Mapping[str, BaseTrigger]
"""When to run a job, by its name."""


def cron_triggers(runner: JobRunner, settings: Settings) -> Triggers:
    """Return the triggers of the settings' cron expressions; none where the scheduler is off."""
    crons = {name: parse_cron(runner.schedule_of(name)) for name in runner.jobs if settings.scheduler}
    return {name: trigger for name, trigger in crons.items() if trigger is not None}


class Scheduler:
    """Starts the runner's jobs when their triggers fire, between `start` and `stop`.

    Every worker has one, at the same clock: the first to take the lease runs the job, the others pass.
    """

    def __init__(self, runner: JobRunner, triggers: Triggers) -> None:
        self._runner = runner
        self._triggers = triggers
        self._scheduler = AsyncIOScheduler()

    def start(self) -> None:
        """Begin; a time that was missed while the process was busy or suspended is made up for, once."""
        for name, trigger in self._triggers.items():
            self._scheduler.add_job(
                self._fire, trigger, args=[name], id=name, misfire_grace_time=None, coalesce=True, max_instances=1
            )
        self._scheduler.start()

    def stop(self) -> None:
        """End; what runs already is the runner's."""
        self._scheduler.shutdown(wait=False)

    def next_run_at(self, name: str) -> int | None:
        """Return when the job runs next, in ms; None where nothing is planned."""
        planned = self._scheduler.get_job(name)
        return planned and int(planned.next_run_time.timestamp() * 1000)

    async def _fire(self, name: str) -> None:
        try:
            await self._runner.start(name, Trigger.SCHEDULE)
        except ConflictError as error:
            log.debug("job_passed", job=name, reason=str(error))
        except PlayheadError as error:
            log.warning("job_not_started", job=name, error=str(error))
        except Exception:  # The next time it may do.
            log.exception("job_not_started", job=name)
