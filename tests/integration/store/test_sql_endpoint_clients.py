"""Unmodified clients on the SQL port: clickhouse-connect, DataFrames, dbt."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import clickhouse_connect
import pandas as pd
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from tests.integration.store.conftest import TOKEN, SqlPort
from tests.requirements import need


def connect(sql_port: SqlPort, **options: Any) -> Client:
    """Return a client of the driver as anyone would open one."""
    address: dict[str, Any] = {"host": "127.0.0.1", "port": sql_port.port}
    return clickhouse_connect.get_client(**address, username="playhead", password=TOKEN, database="playhead", **options)


@pytest.fixture(params=[True, False, "lz4", "zstd", "gzip"])
def client(request: pytest.FixtureRequest, sql_port: SqlPort) -> Iterator[Client]:
    """Give a client with each compression it knows."""
    opened = connect(sql_port, compress=request.param)
    yield opened
    opened.close()


def test_it_queries_and_inserts(client: Client) -> None:
    """Native data goes both ways, with parameters, settings and many types."""
    client.command("CREATE OR REPLACE TABLE typed (a Int64, b Array(Nullable(String)), c DateTime64(3, 'UTC'), d UUID)")
    uuid = "018f0000-0000-7000-8000-000000000001"
    rows = [[number, ["x'", None], pd.Timestamp("2026-01-02 03:04:05.678"), uuid] for number in range(50_000)]
    assert client.insert("typed", rows, column_names=["a", "b", "c", "d"]).written_rows == 50_000
    result = client.query(
        "SELECT a, b, c, toString(d) FROM typed WHERE a >= {low:Int64} AND b[1] = {text:String} ORDER BY a",
        parameters={"low": 49_998, "text": "x'"},
        settings={"max_threads": 1},
    )
    assert [row[0] for row in result.result_rows] == [49_998, 49_999]
    assert result.result_rows[0][1:] == (["x'", None], rows[0][2].to_pydatetime(), uuid)
    assert int(result.summary["read_rows"]) > 0
    assert result.query_id
    assert client.command("SELECT count() FROM typed") == 50_000


def test_data_frames_arrow_and_raw_results(client: Client) -> None:
    """The columnar ways in and out give what was put in."""
    client.command("CREATE OR REPLACE TABLE frames (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    frame = pd.DataFrame({"a": range(200_000), "b": [f"row {number}" for number in range(200_000)]})
    client.insert_df("frames", frame)
    assert client.query_df("SELECT sum(a) AS total FROM frames")["total"][0] == frame["a"].sum()
    table = client.query_arrow("SELECT * FROM frames ORDER BY a")
    assert table.num_rows == 200_000
    client.insert_arrow("frames", table.slice(0, 10))
    assert client.raw_query("SELECT count() FROM frames", fmt="CSV") == b"200010\n"
    with client.raw_stream("SELECT * FROM frames ORDER BY a", fmt="JSONEachRow") as stream:
        assert sum(1 for _ in stream) == 200_010
    with client.query_df_stream("SELECT * FROM frames ORDER BY a", settings={"max_block_size": 10_000}) as frames:
        assert sum(len(part) for part in frames) == 200_010
    with client.query_row_block_stream("SELECT * FROM frames") as blocks:
        assert sum(len(block) for block in blocks) == 200_010


@pytest.mark.parametrize("compression", [None, "gzip", "lz4", "zstd"])
def test_raw_inserts_may_be_compressed(client: Client, compression: str | None) -> None:
    """Bytes in any format are inserted as they are."""
    client.command("CREATE OR REPLACE TABLE raws (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    rows = b"".join(b"%d,x\n" % number for number in range(10_000))
    packed: Any = rows
    if compression:
        from tests.integration.store.test_sql_endpoint_streams import CODECS  # noqa: PLC0415  # Its table.

        packed = CODECS[compression][0](rows)
    summary = client.raw_insert("raws", ["a", "b"], packed, fmt="CSV", compression=compression)
    assert summary.written_rows == 10_000
    assert client.query("SELECT count(), sum(a) FROM raws").result_rows == [(10_000, sum(range(10_000)))]


def test_a_client_is_a_session_with_temporary_tables(sql_port: SqlPort) -> None:
    """What the driver calls a session holds, and two clients do not see each other's tables."""
    one, two = connect(sql_port, session_id="first"), connect(sql_port, session_id="second")
    one.command("CREATE TEMPORARY TABLE scratch (a Int64)")
    one.insert("scratch", [[1], [2]], column_names=["a"])
    assert one.query("SELECT sum(a) FROM scratch").first_row == (3,)
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE") as raised:
        two.query("SELECT * FROM scratch")
    assert raised.value.code == 60
    one.close()
    two.close()


