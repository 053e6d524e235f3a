"""The SQL port over plain HTTP, as curl uses it."""

import base64
import gzip
import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from playhead.store.sql_endpoint import SqlEndpoint, ensure_token
from tests.integration.store.conftest import TOKEN, SqlPort, end, serve


def test_ping_and_root_answer_without_a_password(sql_port: SqlPort) -> None:
    """Health checks of clients come before they sign in."""
    for path in ("/ping", "/", "/replicas_status"):
        assert httpx.get(sql_port.url + path).text == "Ok.\n"


def test_unknown_paths_and_methods_are_refused(sql_port: SqlPort) -> None:
    """Nothing but the interface itself is served."""
    assert httpx.get(sql_port.url + "/play").status_code == 404
    assert httpx.put(sql_port.url + "/", content="SELECT 1").status_code == 405


@pytest.mark.parametrize(
    ("params", "headers"),
    [
        ({}, {"Authorization": "Basic " + base64.b64encode(f"playhead:{TOKEN}".encode()).decode()}),
        ({}, {"Authorization": "Basic " + base64.b64encode(f"default:{TOKEN}".encode()).decode()}),
        ({}, {"X-ClickHouse-User": "playhead", "X-ClickHouse-Key": TOKEN}),
        ({"user": "playhead", "password": TOKEN}, {}),
        ({"password": TOKEN}, {}),
    ],
)
def test_each_way_to_sign_in_works(sql_port: SqlPort, params: dict[str, str], headers: dict[str, str]) -> None:
    """The password may come as ClickHouse takes it."""
    response = httpx.get(sql_port.url, params={"query": "SELECT 1", **params}, headers=headers)
    assert (response.status_code, response.text) == (200, "1\n")


@pytest.mark.parametrize(
    ("params", "headers"),
    [
        ({}, {}),
        ({"user": "playhead", "password": TOKEN[:-1]}, {}),
        ({"user": "root", "password": TOKEN}, {}),
        ({}, {"X-ClickHouse-Key": "wrong"}),
        ({}, {"Authorization": "Basic !"}),
        ({"password": TOKEN}, {"X-ClickHouse-Key": ""}),
        ({}, {"Authorization": f"Bearer {TOKEN}"}),
    ],
)
def test_a_wrong_password_is_401_with_clickhouse_code(
    sql_port: SqlPort, params: dict[str, str], headers: dict[str, str]
) -> None:
    """Clients read the code from its header and the name from the body."""
    response = httpx.post(sql_port.url, params=params, headers=headers, content="SELECT 1")
    assert response.status_code == 401
    assert response.headers["X-ClickHouse-Exception-Code"] == "516"
    assert response.text.startswith("Code: 516. DB::Exception: ")
    assert "(AUTHENTICATION_FAILED) (version " in response.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8124", "127.0.0.1.evil.example", "localhost@evil", ""])
def test_a_host_that_is_not_loopback_is_refused(sql_port: SqlPort, host: str) -> None:
    """A page whose name was made to point at this machine gets nothing, with the password neither."""
    with sql_port.client() as client:
        response = client.get("/", params={"query": "SELECT 1"}, headers={"Host": host})
    assert response.status_code == 403
    assert response.headers["X-ClickHouse-Exception-Code"] == "497"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.1.2.3:80", "[::1]:8124"])
def test_a_loopback_host_is_served(sql_port: SqlPort, host: str) -> None:
    """Every way to name this machine is good."""
    with sql_port.client() as client:
        assert client.get("/", params={"query": "SELECT 1"}, headers={"Host": host}).text == "1\n"


def test_it_listens_on_the_loopback_address_alone(sql_port: SqlPort) -> None:
    """Another address of the machine does not answer, and there is no argument to change that."""
    assert not {"host", "address", "bind"} & set(SqlEndpoint.__init__.__annotations__)
    with socket.socket() as listener, pytest.raises(OSError, match="in use"):
        listener.bind(("127.0.0.1", sql_port.port))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", sql_port.port), timeout=5)


