"""The SQL files of the clickhouse/ folder: in the repository, or inside the installed package."""

from functools import cache
from pathlib import Path

_PACKAGED = Path(__file__).parents[1] / "clickhouse"
_REPOSITORY = Path(__file__).parents[3] / "clickhouse"


def sql_folder(name: str) -> Path:
    """Return the folder `name` ("migrations" or "queries")."""
    return (_PACKAGED if _PACKAGED.is_dir() else _REPOSITORY) / name


@cache
def query(name: str) -> str:
    """Return the text of clickhouse/queries/`name`.sql, without its last semicolon."""
    return statement((sql_folder("queries") / f"{name}.sql").read_text(encoding="utf-8"))


def statement(text: str) -> str:
    """Return the one statement of an SQL file: HTTP takes no semicolon at the end."""
    return text.strip().removesuffix(";")
