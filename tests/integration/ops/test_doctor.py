"""`playhead doctor` on both engines: what is well, what is not, and what to do."""

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from playhead.errors import StoreUnavailableError
from playhead.ops.doctor import Finding, as_text, examine
from playhead.ops.jobs.runs import JobRuns, RunStatus, Trigger
from playhead.rollup.refresh import refresh_sessions
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from playhead.store.contract import Store
from playhead.store.tables import fit_tables
from tests.servers.service_process import SERVICE_SOURCES

pytestmark = pytest.mark.anyio

COMMAND = "import sys; from playhead.cli import main; sys.exit(main(['doctor', *sys.argv[1:]]))"


def opens(store: ClientStore) -> Callable[[], Awaitable[Store]]:
    """Return what gives the store."""

    async def open_store() -> Store:
        return store

    return open_store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with a data folder of their own."""
    return Settings(data_dir=str(tmp_path))


def found(findings: list[Finding], check: str) -> Finding:
    """Return the first finding of a check that is not ok, else any."""
    of_check = [finding for finding in findings if finding.check == check]
    return next((finding for finding in of_check if finding.status != "ok"), of_check[0])


async def test_a_service_in_order_is_said_to_be(store: ClientStore, settings: Settings) -> None:
    """Every line is ok, but for the disk of this machine."""
    await fit_tables(store, settings)
    await refresh_sessions(store, settings)
    findings = await examine(opens(store), settings)
    assert [finding for finding in findings if finding.status != "ok" and finding.check != "disk"] == []
    assert {"database", "clocks", "schema", "spool", "retention", "freshness", "drift"} <= {
        finding.check for finding in findings
    }
    assert as_text(findings).count("\n") >= len(findings) - 1


async def test_what_is_wrong_comes_with_advice(store: ClientStore, settings: Settings) -> None:
    """Another retention, a failed job, records set aside."""
    await fit_tables(store, settings)
    runs = JobRuns(store, 60_000)
    run = await runs.begin("aggregate", str(uuid4()), Trigger.COMMAND)
    await runs.end(run, RunStatus.FAILED, "no luck")
    aside = Path(settings.data_dir) / "spool" / "0" / "set-aside"
    aside.mkdir(parents=True)
    (aside / "1.damaged").write_bytes(b"x")
    (aside.parent / "1-.segment").write_bytes(b"xyz")
    findings = await examine(opens(store), msgspec.structs.replace(settings, retention_days=123))
    for check in ("retention", "jobs", "spool"):
        assert (found(findings, check).status, bool(found(findings, check).advice)) == ("warn", True)
    await store.execute("TRUNCATE TABLE job_runs")


async def test_less_room_than_the_engine_needs_is_a_failure(store: ClientStore, settings: Settings) -> None:
    """Then it is given nothing to write; the disk of a server is the server's."""
    needs_much = msgspec.structs.replace(settings, min_free_disk_bytes=2**62)
    assert found(await examine(opens(store), needs_much), "disk").status == "fail"
    of_server = msgspec.structs.replace(needs_much, clickhouse_url="http://127.0.0.1:1/none")
    disks = [finding for finding in await examine(opens(store), of_server) if settings.data_dir in finding.detail]
    assert [finding.status for finding in disks if finding.check == "disk"] != ["fail"]


async def test_a_database_that_is_away_is_a_finding(settings: Settings) -> None:
    """What can be looked at without it is."""

    async def open_store() -> Store:
        raise StoreUnavailableError("nobody listens")

    findings = await examine(open_store, settings)
    assert (findings[0].check, findings[0].status, findings[0].detail) == ("database", "fail", "nobody listens")
    assert {"disk", "spool"} <= {finding.check for finding in findings}


def test_the_command_tells_and_fails(tmp_path: Path) -> None:
    """`playhead doctor` has a line for each finding, or all as JSON, and ends with 1 where anything failed."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PLAYHEAD_")}
    settings = {"PLAYHEAD_CLICKHOUSE_URL": "http://127.0.0.1:1/none", "PLAYHEAD_DATA_DIR": str(tmp_path)}
    environment = own | {"PYTHONPATH": str(SERVICE_SOURCES)} | settings
    text, as_json = [
        subprocess.run(
            [sys.executable, "-c", COMMAND, *arguments],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )
        for arguments in ((), ("--json",))
    ]  # fmt: skip
    assert (text.returncode, as_json.returncode) == (1, 1), text.stderr
    findings = json.loads(as_json.stdout)
    assert (findings[0]["check"], findings[0]["status"]) == ("database", "fail")
    assert all(finding["check"] in text.stdout for finding in findings)
    assert "-> Start it, or mend PLAYHEAD_CLICKHOUSE_URL" in text.stdout
