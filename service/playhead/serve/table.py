"""Rows as CSV, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_csv(rows: Iterable[msgspec.Struct], columns: Sequence[str]) -> str:
    """Return RFC 4180 text with a header line; unknown figures are empty cells, lists have spaces in between.

    A text that a spreadsheet would take for a formula gets a leading apostrophe (OWASP, CSV injection).
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(getattr(row, column)) for column in columns])
    return out.getvalue()


def _cell(value: object) -> object:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list():
            return _cell(" ".join(map(str, value)))
        case str() if value.startswith(FORMULA_STARTS):
            return "'" + value
    return value
