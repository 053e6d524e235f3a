"""`playhead job` as its users call it, with and without a service on the same engine."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.servers.choose import need_server_process
from tests.servers.service_process import SERVICE_SOURCES, ServiceProcess

COMMAND = "import sys; from playhead.cli import main; sys.exit(main(['job', *sys.argv[1:]]))"


def call(settings: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return how `playhead job ARGUMENTS` ended."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PLAYHEAD_")}
    environment = own | {"PYTHONPATH": str(SERVICE_SOURCES)} | dict(settings)
    command = [sys.executable, "-c", COMMAND, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module", params=["embedded", "server"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """Give a running service on each engine."""
    folder = tmp_path_factory.mktemp("service")
    if request.param == "embedded":
        with ServiceProcess(folder) as running:
            yield running
        return
    with (
        need_server_process(folder / "clickhouse") as server,
        ServiceProcess(folder, {"PLAYHEAD_CLICKHOUSE_URL": server.url()}) as running,
    ):
        yield running


def test_a_job_runs_beside_the_service(service: ServiceProcess) -> None:
    """It works on the service's engine, prints what it did, and the service lists it as a run of the command."""
    done = call(service.settings, "run", "refresh")
    assert (done.returncode, done.stdout) == (0, "0 sessions refolded\n"), done.stderr
    items = service.admin("/admin/jobs").json()["items"]
    [run] = next(item for item in items if item["name"] == "refresh")["last_runs"]
    assert (run["trigger"], run["status"], run["detail"]) == ("command", "succeeded", "0 sessions refolded")


def test_a_job_runs_without_a_service(tmp_path: Path) -> None:
    """On a folder where nothing ever was, the schema is made first."""
    done = call({"PLAYHEAD_DATA_DIR": str(tmp_path)}, "run", "refresh")
    assert (done.returncode, done.stdout) == (0, "0 sessions refolded\n"), done.stderr


def test_a_job_that_cannot_be_done_is_status_1(tmp_path: Path) -> None:
    """Why is told on standard error."""
    done = call({"PLAYHEAD_CLICKHOUSE_URL": "http://127.0.0.1:1/none"}, "run", "refresh")
    assert (done.returncode, done.stdout) == (1, "")
    assert "playhead: " in done.stderr


def test_an_unknown_job_is_a_wrong_call() -> None:
    """The jobs there are get listed, and nothing is opened."""
    done = call({}, "run", "unknown")
    assert done.returncode == 2
    assert "refresh" in done.stderr


def test_the_jobs_are_listed() -> None:
    """Each with its schedule, without asking the database."""
    settings = {"PLAYHEAD_AGGREGATE_CRON": "5 * * * *", "PLAYHEAD_SCHEDULER": "0", "PLAYHEAD_DATA_DIR": "/nowhere"}
    done = call(settings, "list")
    assert done.returncode == 0
    assert "aggregate    5 * * * *      Refresh, then" in done.stdout
    assert "The scheduler is off" in done.stdout
