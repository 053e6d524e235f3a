"""How dbt is run: what it is told, what it is not told, and that it ends when it must."""

import asyncio
import os
from pathlib import Path

import pytest

from playhead.errors import JobError
from playhead.rollup import dbt
from playhead.rollup.dbt import dbt_environment, run_dbt
from playhead.settings import Settings
from playhead.store.server import read_server_address

pytestmark = pytest.mark.anyio

SETTINGS = Settings(clickhouse_url="https://reader:s%3Acret@db.example:8443/analytics", job_timeout_s=30)


def use_script(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Run `script` in place of dbt."""
    monkeypatch.setattr(dbt, "_MAIN", script)


def is_running(pid: str) -> bool:
    """Tell whether there is a process of that id."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return True


def test_dbt_is_told_where_the_engine_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The address and the password go by environment; of the service's settings nothing does."""
    monkeypatch.setenv("PLAYHEAD_ADMIN_KEY", "a secret")
    monkeypatch.setenv("DBT_TARGET", "elsewhere")
    environment = dbt_environment(SETTINGS, read_server_address(SETTINGS.clickhouse_url), tmp_path)
    assert environment["DBT_PLAYHEAD_HOST"] == "db.example"
    assert environment["DBT_PLAYHEAD_PORT"] == "8443"
    assert environment["DBT_PLAYHEAD_SECURE"] == "True"
    assert environment["DBT_PLAYHEAD_DATABASE"] == "analytics"
    assert environment["DBT_ENV_SECRET_PLAYHEAD_PASSWORD"] == "s:cret"
    assert environment["DBT_PLAYHEAD_CLUSTER"] == ""
    assert not {"PLAYHEAD_ADMIN_KEY", "DBT_TARGET"} & environment.keys()


async def test_status_and_output_are_returned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run that fails gives its exit status and the end of what it printed, with what went to standard error."""
    use_script(monkeypatch, "import sys; print(*sys.argv[1:], file=sys.stderr); print('x' * 100_000); sys.exit(2)")
    settings = Settings(clickhouse_url=SETTINGS.clickhouse_url, data_dir=str(tmp_path))
    result = await run_dbt(settings, ["build", "--select", "x"])
    assert result.status == 2
    assert result.output.endswith("x\n")
    assert len(result.output) <= 64 * 1024


async def test_a_run_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After the job's time dbt is gone and the job has failed."""
    started = tmp_path / "pid"
    use_script(monkeypatch, f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    settings = Settings(clickhouse_url=SETTINGS.clickhouse_url, data_dir=str(tmp_path), job_timeout_s=3)
    with pytest.raises(JobError, match="longer than 3 s"):
        await run_dbt(settings, ["build"])
    assert not is_running(started.read_text())


async def test_cancelling_ends_dbt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Giving up the job leaves no process behind."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    use_script(monkeypatch, f"import os, time; open({str(pipe)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    settings = Settings(clickhouse_url=SETTINGS.clickhouse_url, data_dir=str(tmp_path))
    run = asyncio.create_task(run_dbt(settings, ["build"]))
    pid = await asyncio.to_thread(pipe.read_text)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not is_running(pid)