def test_an_endpoint_without_password_is_refused(tmp_path: Path) -> None:
    """An empty token never means an open port."""
    with pytest.raises(ValueError, match="without a password"):
        SqlEndpoint(path=str(tmp_path), database="playhead", port=0, token="", max_connections=1)


def test_the_token_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """Processes that start at once agree on one random token, in a file of mode 0600."""
    folder = tmp_path / "data"
    with ThreadPoolExecutor(8) as threads:
        tokens = set(threads.map(ensure_token, [folder] * 16))
    assert len(tokens) == 1
    assert len(tokens.pop()) >= 32
    assert stat.S_IMODE((folder / "sql.token").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["sql.token"]


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        ("SELECT 1", "", "1\n"),
        ("", "SELECT 1 AS a, 'b\tc' AS b", "1\tb\\tc\n"),
        ("SELECT", "1", "1\n"),
        ("", "SELECT 1 AS a FORMAT JSONEachRow", '{"a":1}\n'),
        ("", "SELECT 1 AS a FORMAT CSVWithNames;", '"a"\n1\n'),
        ("", "SELECT 'FORMAT CSV; x' -- ; not the end\n /* FORMAT TSV */ ;", "FORMAT CSV; x\n"),
        ("", "SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "1\n"),
        ("", "SELECT 1 SETTINGS max_threads = 1", "1\n"),
        ("", "(SELECT 1) UNION ALL (SELECT 1)", "1\n1\n"),
        ("", "WITH 1 AS x SELECT x", "1\n"),
        ("", "EXISTS DATABASE playhead", "1\n"),
        ("", "EXPLAIN AST SELECT 1 FORMAT TSV", None),
        ("", "SHOW DATABASES", None),
        ("", "DESCRIBE TABLE system.one FORMAT TSV SETTINGS describe_compact_output = 1", "dummy\tUInt8\n"),
        ("", "SELECT currentDatabase()", "playhead\n"),
    ],
)
def test_statements_come_in_the_url_the_body_or_both(
    sql_port: SqlPort, query: str, body: str, expected: str | None
) -> None:
    """The two are one statement, and the default format is TabSeparated."""
    text = sql_port.ask(body, **({"query": query} if query else {}))
    assert text if expected is None else text == expected


def test_response_headers_are_those_of_clickhouse(sql_port: SqlPort) -> None:
    """Clients read the format, the zone, the query's id and its counts."""
    with sql_port.client() as client:
        response = client.post("/", params={"query_id": "mine"}, content="SELECT sum(number) FROM numbers(1000)")
    assert response.headers["X-ClickHouse-Query-Id"] == "mine"
    assert response.headers["X-ClickHouse-Format"] == "TabSeparated"
    assert response.headers["X-ClickHouse-Timezone"]
    assert '"read_rows":"1000"' in response.headers["X-ClickHouse-Summary"]


def test_format_and_database_can_be_asked_for_aside(sql_port: SqlPort) -> None:
    """Default format and database come as parameters or headers."""
    assert sql_port.ask("SELECT 1 AS a", default_format="JSONEachRow") == '{"a":1}\n'
    assert sql_port.ask("SELECT currentDatabase()", database="system") == "system\n"
    with sql_port.client(headers={"X-ClickHouse-Database": "system", "X-ClickHouse-Format": "CSV"}) as client:
        assert client.post("/", content="SELECT currentDatabase()").text == '"system"\n'


def test_parameters_are_typed_values(sql_port: SqlPort) -> None:
    """`param_x` fills `{x:Type}`, in ClickHouse's escaped form; nothing in a value is SQL."""
    answer = sql_port.ask(
        "SELECT {a:String} AS a, {b:Nullable(Int64)} AS b, {c:Array(String)} AS c FORMAT JSONEachRow",
        param_a="q\\t'; DROP TABLE x; --",
        param_b="\\N",
        param_c="['a\\'b','c']",
    )
    assert answer == '{"a":"q\\t\'; DROP TABLE x; --","b":null,"c":["a\'b","c"]}\n'


