"""What kind of statement a text is, and where its clauses lie: as much ClickHouse SQL as the SQL port must know.

The engine parses; this only finds the places at which the port says where the result goes and the data comes from.
"""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from playhead.store.sql_wire import NOT_IMPLEMENTED, READONLY, SYNTAX_ERROR, SqlError

_TOKEN = re.compile(
    rb"""
    (?P<blank> \s++ | --[^\n]*+ | //[^\n]*+ | \#[\x20!][^\n]*+ | /\*.*?\*/ )
  | (?P<quoted> '(?:[^'\\]++|\\.|'')*+' | "(?:[^"\\]++|\\.|"")*+" | `(?:[^`\\]++|\\.|``)*+`
      | \xe2\x80\x98.*?\xe2\x80\x99 | \xe2\x80\x9c.*?\xe2\x80\x9d | \$(?P<tag>\w*+)\$.*?\$(?P=tag)\$ )
  | (?P<word> [A-Za-z_][\w$]*+ )
  | (?P<mark> \d[\w.]*+ | . )
    """,
    re.DOTALL | re.VERBOSE,
)
_BEFORE_NAME = frozenset({b"INSERT", b"INTO", b"TABLE", b"FUNCTION", b"."})
_DATA_FOLLOWS = re.compile(rb"[ \t\f]*(?:\r?\n)?")
_STREAMING = frozenset({b"SELECT", b"WITH", b"FROM", b"("})
_ANSWERING = frozenset({b"SHOW", b"DESC", b"DESCRIBE", b"EXPLAIN", b"EXISTS", b"CHECK"})
_STICKING = frozenset({b"SET", b"USE"})


