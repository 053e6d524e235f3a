"""Which server the tests take, in what order."""

from pathlib import Path

import pytest

from tests.requirements import REQUIRE_VARIABLE
from tests.servers import choose
from tests.servers.choose import ForeignServer, choose_server, need_server
from tests.servers.clickhouse_docker import ClickHouseDocker
from tests.servers.clickhouse_process import ClickHouseProcess
from tests.servers.errors import ServerMissingError

URL = "http://me:secret@db:8123/mine"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return a machine without Docker that has the library."""
    monkeypatch.setattr(choose, "is_docker_there", lambda: False)
    monkeypatch.setattr(choose, "find_library", lambda: Path("libchdb.so"))
    return monkeypatch


def test_a_given_url_goes_first(machine: pytest.MonkeyPatch) -> None:
    """PLAYHEAD_TEST_CLICKHOUSE_URL is taken even where Docker is there."""
    machine.setattr(choose, "is_docker_there", lambda: True)
    server = choose_server(Path(), {"PLAYHEAD_TEST_CLICKHOUSE_URL": URL})
    assert [server.url(), server.url("other")] == [URL, "http://me:secret@db:8123/other"]


def test_docker_goes_before_the_process(machine: pytest.MonkeyPatch) -> None:
    """Where a daemon answers, the server comes from the official image."""
    machine.setattr(choose, "is_docker_there", lambda: True)
    assert isinstance(choose_server(Path(), {}), ClickHouseDocker)


def test_the_process_is_the_last_resort(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without URL and Docker it is a process of our own."""
    server = choose_server(tmp_path, {})
    server.stop()
    assert isinstance(server, ClickHouseProcess)


def test_a_machine_without_any_skips(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where none of the three is to be had, the test is skipped with the reason."""

    def find_none() -> Path:
        raise ServerMissingError("npm, to get the server")

    machine.setattr(choose, "find_library", find_none)
    machine.delenv(choose.URL_VARIABLE, raising=False)
    machine.delenv(REQUIRE_VARIABLE, raising=False)
    # Nothing is skipped: that it would be is what is looked at.
    with pytest.raises(pytest.skip.Exception, match="needs npm, to get the server"):
        need_server(tmp_path)


def test_a_foreign_server_is_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that kills its server is skipped where the server is someone else's."""
    monkeypatch.delenv(REQUIRE_VARIABLE, raising=False)
    # Nothing is skipped: that it would be is what is looked at.
    with pytest.raises(pytest.skip.Exception, match="may be killed"):
        ForeignServer(URL).restart()
