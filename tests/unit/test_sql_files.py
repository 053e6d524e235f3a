"""SQL files: each holds one statement that ClickHouse can read, under a header that tells the truth about it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from playhead.store.sql_files import expand, put_views, without_aggregates

CLICKHOUSE = Path(__file__).parents[2] / "clickhouse"
MIGRATIONS = sorted(CLICKHOUSE.glob("migrations/*.sql"))
LISTS = {"covered_days", "every_metric", "every_sum"}
"""Fragments that are lists of expressions, no statements."""
FRAGMENTS = [path for path in sorted(CLICKHOUSE.glob("fragments/*.sql")) if path.stem not in LISTS]
FILES = [*MIGRATIONS, *sorted(CLICKHOUSE.glob("queries/*.sql")), *FRAGMENTS]
CREATED = re.compile(r"CREATE (?:OR REPLACE )?(TABLE|VIEW|MATERIALIZED VIEW)(?: IF NOT EXISTS)? (\w+)")
# One process may hold one chDB path, and other tests of this worker may hold one: so the parser runs apart.
PARSE = """
import json, sys
import chdb
for text in json.load(sys.stdin):
    quoted = "unhex('" + text.encode().hex() + "')"
    answer = chdb.query(f"SELECT isNotNull(formatQueryOrNull({quoted}))", "TabSeparated")
    print(answer.data().strip())
"""

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")


def header_of(path: Path) -> str:
    """Return the comment lines that the file begins with, without their dashes."""
    lines = path.read_text(encoding="utf-8").splitlines()
    length = next(index for index, line in enumerate(lines) if not line.startswith("--"))
    return "\n".join(line.removeprefix("--").removeprefix(" ") for line in lines[:length])


def body_of(path: Path) -> str:
    """Return the statement without any comment."""
    return re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))


def headers_of_objects() -> dict[str, str]:
    """Return the header of each table and view, by its name."""
    return {found[2]: header_of(path) for path in MIGRATIONS if (found := CREATED.search(body_of(path)))}


@pytest.fixture(scope="module")
def parsed() -> dict[Path, bool]:
    """Return for each file whether ClickHouse's parser takes it as one statement."""
    texts = json.dumps([path.read_text(encoding="utf-8") for path in FILES])
    answer = subprocess.run(  # The interpreter and the text are the test's own.
        [sys.executable, "-c", PARSE], input=texts, capture_output=True, text=True, check=True, timeout=120
    )
    return dict(zip(FILES, (line == "1" for line in answer.stdout.split()), strict=True))


@each_file
def test_clickhouse_parses_it_as_one_statement(path: Path, parsed: dict[Path, bool]) -> None:
    """ClickHouse's own parser takes the file, and takes it as a single statement."""
    assert parsed[path]


@each_file
def test_it_begins_with_its_purpose(path: Path) -> None:
    """The first line says what the object is for."""
    assert re.match(r"purpose: \S", header_of(path))


@each_file
def test_tables_and_views_state_their_grain(path: Path) -> None:
    """What a row of a table or view stands for is written down."""
    created = CREATED.search(body_of(path))
    if created and created[1] != "MATERIALIZED VIEW":
        assert re.search(r"^grain: \S", header_of(path), re.MULTILINE)


@each_file
def test_it_names_what_it_reads_and_writes(path: Path) -> None:
    """The tables and views of a statement are those that its header names under reads and writes."""
    objects = headers_of_objects()
    used = set(re.findall(r"\b(?:FROM|JOIN|INTO|IN)\s+(\w+)", body_of(path))) & objects.keys()
    lines = re.findall(r"^(?:reads|writes): (.*)", header_of(path), re.MULTILINE)
    assert set(re.findall(r"\w+", " ".join(lines))) & objects.keys() >= used


@each_file
def test_it_names_its_parameters(path: Path) -> None:
    """Each parameter of a statement is in its header, or in that of the view or fragment it hands its parameters to."""
    headers = headers_of_objects() | {file.stem: header_of(file) for file in CLICKHOUSE.glob("fragments/*.sql")}
    header = header_of(path)
    for name in re.findall(r"those of (\w+)", header):
        header += headers[name]
    assert set(re.findall(r"\{(\w+):", body_of(path))) <= set(re.findall(r"\w+", header))


def test_migrations_are_numbered_without_gaps() -> None:
    """Migrations are NNNN_verb_object, from 0001, each number once."""
    names = [path.stem for path in MIGRATIONS]
    assert all(re.fullmatch(r"\d{4}(_[a-z]+)+", name) for name in names)
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


def test_a_call_of_a_view_stands_for_its_select() -> None:
    """Parameters of the call go on as they are, other values get the type of the view's parameter."""
    sql = put_views(
        "SELECT * FROM stale_sessions(touched_since = {touched_since:DateTime64(3, 'UTC')}, "
        "touched_before = '2100-01-01 00:00:00', listed_id = {a:UUID}, after_session_id = {b:UUID}, "
        "after_stream_id = 'a, b')"
    )
    assert "stale_sessions" not in sql
    assert ">= {touched_since:DateTime64(3, 'UTC')}" in sql
    assert "< CAST('2100-01-01 00:00:00' AS DateTime64(3, 'UTC'))" in sql
    assert "{a:UUID}" in sql
    assert "CAST('a, b' AS String)" in sql


def test_an_aggregate_over_one_row_is_its_argument() -> None:
    """Nothing else changes: not what is computed from it, nor other functions."""
    over_rows = "sum(s.a) / 1000 AS x,\nif(x = 0, NULL, argMax(s.at, (s.b, -s.at))) AS y,\nround(max(s.b)) AS z"
    assert without_aggregates(over_rows) == "s.a / 1000 AS x,\nif(x = 0, NULL, s.at) AS y,\nround(s.b) AS z"
    of_a_row = expand("every_metric_of_a_row")
    assert re.findall(r"\b(?:sum|min|max|any|arg\w+|uniq\w*|quantile\w*|count)\w*\(", of_a_row) == []
    assert of_a_row.count(" AS ") == expand("every_metric").count(" AS ")


def test_a_parameter_that_a_call_leaves_out_is_an_error() -> None:
    """It would be asked of the database as a parameter that nobody gave."""
    with pytest.raises(KeyError):
        put_views("SELECT * FROM stale_sessions(listed_id = {a:UUID})")


def test_what_is_no_view_stays() -> None:
    """Functions are called with conditions too."""
    assert put_views("SELECT sum(a = 1), toDate(day = {day:Date})") == "SELECT sum(a = 1), toDate(day = {day:Date})"