def test_long_parameters_and_empty_results(client: Client) -> None:
    """Parameters too long for a URL arrive, and nothing found is no error."""
    text = "x" * 300_000
    assert client.query("SELECT length({text:String})", parameters={"text": text}).first_row == (300_000,)
    assert client.query("SELECT 1 AS a WHERE 0").result_rows == []
    assert client.query("SELECT 1 AS a, 'x' AS b LIMIT 0").column_names == ("a", "b")


def test_errors_reach_the_caller_with_their_code(client: Client) -> None:
    """Before the result as an error of the statement, after its begin as one of the stream."""
    with pytest.raises(DatabaseError, match="SYNTAX_ERROR") as raised:
        client.query("SELECT 1 FRM x")
    assert raised.value.code == 62
    with pytest.raises(DatabaseError, match="FUNCTION_THROW_IF"):
        client.query("SELECT number, throwIf(number = 3000000) FROM numbers(10000000)")
    sql = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000)"
    with (
        pytest.raises(StreamFailureError, match="FUNCTION_THROW_IF"),
        client.query_row_block_stream(sql) as blocks,
    ):
        for _ in blocks:
            pass


def test_eight_clients_work_side_by_side(sql_port: SqlPort) -> None:
    """Each with its session, inserting and asking at once."""

    def work(number: int) -> int:
        client = connect(sql_port)
        table = f"side_{number}"
        client.command(f"CREATE OR REPLACE TABLE {table} (a Int64) ENGINE = MergeTree ORDER BY a")
        for _ in range(5):
            client.insert(table, [[value] for value in range(1000)], column_names=["a"])
        [(total,)] = client.query(f"SELECT sum(a) + {number} FROM {table}").result_rows
        client.close()
        return int(total)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(8))) == [5 * 499_500 + number for number in range(8)]


PROJECT = {
    "dbt_project.yml": "name: tiny\nversion: '1.0'\nprofile: tiny\nmodels: {tiny: {+materialized: table}}\n",
    "profiles.yml": "tiny:\n  target: port\n  outputs:\n    port: {{type: clickhouse, driver: http, host: 127.0.0.1,"
    " port: {port}, user: playhead, password: {token}, schema: tiny, threads: 2}}\n",
    "seeds/colours.csv": "id,name\n1,red\n2,green\n3,blue\n",
    "models/staged.sql": "{{ config(materialized='view') }} SELECT id, upper(name) AS name FROM {{ ref('colours') }}",
    "models/counted.sql": "SELECT count() AS colours, max(name) AS last_name FROM {{ ref('staged') }}",
    "models/grown.sql": "{{ config(materialized='incremental', engine='MergeTree()', order_by='id', unique_key='id') }}"
    " SELECT id, name FROM {{ ref('staged') }}{% if is_incremental() %} WHERE id > 1{% endif %}",
    "models/models.yml": """
models:
  - name: staged
    columns: [{name: id, data_tests: [unique, not_null]}]
unit_tests:
  - name: names_are_upper_case
    model: staged
    given: [{input: ref('colours'), rows: [{id: 7, name: grey}]}]
    expect: {rows: [{id: 7, name: GREY}]}
""",
}


def test_dbt_builds_a_project(sql_port: SqlPort, tmp_path: Path) -> None:
    """Seeds, views, tables, incremental models, data and unit tests build, twice the same."""
    dbt = shutil.which("dbt", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    need(dbt, "dbt with dbt-clickhouse")
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        filled = text.format(port=sql_port.port, token=TOKEN) if name == "profiles.yml" else text
        (tmp_path / name).write_text(filled, encoding="utf-8")
    for command in (["build"], ["build"]):
        done = subprocess.run(
            [str(dbt), *command, "--project-dir", str(tmp_path), "--profiles-dir", str(tmp_path)],
            cwd=tmp_path,
            env={name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
            | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "0"},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert sql_port.ask("SELECT * FROM tiny.counted") == "3\tRED\n"
    assert sql_port.ask("SELECT id, name FROM tiny.grown ORDER BY id") == "1\tRED\n2\tGREEN\n3\tBLUE\n"