class Kind(enum.Enum):
    """How a statement is run."""

    SELECT = "its result may be large and is streamed"
    ANSWER = "its result is small"
    INSERT = "data follows it"
    SETTING = "it changes the session alone"
    COMMAND = "it may write"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, cut where the port puts a clause of its own.

    `head` stops before FORMAT (of an INSERT: before SETTINGS, FORMAT or VALUES), `tail` is the SETTINGS clause,
    `data_at` the offset in the parsed text at which an INSERT's data begins.
    """

    kind: Kind
    text: bytes
    head: bytes
    format_name: str | None = None
    tail: bytes = b""
    data_at: int = 0

    def into_file(self, path: str, default_format: str) -> bytes:
        """Return the SELECT with its result appended to the file at `path`."""
        name = (self.format_name or default_format).encode()
        return b"%s\nINTO OUTFILE '%s' APPEND FORMAT %s %s" % (self.head, path.encode(), name, self.tail)

    def from_file(self, path: str) -> bytes:
        """Return the INSERT with its data read from the file at `path`."""
        name = (self.format_name or "Values").encode()
        return b"%s\nFROM INFILE '%s' COMPRESSION 'none' %s FORMAT %s" % (self.head, path.encode(), self.tail, name)

    @property
    def changes_session(self) -> bool:
        """Whether later requests of its session may depend on it: SET, USE, temporary tables."""
        is_temporary = self.kind is Kind.COMMAND and b"TEMPORARY" in self.text.upper()
        return self.kind is Kind.SETTING or is_temporary

    @property
    def writes(self) -> bool:
        """Whether it may change what is stored."""
        return self.kind in {Kind.INSERT, Kind.COMMAND}

    def check_readonly(self, level: int) -> None:
        """Raise SqlError if the statement writes and `level` (0: may write, 1, 2: may set settings) forbids it."""
        is_allowed = self.kind in {Kind.SELECT, Kind.ANSWER} or (self.kind is Kind.SETTING and level == 2)
        if level and not is_allowed:
            raise SqlError(READONLY, "Cannot execute query in readonly mode. GET requests are readonly, use POST")


class _Token(NamedTuple):
    text: bytes
    """In upper case where it is a word."""
    is_word: bool
    start: int
    end: int


def _tokens(text: bytes) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "blank":
            continue
        is_word = match.lastgroup == "word"
        found = match.group()
        yield _Token(found.upper() if is_word else found, is_word, match.start(), match.end())


def _with_depth(tokens: Iterator[_Token]) -> Iterator[tuple[_Token, int]]:
    depth = 0
    for token in tokens:
        if token.text in {b")", b"]", b"}"}:
            depth -= 1
        yield token, depth
        if token.text in {b"(", b"[", b"{"}:
            depth += 1


def find_insert(text: bytes, *, is_complete: bool) -> Statement | None:
    """Return the INSERT at the start of `text` if its data follows it, else None.

    With `is_complete` false the text goes on elsewhere, and the data must have begun to be found.
    Raises SqlError where the data is said to come from a file of the server.
    """
    previous, cut = b"", 0
    for token, depth in _with_depth(_tokens(text)):
        if not previous and token.text != b"INSERT":
            return None
        is_keyword = token.is_word and depth == 0 and previous not in _BEFORE_NAME
        if previous == b"FORMAT?":
            return _insert(text, cut, token.start, token.end, is_complete=is_complete)
        previous = token.text
        if not is_keyword:
            continue
        if token.text == b"VALUES":
            return _insert(text, cut or token.start, token.start, token.start, is_complete=True)
        if token.text in {b"SELECT", b"WITH"}:
            return None
        if token.text == b"FROM":
            raise SqlError(NOT_IMPLEMENTED, "FROM INFILE is not allowed here: send the data in the request body")
        if token.text in {b"SETTINGS", b"FORMAT"}:
            cut = cut or token.start
        if token.text == b"FORMAT":
            previous = b"FORMAT?"
    return None


def _insert(text: bytes, cut: int, name_at: int, name_end: int, *, is_complete: bool) -> Statement | None:
    settings = text[cut:name_at].strip()
    if name_end == name_at:
        name, data_at = "Values", name_at + len(b"VALUES")
    else:
        name = text[name_at:name_end].decode("ascii", "replace")
        settings = settings[: -len(b"FORMAT")].strip()
        match = _DATA_FOLLOWS.match(text, name_end)
        data_at = match.end() if match else name_end
        if data_at >= len(text) and not is_complete:
            return None
    return Statement(Kind.INSERT, text[:name_end], text[:cut], name, settings, data_at)


@dataclass(slots=True)
class _Scan:
    """What one pass over a statement's tokens found."""

    first: bytes = b""
    end: int = 0
    is_ended: bool = False
    is_insert: bool = False
    uses_input: bool = False
    format_at: int = -1
    format_end: int = -1
    format_state: int = 0

    def take(self, token: _Token, depth: int, previous: bytes) -> None:
        if token.text == b";":
            self.is_ended = True
            return
        if self.is_ended:
            raise SqlError(SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
        self.first = self.first or token.text
        if previous == b"INTO" and token.text == b"OUTFILE" and depth == 0:
            raise SqlError(NOT_IMPLEMENTED, "INTO OUTFILE is not allowed: the result is the response")
        self.is_insert |= token.text == b"INSERT" and depth == 0
        self.uses_input |= previous == b"INPUT" and token.text == b"("
        self._follow_format(token, depth)
        self.end = token.end

    def _follow_format(self, token: _Token, depth: int) -> None:
        """Keep the last FORMAT that is followed by a name and then by nothing or SETTINGS."""
        if self.format_state == 1 and token.is_word:
            self.format_end, self.format_state = token.end, 2
        elif self.format_state == 2 and token.text == b"SETTINGS":
            self.format_state = 3
        elif token.text == b"FORMAT" and token.is_word and depth == 0:
            self.format_at, self.format_state = token.start, 1
        elif self.format_state in {1, 2}:
            self.format_state = 0


def parse_statement(text: bytes) -> Statement:
    """Return the one statement of the complete `text`.

    Raises SqlError if there is none, or more than one, or one that reads or writes files of the server by itself.
    """
    if insert := find_insert(text, is_complete=True):
        return insert
    scan, previous = _Scan(), b""
    for token, depth in _with_depth(_tokens(text)):
        scan.take(token, depth, previous)
        previous = token.text
    if not scan.first:
        raise SqlError(SYNTAX_ERROR, "Syntax error: Empty query")
    if scan.is_insert and scan.uses_input:
        raise SqlError(NOT_IMPLEMENTED, "input() does not work in the embedded engine: insert into the table itself")
    whole = text[: scan.end]
    if scan.format_state not in {2, 3}:
        return Statement(_kind(scan), whole, whole)
    name = text[scan.format_at : scan.format_end].split()[-1].decode("ascii", "replace")
    return Statement(_kind(scan), whole, text[: scan.format_at], name, text[scan.format_end : scan.end])


def _kind(scan: _Scan) -> Kind:
    if scan.first in _STREAMING and not scan.is_insert:
        return Kind.SELECT
    if scan.first in _ANSWERING:
        return Kind.ANSWER
    return Kind.SETTING if scan.first in _STICKING else Kind.COMMAND