def test_a_form_may_carry_query_and_parameters(sql_port: SqlPort) -> None:
    """What is long for a URL is sent as multipart fields."""
    fields = {"query": (None, "SELECT length({a:String})"), "param_a": (None, "x" * 100_000)}
    with sql_port.client() as client:
        assert client.post("/", files=fields).text == "100000\n"
        response = client.post("/", files={"query": (None, "SELECT 1"), "t": ("t.csv", b"1\n")})
    assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (501, "48")


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT * FROM nosuch", 404, "60"),
        ("SELEC 1", 400, "62"),
        ("SELECT 1; SELECT 2", 400, "62"),
        ("", 400, "62"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 501, "48"),
        ("INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV", 501, "48"),
        ("INSERT INTO t SELECT * FROM input('a Int8') FORMAT CSV 1", 501, "48"),
        ("SELECT throwIf(1)", 500, "395"),
        ("SELECT '" + "x" * 5_000_000 + "'", 413, "208"),
    ],
)
def test_errors_carry_clickhouse_code_and_status(sql_port: SqlPort, sql: str, status: int, code: str) -> None:
    """A statement that fails before its result has begun is a status, a code header and a text."""
    with sql_port.client() as client:
        response = client.post("/", content=sql)
    assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (status, code), response.text
    assert response.text.startswith(f"Code: {code}. DB::Exception: ")
    assert response.text.endswith(")\n")


def test_an_unknown_setting_is_an_error(sql_port: SqlPort) -> None:
    """As in ClickHouse, a misspelt URL parameter is not ignored."""
    with sql_port.client() as client:
        response = client.post("/", params={"max_treads": "1"}, content="SELECT 1")
    assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (404, "115")


