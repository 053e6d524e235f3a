"""The `playhead` command."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from playhead import __version__
from playhead.errors import JobError, PlayheadError
from playhead.ingest.kept_letters import LetterFilter, fetch_letters
from playhead.ingest.letter_replay import replay_letters
from playhead.launch import configure_logging, open_store, reach_store, serve
from playhead.ops import doctor
from playhead.ops.jobs.catalog import JOBS
from playhead.ops.jobs.runner import JobRunner
from playhead.ops.jobs.runs import RunStatus, Trigger
from playhead.rollup.dbt import show_dbt
from playhead.serve.registry import is_registered
from playhead.settings import describe_settings, load_settings, secrets_of
from playhead.simulate import command as simulate_command
from playhead.store.contract import Store
from playhead.store.prepare import plan_everywhere, prepare


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 fine, 1 it failed, 2 it was called wrongly."""
    parsed = _parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
    except PlayheadError as error:
        print(f"playhead: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="playhead", description="Video-player analytics on ClickHouse.")
    parser.add_argument("--version", action="version", version=f"playhead {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("serve", help="run the service").set_defaults(run=_serve)
    migrate = commands.add_parser("migrate", help="bring the database's schema up to date")
    migrate.add_argument("--plan", action="store_true", help="only say what would be applied")
    migrate.set_defaults(run=lambda parsed: asyncio.run(_migrate(plan_only=parsed.plan)))
    # All that follows is dbt's, options and a leading --help too: no character here begins an option.
    dbt = commands.add_parser("dbt", help="run dbt on the configured engine", prefix_chars="\0", add_help=False)
    dbt.add_argument("arguments", nargs="*", metavar="ARGS")
    dbt.set_defaults(run=lambda parsed: asyncio.run(_dbt(parsed.arguments)))
    _add_job_commands(commands.add_parser("job", help="run a job, or list them"))
    _add_letter_commands(commands.add_parser("dead-letter", help="list refused events, or take them again"))
    check = commands.add_parser("doctor", help="check the database, the disk and the spool; exit status 1 on a failure")
    check.add_argument("--json", action="store_true", help="as JSON")
    check.set_defaults(run=lambda parsed: asyncio.run(_examine(as_json=parsed.json)))
    commands.add_parser("settings", help="list every setting").set_defaults(run=_list_settings)
    simulate = commands.add_parser("simulate", help="send the events of simulated viewers")
    simulate_command.add_arguments(simulate)
    simulate.set_defaults(run=simulate_command.run)
    return parser


def _add_job_commands(job: argparse.ArgumentParser) -> None:
    actions = job.add_subparsers(required=True, metavar="ACTION")
    run = actions.add_parser("run", help="run a job and wait for its end; exit status 1 when it fails or runs already")
    run.add_argument("name", choices=[known.name for known in JOBS])
    run.set_defaults(run=lambda parsed: asyncio.run(_run_job(parsed.name)))
    actions.add_parser("list", help="list the jobs and when they run").set_defaults(run=_list_jobs)


def _add_letter_commands(letter: argparse.ArgumentParser) -> None:
    actions = letter.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser("list", help="list refused events, the newest first")
    show.set_defaults(run=lambda parsed: asyncio.run(_list_letters(parsed)))
    replay = actions.add_parser("replay", help="take refused events again; what was taken before changes nothing")
    replay.set_defaults(run=lambda parsed: asyncio.run(_replay_letters(parsed)))
    for action, limit in ((show, 50), (replay, 10_000)):
        action.add_argument("--reason", default="", help="only of this reason: too_old, unknown_stream, ...")
        action.add_argument("--protocol", default="", help="only of this protocol")
        action.add_argument("--stream", default="", metavar="ID", help="only of this stream")
        action.add_argument("--hours", type=float, default=24 * 7, help="only of the last so many hours (default: 168)")
        action.add_argument("--limit", type=int, default=limit, help=f"at most so many (default: {limit})")


def _wanted(parsed: argparse.Namespace) -> LetterFilter:
    since_ms = time.time_ns() // 1_000_000 - int(parsed.hours * 3_600_000)
    return LetterFilter(
        reason=parsed.reason, protocol=parsed.protocol, stream_id=parsed.stream, since_ms=max(since_ms, 0)
    )


async def _list_letters(parsed: argparse.Namespace) -> int:
    async with reach_store(load_settings()) as (reached, store):
        await prepare(store, reached)
        for letter in await fetch_letters(store, _wanted(parsed), max(parsed.limit, 1)):
            print(letter.line)
    return 0


async def _replay_letters(parsed: argparse.Namespace) -> int:
    settings = load_settings()
    configure_logging(settings.log_level, secrets_of(settings))
    async with reach_store(settings) as (reached, store):
        await prepare(store, reached)
        report = await replay_letters(
            store,
            reached,
            _wanted(parsed),
            max(parsed.limit, 1),
            is_known_stream=lambda stream_id: is_registered(store, stream_id),
        )
    print("\n".join(report.lines))
    return 0


def _serve(_: argparse.Namespace) -> int:
    serve(load_settings())
    return 0


def _list_settings(_: argparse.Namespace) -> int:
    print(describe_settings(load_settings()))
    return 0


async def _migrate(*, plan_only: bool) -> int:
    settings = load_settings()
    store = open_store(settings)
    try:
        todo = await (plan_everywhere(store) if plan_only else prepare(store, settings))
    finally:
        await store.close()
    verb = "would apply" if plan_only else "applied"
    for migration in todo:
        print(f"{verb} {migration.number:04} {migration.name}")
    if not todo:
        print("the schema is up to date")
    return 0


async def _dbt(arguments: Sequence[str]) -> int:
    async with reach_store(load_settings()) as (reached, store):
        await prepare(store, reached)
        return await show_dbt(reached, arguments)


async def _examine(*, as_json: bool) -> int:
    settings = load_settings()
    async with AsyncExitStack() as opened:

        async def open_one() -> Store:
            return (await opened.enter_async_context(reach_store(settings)))[1]

        findings = await doctor.examine(open_one, settings)
    print(doctor.as_json(findings) if as_json else doctor.as_text(findings))
    return int(any(finding.status == "fail" for finding in findings))


def _list_jobs(_: argparse.Namespace) -> int:
    settings = load_settings()
    for job in JOBS:
        print(f"{job.name:<12} {job.cron_of(settings):<14} {job.purpose}")
    if not settings.scheduler:
        print("The scheduler is off (PLAYHEAD_SCHEDULER=0): jobs run only when asked.")
    return 0


async def _run_job(name: str) -> int:
    settings = load_settings()
    configure_logging(settings.log_level, secrets_of(settings))
    async with reach_store(settings) as (reached, store):
        await prepare(store, reached)
        job = asyncio.create_task(JobRunner(store, reached, JOBS).run(name, Trigger.COMMAND))
        # As Ctrl-C: the job is given up in order, and its run is written down as failed.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, job.cancel)
        run = await job
    if run.status != RunStatus.SUCCEEDED:
        raise JobError(f"the job {name} failed: {run.detail}")
    print(run.detail)
    return 0
