"""The SQL files of the clickhouse/ folder: in the repository, or inside the installed package."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_PACKAGED = Path(__file__).parents[1] / "clickhouse"
_REPOSITORY = Path(__file__).parents[3] / "clickhouse"
_names: dict[str, str] = {}

# A view is called with `name = value` pairs; a value holds a parenthesis only in the type of a parameter, and no comma
# that a name comes after.
_CALL = re.compile(r"\b(\w+)\((\s*\w+ = (?:[^(){}]|\{[^}]*\})+)\)")
_COMMA = re.compile(r",\s+(?=\w+ = )")
_OF_A_ROW = "_of_a_row"
_AGGREGATE = re.compile(r"\b(?:sum|min|max|argMin|argMax)\((s\.\w+)(?:, (?:s\.\w+|\([^()]*\)))?\)")
_PARAMETER = re.compile(r"\{(\w+):((?:\w|\([^}]*\))+)\}")


def sql_folder(name: str) -> Path:
    """Return the folder `name` ("migrations", "queries" or "fragments")."""
    return (_PACKAGED if _PACKAGED.is_dir() else _REPOSITORY) / name


@cache
def query(name: str, sums_source: str = "") -> str:
    """Return the text of clickhouse/queries/`name`.sql, without its last semicolon.

    A word in it that is the name of a file in clickhouse/fragments stands for that file's text, and so do the words
    there; with `_of_a_row` after it for that text over a single row, without aggregates. `sums_source` names the
    fragment that this word stands for. A view with arguments stands for its SELECT: the database would analyse it
    twice, which for session_fold and metric_sums is half of what planning them takes.
    """
    text = (sql_folder("queries") / f"{name}.sql").read_text(encoding="utf-8")
    sql = statement(put_views(expand(_without_comments(text), sums_source)))
    _names[sql] = name
    return sql


def name_of(sql: str) -> str:
    """Return the name of the file that `query` gave `sql` from; of other statements the first word, in lower case."""
    return _names.get(sql) or _without_comments(sql).split(maxsplit=1)[0].lower()


def expand(text: str, sums_source: str = "") -> str:
    """Return `text` with every word that names a fragment, or is `sums_source`, replaced by what it stands for."""
    with_source = re.sub(r"\bsums_source\b", sums_source, text)
    return re.sub(r"\b\w+\b", lambda word: _expand_word(word[0]), with_source)


def _expand_word(word: str) -> str:
    fragments = _fragments()
    name = word.removesuffix(_OF_A_ROW)
    text = expand(fragments.get(name, ""))
    return without_aggregates(text) if text and name != word else text or word


def without_aggregates(text: str) -> str:
    """Return expressions over rows named s as they are over a single row, of which each aggregate is its argument."""
    return _AGGREGATE.sub(r"\1", text)


def put_views(text: str) -> str:
    """Return `text` with every call of a view of the schema replaced by the view's SELECT, its parameters filled in."""
    return _CALL.sub(lambda call: _view_select(call[1], call[2]) or call[0], text)


def _view_select(name: str, arguments: str) -> str | None:
    versions = sorted(sql_folder("migrations").glob(f"*_view_{name}.sql"))
    if not versions:
        return None
    values = dict(argument.split(" = ", maxsplit=1) for argument in _COMMA.split(arguments.strip()))
    _, _, select = _without_comments(versions[-1].read_text(encoding="utf-8")).partition(f" VIEW {name} AS\n")
    return f"({_PARAMETER.sub(lambda found: _filled_in(found, values), statement(select))})"


def _filled_in(parameter: re.Match[str], values: Mapping[str, str]) -> str:
    """Return the value that a call gives to a parameter, of the parameter's type; KeyError if it gives none."""
    name, kind = parameter.groups()
    value = values[name].strip()
    return value if value.endswith(f":{kind}}}") else f"CAST({value} AS {kind})"


@cache
def _fragments() -> dict[str, str]:
    files = sorted(sql_folder("fragments").glob("*.sql"))
    texts = {file.stem: _without_comments(file.read_text(encoding="utf-8")).strip() for file in files}
    return {name: f"({text})" if text.startswith("SELECT") else text for name, text in texts.items()}


def _without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*\n", "", text)


def statement(text: str) -> str:
    """Return the one statement of an SQL file: HTTP takes no semicolon at the end."""
    return text.strip().removesuffix(";")
