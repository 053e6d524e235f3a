"""The dbt macros that hold the service's own SQL: written from the files in clickhouse/, never by hand.

`python -m tests.dbt_macros` writes dbt/macros/service_sql.sql anew; a test compares.
"""

import re

from playhead.store.sql_files import expand, query, sql_folder, statement
from tests.stores import repository

MACROS = repository() / "dbt" / "macros" / "service_sql.sql"
QUERIES = ("watermark", "list_stale_sessions", "scope_listed_sessions", "scope_end", "fold_scope", "note_changed_days")
_PLACEHOLDER = re.compile(r"\{(\w+):(\w+)[^}]*\}")
_HEADER = "{# Written by `make dbt-macros` from the SQL in clickhouse/, which is where to change it. #}"


def macros() -> str:
    """Return the text of the macros file: a macro for each statement, with its parameters as arguments."""
    return "\n\n".join([_HEADER, *(_query_macro(name) for name in QUERIES), _fold_macro(), _metrics_macro()])


def _query_macro(name: str) -> str:
    return _macro(name, query(name))


def _fold_macro() -> str:
    """Return the view session_fold with what it reads as arguments too, so that a unit test can give it events."""
    newest = max(sql_folder("migrations").glob("*_view_session_fold.sql"))
    _, _, select = newest.read_text(encoding="utf-8").partition("CREATE OR REPLACE VIEW session_fold AS\n")
    select = re.sub(r"\bFROM playback_events FINAL\b", r"FROM {{ playback_events }}", select)
    select = re.sub(r"\bFROM (refold_scope|arrivals|sessions)\b", r"FROM {{ \1 }}", select)
    return _macro("session_fold", select, "playback_events", "refold_scope", "arrivals", "sessions")


def _metrics_macro() -> str:
    return _macro("every_metric", expand("every_metric"))


def _macro(name: str, text: str, *relations: str) -> str:
    text = statement(re.sub(r"--[^\n]*\n", "\n", text))
    text = "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
    arguments = [*relations, *dict.fromkeys(match[1] for match in _PLACEHOLDER.finditer(text))]
    body = _PLACEHOLDER.sub(lambda match: _value(match[1], match[2]), text)
    return f"{{% macro {name}({', '.join(arguments)}) %}}\n{body}\n{{% endmacro %}}\n"


def _value(name: str, kind: str) -> str:
    return f"{{{{ {name} }}}}" if kind.startswith(("UInt", "Int")) else f"'{{{{ {name} }}}}'"


if __name__ == "__main__":
    MACROS.write_text(macros(), encoding="utf-8")
