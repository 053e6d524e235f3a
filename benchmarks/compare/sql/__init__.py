"""The comparison's own statements, one a file: Postgres', and what writes the events for it."""

from pathlib import Path

from benchmarks import sql


def statement(name: str) -> str:
    """Return the text of `name`.sql beside this file."""
    return sql.statement(name, Path(__file__).parent)
