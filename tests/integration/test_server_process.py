"""The test server is a real ClickHouse: it keeps users apart, survives kill -9 and forms a cluster."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
import httpx
import pytest

from tests.requirements import need
from tests.servers.choose import need_server_process
from tests.servers.clickhouse_config import ServerUser
from tests.servers.clickhouse_http import ask
from tests.servers.clickhouse_process import OWNER, ClickHouseProcess

READER = ServerUser("reader", "only <reads>", ("GRANT SELECT ON playhead.*",))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    """Give a running server with a second user who may only read."""
    with need_server_process(tmp_path_factory.mktemp("clickhouse"), users=[READER]) as process:
        yield process


def test_the_owner_signs_in_by_url(server: ClickHouseProcess) -> None:
    """The URL's user and database are those a query runs with."""
    assert ask(server.url(), "SELECT currentUser(), currentDatabase()") == "playhead\tplayhead"


@pytest.mark.parametrize("user", [ServerUser("playhead", "wrong"), ServerUser("nobody", ""), ServerUser("reader", "")])
def test_wrong_passwords_are_refused(server: ClickHouseProcess, user: ServerUser) -> None:
    """Neither a wrong password nor an unknown user gets in."""
    with pytest.raises(httpx.HTTPStatusError, match="AUTHENTICATION_FAILED"):
        ask(server.url(user=user), "SELECT 1")


def test_nobody_in_particular_can_read_nothing(server: ClickHouseProcess) -> None:
    """Without a name one is the user that the server needs for itself, who may not read."""
    ask(server.url(), "SYSTEM FLUSH LOGS query_log")  # Before the first flush there is nothing to be refused.
    with pytest.raises(httpx.HTTPStatusError, match="ACCESS_DENIED"):
        ask(f"http://127.0.0.1:{server.http_port}/system", "SELECT count() FROM query_log")


def test_a_second_user_has_its_grants_and_no_more(server: ClickHouseProcess) -> None:
    """A user with SELECT reads and cannot write."""
    ask(server.url(), "CREATE TABLE shelf (n UInt8) ENGINE = MergeTree ORDER BY n AS SELECT 7")
    assert ask(server.url(user=READER), "SELECT n FROM shelf") == "7"
    with pytest.raises(httpx.HTTPStatusError, match="ACCESS_DENIED"):
        ask(server.url(user=READER), "INSERT INTO shelf VALUES (8)")


def test_queries_are_logged(server: ClickHouseProcess) -> None:
    """query_log tells what was asked, as on any server."""
    ask(server.url(), "SELECT 'a question to be found again'")
    ask(server.url(), "SYSTEM FLUSH LOGS query_log")
    asked = "SELECT count() FROM system.query_log WHERE type = 'QueryFinish' AND query LIKE 'SELECT ''a question%'"
    assert ask(server.url(), asked) == "1"


def test_clickhouse_connect_writes_and_reads(server: ClickHouseProcess) -> None:
    """The client library inserts natively, reads FINAL, in key order and through a parameterized view."""
    url = urlsplit(server.url())
    client = clickhouse_connect.get_client(
        host=url.hostname, port=url.port, username=OWNER.name, password=OWNER.password, database="playhead"
    )
    client.command("CREATE TABLE copies (k UInt32, n UInt32) ENGINE = ReplacingMergeTree(n) ORDER BY k")
    for copy in range(3):
        client.insert("copies", [(key, copy) for key in range(1000)], column_names=["k", "n"])
    client.command(
        "CREATE VIEW from_key AS SELECT k, groupArray(n) AS ns FROM copies FINAL WHERE k >= {low:UInt32} GROUP BY k"
    )
    rows = client.query(
        "SELECT k, ns FROM from_key(low = {low:UInt32}) ORDER BY k",
        parameters={"low": 998},
        settings={"optimize_aggregation_in_order": 1},
    ).result_rows
    client.close()
    assert rows == [(998, [2]), (999, [2])]


def test_kill_keeps_what_was_inserted(tmp_path: Path) -> None:
    """After kill -9 and a restart on the same address every inserted row is there."""
    with need_server_process(tmp_path) as server:
        url, pid = server.url(), server.pid
        ask(url, "CREATE TABLE kept (n UInt32) ENGINE = MergeTree ORDER BY n")
        ask(url, "INSERT INTO kept SELECT number FROM numbers(1000)")
        server.kill()
        with pytest.raises(httpx.ConnectError):
            ask(url, "SELECT 1")
        server.restart()
        assert server.pid != pid
        assert ask(url, "SELECT count(), sum(n) FROM kept") == "1000\t499500"


def test_two_servers_make_a_cluster(tmp_path: Path) -> None:
    """Rows written through a Distributed table lie on both shards, and either shard reads all of them."""
    shards = [need_server_process(tmp_path / name) for name in ("first", "second")]
    for shard in shards:
        shard.join_cluster("pair", [(one.host, one.tcp_port) for one in shards])
    first, second = shards
    with first, second:
        for shard in shards:
            ask(shard.url(), "CREATE TABLE part (n UInt32) ENGINE = MergeTree ORDER BY n")
            ask(shard.url(), "CREATE TABLE whole AS part ENGINE = Distributed(pair, playhead, part, n)")
        write = "INSERT INTO whole SETTINGS distributed_foreground_insert = 1 SELECT number FROM numbers(1000)"
        ask(first.url(), write)
        assert [ask(shard.url(), "SELECT count() FROM part") for shard in shards] == ["500", "500"]
        assert ask(second.url(), "SELECT count(), sum(n) FROM whole") == "1000\t499500"


def test_a_server_dies_with_its_parent(tmp_path: Path) -> None:
    """A test run that is killed leaves no server behind."""
    need_server_process(tmp_path).stop()
    script = (
        "import os, signal, sys; from pathlib import Path; "
        "from tests.servers.clickhouse_process import ClickHouseProcess; "
        "server = ClickHouseProcess(Path(sys.argv[1])); server.start(); "
        "print(server.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    parent = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert _is_gone(int(parent.stdout), within_ms=10_000)


def test_dbt_connects(server: ClickHouseProcess, tmp_path: Path) -> None:
    """`dbt debug` signs in and finds nothing wrong."""
    dbt = Path(sys.executable).with_name("dbt")
    need(dbt.exists(), "dbt beside the Python of the tests")
    (tmp_path / "dbt_project.yml").write_text("name: probe\nversion: '1.0'\nprofile: probe\n")
    (tmp_path / "profiles.yml").write_text(
        "probe: {target: t, outputs: {t: {type: clickhouse, host: 127.0.0.1, schema: playhead, "
        f"port: {server.http_port}, user: {OWNER.name}, password: '{OWNER.password}'}}}}}}\n"
    )
    command = [str(dbt), "--no-send-anonymous-usage-stats", "debug", "--profiles-dir", ".", "--project-dir", "."]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "All checks passed!" in result.stdout, result.stdout


def _is_gone(pid: int, within_ms: int) -> bool:
    """Wait until the process has ended and tell whether it did."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    is_gone = bool(poll.poll(within_ms))
    os.close(handle)
    return is_gone
