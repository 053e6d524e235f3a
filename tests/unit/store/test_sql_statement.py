"""What the SQL port finds in a statement before the engine parses it."""

import pytest

from playhead.store.sql_statement import Kind, find_insert, parse_statement
from playhead.store.sql_wire import SqlError, choose_encoding, make_decoder

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from backports import zstd


@pytest.mark.parametrize(
    ("sql", "kind", "format_name"),
    [
        ("SELECT 1", Kind.SELECT, None),
        ("select 1 format CSV", Kind.SELECT, "CSV"),
        ("SELECT format FROM x", Kind.SELECT, None),
        ("SELECT 1 AS format", Kind.SELECT, None),
        ("SELECT 'a' FORMAT JSON SETTINGS max_threads = 1, log_comment = 'FORMAT x'", Kind.SELECT, "JSON"),
        ("SELECT (SELECT 1 FORMAT TSV)", Kind.SELECT, None),
        ("SELECT $q$ FORMAT CSV $q$", Kind.SELECT, None),
        ("SELECT 'it''s; \\'FORMAT CSV'", Kind.SELECT, None),
        ("SELECT \u2018; it's\u2019 FORMAT CSV", Kind.SELECT, "CSV"),
        ("/* SELECT */ -- x\n# y\n// z\n SHOW TABLES", Kind.ANSWER, None),
        ("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", Kind.COMMAND, None),
        ("INSERT INTO t SELECT 1", Kind.COMMAND, None),
        ("INSERT INTO t (SELECT 1)", Kind.COMMAND, None),
        ("SET max_threads = 1", Kind.SETTING, None),
        ("CREATE TABLE t (a Int8) ENGINE = Memory;;", Kind.COMMAND, None),
    ],
)
def test_kind_and_format_are_found(sql: str, kind: Kind, format_name: str | None) -> None:
    """Words in strings, comments, names and brackets are not clauses."""
    statement = parse_statement(sql.encode())
    assert (statement.kind, statement.format_name) == (kind, format_name)


@pytest.mark.parametrize(
    ("sql", "head", "tail", "format_name", "data"),
    [
        ("INSERT INTO t FORMAT CSV\n1;2", "INSERT INTO t ", "", "CSV", "1;2"),
        ("INSERT INTO t FORMAT CSV  1", "INSERT INTO t ", "", "CSV", "1"),
        ("INSERT INTO t FORMAT CSV \r\n\n1", "INSERT INTO t ", "", "CSV", "\n1"),
        ("insert into format.values (format) values (1)", "insert into format.values (format) ", "", "Values", " (1)"),
        ("INSERT INTO TABLE FUNCTION f('a') VALUES (1)", "INSERT INTO TABLE FUNCTION f('a') ", "", "Values", " (1)"),
        ("INSERT INTO t SETTINGS a = 'FORMAT' FORMAT TSV\n1", "INSERT INTO t ", "SETTINGS a = 'FORMAT'", "TSV", "1"),
        ("INSERT INTO t SETTINGS a = 1 VALUES (1)", "INSERT INTO t ", "SETTINGS a = 1", "Values", " (1)"),
    ],
)
def test_the_data_of_an_insert_is_found(sql: str, head: str, tail: str, format_name: str, data: str) -> None:
    """It begins after VALUES, or after the format's name, blanks and one line end."""
    statement = parse_statement(sql.encode())
    assert (statement.head.decode(), statement.tail.decode(), statement.format_name) == (head, tail, format_name)
    assert sql.encode()[statement.data_at :].decode() == data


def test_an_unfinished_insert_is_not_cut_within_its_format() -> None:
    """The name of the format may go on in the next piece of the body."""
    assert find_insert(b"INSERT INTO t FORMAT Nat", is_complete=False) is None
    assert find_insert(b"INSERT INTO t FORMAT Native\n\x01", is_complete=False) is not None


@pytest.mark.parametrize("sql", ["", " ; ", "-- only a comment", "SELECT 1; SELECT 2", "SET a = 1; DROP TABLE t"])
def test_there_must_be_exactly_one_statement(sql: str) -> None:
    """None and several are syntax errors, as over ClickHouse's HTTP."""
    with pytest.raises(SqlError) as raised:
        parse_statement(sql.encode())
    assert raised.value.code == 62


def test_only_what_later_requests_may_see_changes_a_session() -> None:
    """SET, USE and temporary tables do; queries and other tables do not."""
    kept = ["SET a = 1", "USE x", "create temporary table t (a Int8)", "CREATE OR REPLACE TEMPORARY TABLE t (a Int8)"]
    assert all(parse_statement(sql.encode()).changes_session for sql in kept)
    other = ["SELECT 'TEMPORARY'", "CREATE TABLE t (a Int8)", "INSERT INTO t VALUES (1)", "SHOW TABLES"]
    assert not any(parse_statement(sql.encode()).changes_session for sql in other)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ""),
        ("gzip, deflate, br, zstd", "zstd"),
        ("lz4,zstd", "lz4"),
        ("gzip;q=0.5, zstd;q=0", "gzip"),
        ("br", ""),
        ("GZIP", "gzip"),
    ],
)
def test_the_best_allowed_encoding_is_chosen(header: str, expected: str) -> None:
    """The client allows, the server prefers what is quickest."""
    assert choose_encoding(header) == expected


def test_a_zip_bomb_comes_in_bounded_pieces() -> None:
    """A small body that unpacks to much is never unpacked at once."""
    packed = zstd.compress(bytes(256 * 1024**2))
    sizes = [len(piece) for piece in make_decoder("zstd", in_blocks=False).feed(packed)]
    assert sum(sizes) == 256 * 1024**2
    assert max(sizes) <= 1024**2
