"""`playhead doctor`: looks at everything an operator would look at, and says what to do."""

import itertools
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Literal

import msgspec

from playhead.errors import PlayheadError, StoreError
from playhead.ops.grants import check_grants, find_views_that_ask_for_rights, users_without_password
from playhead.ops.jobs.runs import RunStatus
from playhead.ops.metric_families import JobOutcome
from playhead.rollup.drift_checks import fetch_last_check
from playhead.rollup.refresh import read_refresh_state
from playhead.settings import Settings
from playhead.store.cluster import nodes_of
from playhead.store.contract import Store
from playhead.store.prepare import plan_everywhere
from playhead.store.sql_files import query
from playhead.store.tables import KEPT_BY

OLDEST_VERSION = (26, 7)
"""The oldest ClickHouse that the tests run on."""

SKEW_WARNING_S = 2.0
SKEW_FAILURE_S = 30.0
FRESHNESS_WARNING_S = 60.0
PARTS_WARNING = 150
PARTS_FAILURE = 1000
"""Of one partition; ClickHouse delays inserts from 1000 and refuses them from 3000."""

FREE_WARNING = 0.1
FREE_FAILURE = 0.02

Status = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found; `advice` says what to do, "" when all is well."""

    check: str
    status: Status
    detail: str
    advice: str = ""

    def line(self) -> str:
        """Return it for a terminal."""
        return f"{self.status:<5} {self.check:<11} {self.detail}" + (
            f"\n{'':18}-> {self.advice}" if self.advice else ""
        )


class _Server(msgspec.Struct, frozen=True):
    version: str
    now_s: float


class _Disk(msgspec.Struct, frozen=True):
    name: str
    free: int
    total: int


class _Parts(msgspec.Struct, frozen=True):
    name: str
    most: int


class _BrokenPart(msgspec.Struct, frozen=True):
    name: str


class _Engine(msgspec.Struct, frozen=True):
    name: str
    engine: str


Check = Callable[[Store, Settings], AsyncIterator[Finding]]


async def examine(
    open_store: Callable[[], Awaitable[Store]], settings: Settings, checks: tuple[Check, ...] | None = None
) -> list[Finding]:
    """Return what every check found; a database that does not answer is a finding, and nothing is raised."""
    findings = [*_look_at_disk(settings), *_look_at_spool(settings)]
    try:
        store = await open_store()
    except PlayheadError as error:
        return [_unreachable(error), *findings]
    for check in CHECKS if checks is None else checks:
        try:
            findings += [finding async for finding in check(store, settings)]
        except StoreError as error:
            name = check.__name__.removeprefix("_look_at_")
            if name == "server":
                return [_unreachable(error), *findings]
            advice = "Read the error: a right that is missing, or a table that another version made."
            findings.append(Finding(check=name, status="fail", detail=_first_line(error), advice=advice))
    return findings


def as_text(findings: list[Finding]) -> str:
    """Return findings as lines."""
    return "\n".join(finding.line() for finding in findings)


def as_json(findings: list[Finding]) -> str:
    """Return findings as a JSON list."""
    return json.dumps(msgspec.to_builtins(findings), indent=2)


def _unreachable(error: Exception) -> Finding:
    advice = "Start it, or mend PLAYHEAD_CLICKHOUSE_URL; until then events go to the spool."
    return Finding(check="database", status="fail", detail=_first_line(error), advice=advice)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _judge(value: float, warning: float, failure: float) -> Status:
    return "fail" if value >= failure else "warn" if value >= warning else "ok"


def _look_at_disk(settings: Settings) -> list[Finding]:
    folder = Path(settings.data_dir)
    usage = shutil.disk_usage(folder if folder.exists() else Path())
    needed = 0 if settings.clickhouse_url else settings.min_free_disk_bytes
    return [_disk_finding(f"of {settings.data_dir}", usage.free, usage.total, needed)]


def _disk_finding(name: str, free: int, total: int, needed: int = 0) -> Finding:
    status = _judge(1 - free / total, 1 - FREE_WARNING, 1 - FREE_FAILURE) if total else "ok"
    if free < needed:
        status = "fail"
    advice = "" if status == "ok" else "Make room, or lower PLAYHEAD_RETENTION_DAYS."
    return Finding(
        check="disk", status=status, detail=f"{name}: {free / 2**30:.1f} of {total / 2**30:.1f} GiB free", advice=advice
    )


def _look_at_spool(settings: Settings) -> list[Finding]:
    parent = Path(settings.spool_dir or Path(settings.data_dir) / "spool")
    waiting = list(parent.glob("*/*.segment"))
    aside = list(parent.glob("*/set-aside/*"))
    size = sum(file.stat().st_size for file in waiting)
    findings = []
    if not settings.spool:
        findings.append(
            Finding(check="spool", status="warn", detail="off", advice="PLAYHEAD_SPOOL=1 keeps events in an outage.")
        )
    else:
        status = _judge(size / settings.spool_max_bytes, 1e-12, 0.8)
        advice = "" if status == "ok" else "The database takes nothing, or did until lately."
        detail = f"{size} of {settings.spool_max_bytes} bytes wait in {len(waiting)} files"
        findings.append(Finding(check="spool", status=status, detail=detail, advice=advice))
    if aside:
        advice = "Look at the files in set-aside/ (docs/reliability.md), then move them away."
        findings.append(
            Finding(check="spool", status="warn", detail=f"{len(aside)} records could not be used", advice=advice)
        )
    return findings


async def _look_at_server(store: Store, _: Settings) -> AsyncIterator[Finding]:
    before_s = time.time()
    [server] = await store.fetch("SELECT version() AS version, toFloat64(now64(3)) AS now_s", _Server)
    after_s = time.time()
    numbers = tuple(int(part) for part in server.version.split(".")[:2])
    is_old = numbers < OLDEST_VERSION
    yield Finding(
        check="database",
        status="warn" if is_old else "ok",
        detail=f"ClickHouse {server.version}",
        advice=f"Only {'.'.join(map(str, OLDEST_VERSION))} and later are tested." if is_old else "",
    )
    skew_s = max(before_s - server.now_s, server.now_s - after_s, 0.0)
    status = _judge(skew_s, SKEW_WARNING_S, SKEW_FAILURE_S)
    advice = "" if status == "ok" else "Set both clocks by NTP: freshness and the age of events depend on them."
    yield Finding(check="clocks", status=status, detail=f"{skew_s:.1f} s apart", advice=advice)


async def _look_at_schema(store: Store, _: Settings) -> AsyncIterator[Finding]:
    missing = await plan_everywhere(store)
    yield Finding(
        check="schema",
        status="warn" if missing else "ok",
        detail=f"{len(missing)} migrations to apply" if missing else "up to date",
        advice="Run `playhead migrate`, or start the service, which does it." if missing else "",
    )


async def _look_at_grants(store: Store, settings: Settings) -> AsyncIterator[Finding]:
    for bound in await find_views_that_ask_for_rights(store, settings):
        detail = f"who inserts must be allowed to read, for {bound}"
        advice = "Run `playhead migrate` as the owner, who needs ALLOW SQL SECURITY NONE (docs/server.md)."
        yield Finding(check="grants", status="fail", detail=detail, advice=advice)
    for grants in await check_grants(settings):
        lacking = ", ".join(grants.missing)
        advice = "clickhouse/server/users.d/playhead.xml has the grants of each user (docs/server.md)."
        yield Finding(
            check="grants",
            status="fail" if lacking else "ok",
            detail=f"{grants.user} may not {lacking}" if lacking else f"{grants.user} may do its work",
            advice=f"Grant it, or name another user in {grants.variable}: {advice}" if lacking else "",
        )


async def _look_at_passwords(_: Store, settings: Settings) -> AsyncIterator[Finding]:
    for user in await users_without_password(settings):
        variable = f"{user.upper()}_PASSWORD"
        advice = f"Set {variable} in the environment of the ClickHouse server, and restart it."
        yield Finding(check="passwords", status="fail", detail=f"anybody can sign in as {user}", advice=advice)


async def _look_at_parts(store: Store, _: Settings) -> AsyncIterator[Finding]:
    sql = """
        SELECT concat(table, ' ', partition) AS name, count() AS most FROM system.parts
        WHERE active AND database = {database:String} GROUP BY table, partition ORDER BY most DESC LIMIT 1
    """
    asked = [await node.fetch(sql, _Parts, {"database": node.database}) for node in await nodes_of(store)]
    for parts in sorted(itertools.chain(*asked), key=lambda parts: parts.most)[-1:]:
        status = _judge(parts.most, PARTS_WARNING, PARTS_FAILURE)
        advice = "" if status == "ok" else "Merges fall behind: raise PLAYHEAD_FLUSH_INTERVAL_MS."
        yield Finding(check="parts", status=status, detail=f"at most {parts.most}, in {parts.name}", advice=advice)


async def _look_at_disks(store: Store, _: Settings) -> AsyncIterator[Finding]:
    sql = "SELECT name, free_space AS free, total_space AS total FROM system.disks"
    asked = [await node.fetch(sql, _Disk) for node in await nodes_of(store)]
    for disk in itertools.chain(*asked):
        if 0 < disk.total < 2**62:
            yield _disk_finding(f"of the database, {disk.name}", disk.free, disk.total)


async def _look_at_broken_parts(store: Store, settings: Settings) -> AsyncIterator[Finding]:
    if settings.clickhouse_url:
        return
    sql = "SELECT concat(table, ' ', name) AS name FROM system.detached_parts WHERE startsWith(reason, 'broken')"
    if parts := await store.fetch(sql, _BrokenPart):
        yield Finding(
            check="parts",
            status="warn",
            detail=f"{len(parts)} were broken and are set aside: {', '.join(part.name for part in parts[:5])}",
            advice="See docs/reliability.md, and let `playhead job run drift-check` tell whether figures agree.",
        )


async def _look_at_retention(store: Store, settings: Settings) -> AsyncIterator[Finding]:
    sql = "SELECT name, engine_full AS engine FROM system.tables WHERE database = {database:String}"
    asked = [await node.fetch(sql, _Engine, {"database": node.database}) for node in await nodes_of(store)]
    ages = {name: f"TTL {column} + toIntervalDay({settings.retention_days})" for name, column in KEPT_BY.items()}
    otherwise = {row.name for row in itertools.chain(*asked) if row.name in ages and ages[row.name] not in row.engine}
    other = [name for name in KEPT_BY if name in otherwise]
    yield Finding(
        check="retention",
        status="warn" if other else "ok",
        detail=f"not {settings.retention_days} days in {', '.join(other)}"
        if other
        else f"{settings.retention_days} days",
        advice="Start the service with PLAYHEAD_RETENTION_DAYS as it should be: it sets the tables' TTL."
        if other
        else "",
    )


async def _look_at_freshness(store: Store, _: Settings) -> AsyncIterator[Finding]:
    freshness_s = (await read_refresh_state(store)).freshness_s
    if freshness_s is None:
        yield Finding(check="freshness", status="warn", detail="never refreshed", advice="Start the service.")
        return
    is_late = freshness_s > FRESHNESS_WARNING_S
    advice = (
        "Is the service running, and are its queries fast enough? `playhead job run refresh` does a round." * is_late
    )
    yield Finding(
        check="freshness",
        status="warn" if is_late else "ok",
        detail=f"sessions are {freshness_s:.0f} s old",
        advice=advice,
    )


async def _look_at_jobs(store: Store, _: Settings) -> AsyncIterator[Finding]:
    for job in await store.fetch(query("job_outcomes"), JobOutcome):
        has_failed = job.last_status == RunStatus.FAILED
        advice = f"See `detail` in /admin/jobs, then `playhead job run {job.name}`." if has_failed else ""
        yield Finding(
            check="jobs", status="warn" if has_failed else "ok", detail=f"{job.name}: {job.last_status}", advice=advice
        )


async def _look_at_drift(store: Store, _: Settings) -> AsyncIterator[Finding]:
    status = (await fetch_last_check(store)).status
    advice = "Read /admin/drift; `playhead dbt build --full-refresh` works everything out anew."
    yield Finding(
        check="drift",
        status="fail" if status == "drifted" else "ok",
        detail=status,
        advice=advice if status == "drifted" else "",
    )


CHECKS: tuple[Check, ...] = (
    _look_at_server,
    _look_at_schema,
    _look_at_grants,
    _look_at_passwords,
    _look_at_disks,
    _look_at_parts,
    _look_at_broken_parts,
    _look_at_retention,
    _look_at_freshness,
    _look_at_jobs,
    _look_at_drift,
)
