"""The benchmarks' own statements, one a file."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def statement(name: str, folder: Path = FOLDER) -> str:
    """Return the text of `name`.sql in `folder`, without its last semicolon."""
    return (folder / f"{name}.sql").read_text(encoding="utf-8").strip().removesuffix(";")
