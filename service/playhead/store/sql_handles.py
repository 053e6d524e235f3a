"""The engine's handles as the SQL port uses them: a fresh one a request, or one a session."""

import asyncio
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import chdb

from playhead.store.sql_wire import (
    BAD_REQUEST_PARAMETER,
    SESSION_IS_LOCKED,
    SESSION_NOT_FOUND,
    TOO_MANY_QUERIES,
    SqlError,
    engine_error,
)

_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MAX_SESSION_TIMEOUT_S = 3600


def quote(text: str) -> str:
    """Return `text` as a SQL string."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def quote_name(name: str) -> str:
    """Return `name` as a SQL identifier."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One statement with what holds for it alone: parameters in ClickHouse's escaped form, settings, database."""

    sql: bytes
    output_format: str
    parameters: Mapping[str, str]
    settings: Mapping[str, str]
    database: str
    hidden_path: str = ""
    changes_session: bool = False
    writes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a statement gave: the result (empty where it went to a file) and the counts of X-ClickHouse-Summary."""

    body: bytes
    summary: Mapping[str, str]


class EngineHandle:
    """One connection to the engine in this process; its calls must not overlap."""

    def __init__(self, path: str, database: str) -> None:
        # The engine compares paths letter by letter, so all of the process must spell it alike.
        self._connection: Any = chdb.connect(os.path.realpath(path))  # type: ignore[no-untyped-call, unused-ignore]
        try:
            self.query("SET async_insert = 0")
            if database:
                self.query(f"USE {quote_name(database)}")
        except SqlError:
            self.close()
            raise

    def query(self, sql: str, output_format: str = "TabSeparated") -> bytes:
        """Return the small result of `sql`; raises SqlError."""
        try:
            return bytes(self._connection.query(sql, output_format).bytes() or b"")
        except RuntimeError as error:  # The root of the errors it raises.
            raise engine_error(error) from error

    def prepare(self, call: Call) -> None:
        """Apply the settings and the database of `call`; raises SqlError."""
        if call.database:
            self.query(f"USE {quote_name(call.database)}")
        if call.settings:
            self.query("SET " + ", ".join(f"{_checked(name)} = {quote(text)}" for name, text in call.settings.items()))

    def run(self, call: Call) -> Outcome:
        """Run the statement of `call` on a prepared handle; raises SqlError."""
        try:
            result = self._connection.query(call.sql, call.output_format, params=dict(call.parameters))
        except RuntimeError as error:  # The root of the errors it raises.
            raise engine_error(error, call.hidden_path) from error
        summary = {
            "read_rows": str(result.storage_rows_read()),
            "read_bytes": str(result.storage_bytes_read()),
            "written_rows": str(result.rows_written()),
            "written_bytes": str(result.bytes_written()),
            "total_rows_to_read": "0",
            "result_rows": str(result.rows_read()),
            "result_bytes": str(result.bytes_read()),
            "elapsed_ns": str(int(result.elapsed() * 1e9)),
        }
        return Outcome(body=result.bytes() or b"", summary=summary)

    def close(self) -> None:
        """Let the engine go; the last handle of a process closes it."""
        self._connection.close()


def _checked(name: str) -> str:
    if not _SETTING_NAME.fullmatch(name):
        raise SqlError(BAD_REQUEST_PARAMETER, f"{name!r} is not the name of a setting")
    return name


def run_alone(path: str, call: Call) -> Outcome:
    """Run `call` on a handle of its own, so that nothing it sets can reach another request."""
    handle = EngineHandle(path, "")
    try:
        handle.prepare(call)
        return handle.run(call)
    finally:
        handle.close()


def kill_queries(path: str, marker: str) -> None:
    """Stop the statements whose text holds `marker`."""
    handle = EngineHandle(path, "")
    try:
        # Written in two halves, or the statement would find and stop itself.
        half = len(marker) // 2
        found = f"concat({quote(marker[:half])}, {quote(marker[half:])})"
        handle.query(f"KILL QUERY WHERE position(query, {found}) > 0 ASYNC")
    finally:
        handle.close()


@dataclass(slots=True)
class Session:
    """A client's handle, with its temporary tables and what it SET; one request at a time."""

    session_id: str
    timeout_s: float
    handle: EngineHandle | None = None
    is_busy: bool = True
    has_state: bool = False
    expiry: asyncio.TimerHandle | None = field(default=None, repr=False)

    def run(self, path: str, call: Call, default_database: str) -> Outcome:
        """Run `call`, then put back what held before it; a session that cannot be put back is closed."""
        if self.handle is None:
            self.handle = EngineHandle(path, default_database)
        self.has_state |= call.changes_session
        restore = self._snapshot(self.handle, call)
        try:
            self.handle.prepare(call)
            return self.handle.run(call)
        finally:
            self._restore(restore)

    @staticmethod
    def _snapshot(handle: EngineHandle, call: Call) -> list[str]:
        statements = []
        if call.database:
            database = json.loads(handle.query("SELECT currentDatabase() AS name", "JSONEachRow"))["name"]
            statements.append(f"USE {quote_name(database)}")
        if call.settings:
            names = ", ".join(quote(name) for name in call.settings)
            lines = handle.query(
                f"SELECT name, value, changed FROM system.settings WHERE name IN ({names})",  # noqa: S608  # Quoted.
                "JSONEachRow",
            )
            rows = [json.loads(line) for line in lines.splitlines()]
            parts = [f"{row['name']} = {_literal(row['value']) if row['changed'] else 'DEFAULT'}" for row in rows]
            statements += ["SET " + ", ".join(parts)] if parts else []
        return statements

    def _restore(self, statements: list[str]) -> None:
        try:
            for sql in statements:
                if self.handle is not None:
                    self.handle.query(sql)
        except SqlError:
            self.close()

    def close(self) -> None:
        """Let the handle go, and the temporary tables with it."""
        if self.handle is not None:
            self.handle.close()
            self.handle = None


