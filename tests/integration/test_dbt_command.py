"""`playhead dbt ARGS`: the arguments, the output and the exit status are dbt's."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from playhead.cli import main
from playhead.rollup import dbt
from playhead.settings import Settings
from tests.servers.clickhouse_http import ask

FAKE_DBT = """
import os, sys
print(sys.argv[1:], os.environ["DBT_PLAYHEAD_DATABASE"], os.environ["DBT_TARGET_PATH"])
sys.exit(7)
"""


@pytest.fixture(params=["embedded", "server"])
def database(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, embedded_settings: Settings
) -> Iterator[str]:
    """Configure an engine by environment, and give the database that the command works on."""
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", embedded_settings.data_dir)
    monkeypatch.setenv("PLAYHEAD_SQL_PORT", "0")
    if request.param == "embedded":
        yield "playhead"
        return
    server = request.getfixturevalue("clickhouse_server")
    database = f"test_{uuid4().hex}"
    ask(server.url(), f"CREATE DATABASE {database}")
    monkeypatch.setenv("PLAYHEAD_CLICKHOUSE_URL", server.url(database))
    yield database
    ask(server.url(), f"DROP DATABASE {database}")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["run", "-s", "stream_daily", "--full-refresh"]])
def test_what_follows_is_dbts(
    database: str,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    embedded_settings: Settings,
) -> None:
    """Options go through whatever their name, on the configured engine; what dbt writes is below the data folder."""
    monkeypatch.setattr(dbt, "_MAIN", FAKE_DBT)
    assert main(["dbt", *arguments]) == 7
    assert capfd.readouterr().out.strip() == f"{arguments} {database} {embedded_settings.data_dir}/dbt/target"
