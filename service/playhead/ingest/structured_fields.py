"""One RFC 8941 dictionary, with the values a reader asks for; a value of another type reads as absent.

http-sf does the parsing. What it does not take, and players send all the same, is text beyond ASCII inside
strings (a content id, an error message): such a line is escaped before and its strings unescaped after.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeGuard, cast
from urllib.parse import quote, unquote

import http_sf

_ASCII_BUT_PERCENT = "".join(map(chr, range(128))).replace("%", "")

_ABSENT = (None, None)

Params = dict[str, Any]


class FieldDictionary:
    """The members of one line; raises ValueError when the line is not an RFC 8941 dictionary."""

    __slots__ = ("_is_escaped", "_members")

    def __init__(self, line: str) -> None:
        self._is_escaped = not line.isascii()
        text = quote(line, safe=_ASCII_BUT_PERCENT) if self._is_escaped else line
        self._members = cast("dict[str, tuple[Any, Params]]", http_sf.parse(text.encode("ascii"), tltype="dictionary"))

    def text(self, key: str) -> str:
        """Return a string or token; "" when there is none."""
        return self._text(self._bare(key))

    def integer(self, key: str) -> int | None:
        """Return an integer that is not negative; None when there is none."""
        value = self._bare(key)
        return value if type(value) is int and value >= 0 else None

    def number(self, key: str) -> float | None:
        """Return an integer or decimal; None when there is none."""
        value = self._bare(key)
        return float(value) if _is_number(value) else None

    def count(self, key: str) -> int | None:
        """Return an integer or rounded decimal that is not negative; None when there is none."""
        value = self._bare(key)
        return round(value) if _is_number(value) and value >= 0 else None

    def flag(self, key: str) -> bool | None:
        """Return a boolean; a key alone is true; None when there is none."""
        value = self._bare(key)
        return value if isinstance(value, bool) else None

    def texts(self, key: str) -> Iterator[str]:
        """Yield what an inner list holds, or the one item there is, as texts: strings, tokens and integers."""
        for value, _ in self._items(key):
            if text := str(value) if type(value) is int else self._text(value):
                yield text

    def counts(self, key: str) -> Iterator[tuple[int, Params]]:
        """Yield, rounded, what of an inner list, or the one item there is, is a number and not negative."""
        for value, params in self._items(key):
            if _is_number(value) and value >= 0:
                yield round(value), params

    def _bare(self, key: str) -> Any:
        return self._members.get(key, _ABSENT)[0]

    def _items(self, key: str) -> list[tuple[Any, Params]]:
        member = self._members.get(key)
        if member is None:
            return []
        return member[0] if isinstance(member[0], list) else [member]

    def _text(self, value: object) -> str:
        # This is asked for half of a record's keys; str() of a token takes ten times as long as its data.
        text = value.data if isinstance(value, http_sf.Token) else value
        if not isinstance(text, str):
            return ""
        return unquote(text) if self._is_escaped else text


def _is_number(value: object) -> TypeGuard[int | Decimal]:
    return type(value) is int or type(value) is Decimal