def _literal(setting: str) -> str:
    is_expression = len(setting) > 1 and setting.startswith("'") and setting.endswith("'")
    return setting if is_expression else quote(setting)


class Sessions:
    """Sessions by id, bounded in number and time; used on the port's event loop alone.

    Drivers name a session each time they are opened and seldom use it, so where there are too many the idle one
    without state that was used longest ago makes room.
    """

    def __init__(self, limit: int, close: Callable[[Session], None]) -> None:
        self._limit = limit
        self._close = close
        self._by_id: dict[str, Session] = {}

    def take(self, session_id: str, timeout_s: float, *, must_exist: bool) -> Session:
        """Return the session for one request alone, a new one if there is none.

        Raises SqlError where it is in use, must exist and does not, or one more would be too many.
        """
        session = self._by_id.get(session_id)
        if session is None:
            if must_exist:
                raise SqlError(SESSION_NOT_FOUND, "Session not found")
            if len(self._by_id) >= self._limit:
                self._make_room()
            session = self._by_id[session_id] = Session(session_id, timeout_s)
        elif session.is_busy:
            raise SqlError(SESSION_IS_LOCKED, "Session is locked by a concurrent client")
        if session.expiry is not None:
            session.expiry.cancel()
        session.is_busy, session.timeout_s = True, timeout_s
        self._by_id[session_id] = self._by_id.pop(session_id)  # The last is the one used last.
        return session

    def _make_room(self) -> None:
        spare = next((kept for kept in self._by_id.values() if not kept.is_busy and not kept.has_state), None)
        if spare is None:
            raise SqlError(TOO_MANY_QUERIES, f"Too many sessions: {self._limit} are in use or hold state")
        if spare.expiry is not None:
            spare.expiry.cancel()
        self._expire(spare)

    def give_back(self, session: Session, *, close: bool = False) -> None:
        """End the request; without another one within its timeout the session ends too."""
        session.is_busy = False
        if close:
            self._expire(session)
        else:
            loop = asyncio.get_running_loop()
            session.expiry = loop.call_later(session.timeout_s, self._expire, session)

    def _expire(self, session: Session) -> None:
        if self._by_id.get(session.session_id) is session:
            del self._by_id[session.session_id]
        self._close(session)

    def close_all(self) -> None:
        """Close every session; none may be in use."""
        for session in self._by_id.values():
            session.close()
        self._by_id.clear()