def test_get_and_readonly_do_not_write(sql_port: SqlPort) -> None:
    """GET implies readonly, and a client may ask for it."""
    with sql_port.client() as client:
        responses = [
            client.get("/", params={"query": "CREATE TABLE readonly (a Int8) ENGINE = Memory"}),
            client.post("/", params={"readonly": "1"}, content="INSERT INTO readonly VALUES (1)"),
            client.post("/", params={"readonly": "1"}, content="SET max_threads = 1"),
        ]
        assert client.post("/", params={"readonly": "2"}, content="SET max_threads = 1").status_code == 200
        assert client.post("/", params={"readonly": "1"}, content="SELECT 1").text == "1\n"
    for response in responses:
        assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (403, "164")


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", b'INSERT INTO {table} FORMAT JSONEachRow {"a":1,"b":"x"}\n{"a":2,"b":"y"}'),
        ("", b'INSERT INTO {table} (a, b) FORMAT JSONEachRow\n{"a":1,"b":"x"}\n{"a":2,"b":"y"}\n'),
        ("INSERT INTO {table} FORMAT TSV", b"1\tx\n2\ty\n"),
        ("INSERT INTO {table} (b, a) FORMAT CSV", b'"x",1\n"y",2\n'),
        ("INSERT INTO {table} VALUES", b"(1, 'x'), (1 + 1, lower('Y'))"),
        ("", b"INSERT INTO {table} VALUES (1, 'x'), (2, {value:String});"),
        ("", b"INSERT INTO {table} SETTINGS input_format_allow_errors_num = 1 FORMAT CSV\n1,x\n2,y\nz,z\n"),
        ("", b"INSERT INTO {table} SELECT number + 1, ['x', 'y'][number + 1] FROM numbers(2)"),
        ("INSERT INTO {table} FORMAT Native", b"\x02\x02\x01a\x05Int64" + b"\x01" + bytes(7) + b"\x02" + bytes(7)
         + b"\x01b\x06String\x01x\x01y"),
    ],
)  # fmt: skip
def test_inserts_take_data_from_the_body(sql_port: SqlPort, query: str, body: bytes) -> None:
    """Data follows the statement, or comes alone with the statement in the URL."""
    sql_port.ask("CREATE OR REPLACE TABLE inserts (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    params = {"query": query.replace("{table}", "inserts")} if query else {}
    with sql_port.client() as client:
        response = client.post("/", params={**params, "param_value": "y"}, content=body.replace(b"{table}", b"inserts"))
    assert response.status_code == 200, response.text
    assert response.text == ""
    assert "X-ClickHouse-Format" not in response.headers
    assert '"written_rows":"2"' in response.headers["X-ClickHouse-Summary"]
    assert sql_port.ask("SELECT * FROM inserts ORDER BY a") == "1\tx\n2\ty\n"


def test_a_bad_row_fails_the_insert(sql_port: SqlPort) -> None:
    """The error names the row, and no folder of this machine."""
    sql_port.ask("CREATE OR REPLACE TABLE bad (a Int64) ENGINE = MergeTree ORDER BY a")
    with sql_port.client() as client:
        response = client.post("/", content='INSERT INTO bad FORMAT JSONEachRow {"a":1} {"a":"x"}')
    assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (400, "27")
    assert str(sql_port.data) not in response.text
    assert sql_port.ask("SELECT count() FROM bad") == "0\n"


def test_inserts_are_synchronous_unless_asked_otherwise(sql_port: SqlPort) -> None:
    """The engine's own default would acknowledge rows that are not there yet."""
    assert sql_port.ask("SELECT getSetting('async_insert')") == "false\n"
    assert sql_port.ask("SELECT getSetting('async_insert')", async_insert="1") == "true\n"


def test_settings_do_not_leak_to_the_next_request(sql_port: SqlPort) -> None:
    """Neither those of the URL nor those a statement sets or carries, nor a USE."""
    question = "SELECT getSetting('max_threads'), getSetting('readonly'), currentDatabase()"
    before = sql_port.ask(question)
    with sql_port.client() as client:
        for _ in range(3):
            sent = {"max_threads": "7", "readonly": "1", "database": "system"}
            assert client.post("/", params=sent, content="SELECT getSetting('max_threads')").text == "7\n"
            client.post("/", content="SET max_threads = 5")
            client.post("/", content="USE system")
            client.post("/", content="SELECT 1 SETTINGS readonly = 1, max_threads = 3")
            assert client.post("/", content=question).text == before


def test_a_session_keeps_its_tables_and_settings_to_itself(sql_port: SqlPort) -> None:
    """Temporary tables, SET and USE hold within a session; URL settings for one request only."""
    one, two = {"session_id": "one"}, {"session_id": "two"}
    sql_port.ask("CREATE TEMPORARY TABLE mine (a Int64)", **one)
    sql_port.ask("INSERT INTO mine VALUES (1), (2)", **one)
    sql_port.ask("SET max_threads = 5", **one)
    assert sql_port.ask("SELECT sum(a), getSetting('max_threads') FROM mine", **one) == "3\t5\n"
    assert sql_port.ask("SELECT getSetting('max_threads')", max_threads="7", **one) == "7\n"
    assert sql_port.ask("SELECT currentDatabase()", database="system", **one) == "system\n"
    assert sql_port.ask("SELECT getSetting('max_threads'), currentDatabase()", **one) == "5\tplayhead\n"
    with sql_port.client() as client:
        for params in ({}, two):
            response = client.post("/", params=params, content="SELECT * FROM mine")
            assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (404, "60")
    sql_port.ask("SELECT 1", close_session="1", **one)
    with sql_port.client() as client:
        response = client.post("/", params={**one, "session_check": "1"}, content="SELECT 1")
    assert response.headers["X-ClickHouse-Exception-Code"] == "372"


def test_a_session_serves_one_request_at_a_time(sql_port: SqlPort) -> None:
    """A second one is told so, as ClickHouse does."""
    params = {"session_id": "locked"}
    with sql_port.client() as slow, sql_port.client() as fast:
        sql = "SELECT number FROM system.numbers"
        with slow.stream("POST", "/", params=params, content=sql) as response:
            assert response.status_code == 200
            second = fast.post("/", params=params, content="SELECT 1")
    assert second.headers["X-ClickHouse-Exception-Code"] == "373"


def test_sessions_are_bounded_but_those_without_state_make_room(sql_port: SqlPort) -> None:
    """Opening one driver after the other never fills the port; sessions that hold something are not ended for it."""
    sql_port.ask("CREATE TEMPORARY TABLE held (a Int64)", session_id="holder")
    for number in range(40):
        sql_port.ask("SELECT 1", session_id=f"passing {number}")
    assert sql_port.ask("EXISTS TEMPORARY TABLE held", session_id="holder") == "1\n"
    with sql_port.client() as client:
        codes = [
            client.post("/", params={"session_id": f"full {number}"}, content="SET max_threads = 1").headers.get(
                "X-ClickHouse-Exception-Code"
            )
            for number in range(16)
        ]
        for number in range(16):
            client.post("/", params={"session_id": f"full {number}", "close_session": "1"}, content="SELECT 1")
    assert codes == [None] * 15 + ["202"]
    sql_port.ask("SELECT 1", session_id="holder", close_session="1")


def test_a_session_ends_after_its_timeout(sql_port: SqlPort) -> None:
    """A timeout of 0 ends it with its request; one that is too long is refused."""
    sql_port.ask("SELECT 1", session_id="short", session_timeout="0")
    with sql_port.client() as client:
        params = {"session_id": "short", "session_check": "1"}
        assert client.post("/", params=params, content="SELECT 1").headers["X-ClickHouse-Exception-Code"] == "372"
        params = {"session_id": "long", "session_timeout": "3601"}
        assert client.post("/", params=params, content="SELECT 1").headers["X-ClickHouse-Exception-Code"] == "36"


def test_eight_clients_are_served_at_once_and_a_ninth_is_told_to_wait(sql_port: SqlPort) -> None:
    """Requests run side by side up to the limit; over it they get ClickHouse's 503."""
    together = threading.Barrier(8)

    def stream(number: int) -> str:
        with sql_port.client() as client, client.stream("POST", "/", content="SELECT 1 FROM system.numbers") as first:
            assert first.status_code == 200
            together.wait(timeout=60)
            ninth = httpx.post(sql_port.url, params={"password": TOKEN}, content="SELECT 1") if number == 0 else None
            together.wait(timeout=60)
        return ninth.headers["X-ClickHouse-Exception-Code"] if ninth is not None else ""

    with ThreadPoolExecutor(8) as threads:
        assert max(threads.map(stream, range(8))) == "202"
    with ThreadPoolExecutor(8) as threads:
        sums = list(threads.map(lambda n: sql_port.ask(f"SELECT sum(number) + {n} FROM numbers(1000)"), range(32)))
    assert sums == [f"{499500 + n}\n" for n in range(32)]


def test_gzip_answers_curl_and_takes_its_bodies(sql_port: SqlPort) -> None:
    """Content-Encoding and Accept-Encoding work as in any HTTP server."""
    with sql_port.client() as client:
        request = client.post(
            "/",
            content=gzip.compress(b"SELECT 'packed'"),
            headers={"Content-Encoding": "gzip", "Accept-Encoding": "gzip"},
        )
        assert (request.text, request.headers["Content-Encoding"]) == ("packed\n", "gzip")
        plain = client.post("/", content="SELECT 1", headers={"Accept-Encoding": "gzip;q=0"})
        assert "Content-Encoding" not in plain.headers
        broken = client.post("/", content=b"not gzip", headers={"Content-Encoding": "gzip"})
        assert (broken.status_code, broken.headers["X-ClickHouse-Exception-Code"]) == (500, "271")
        unknown = client.post("/", content=b"x", headers={"Content-Encoding": "br"})
        assert unknown.headers["X-ClickHouse-Exception-Code"] == "89"


def test_silent_connections_are_closed_and_the_port_stops_in_order(tmp_path: Path) -> None:
    """Half a request head does not hold a connection, and stopping leaves no files and no engine open."""
    port = serve(tmp_path / "clickhouse", idle_timeout_s=1)
    with socket.create_connection(("127.0.0.1", port.port), timeout=30) as half_sent:
        half_sent.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n")
        assert half_sent.recv(1) == b""
    with socket.create_connection(("127.0.0.1", port.port), timeout=30) as stalled:
        head = f"POST /?password={TOKEN} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nSELECT"
        stalled.sendall(head.encode())
        assert b"200 OK" not in stalled.recv(4096)
    assert end(port) == "stopped\n"
    assert not (tmp_path / "clickhouse" / "sql_port").exists()
