"""The ClickHouse HTTP interface as an ASGI application over the engine in this process."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

from playhead.errors import StoreUnavailableError
from playhead.store.disk_guard import DiskGuard
from playhead.store.sql_exchange import ClientGoneError, Exchange, Receive, Scope, Send, summary_header
from playhead.store.sql_handles import (
    MAX_SESSION_TIMEOUT_S,
    Call,
    Outcome,
    Session,
    Sessions,
    kill_queries,
    run_alone,
)
from playhead.store.sql_request import Limits, read_statement
from playhead.store.sql_spool import PIECE_BYTES, InsertData, ResultPipe, Spool
from playhead.store.sql_statement import Kind, Statement
from playhead.store.sql_wire import (
    TOO_MANY_QUERIES,
    SqlError,
    new_exception_tag,
)

_LOG = logging.getLogger(__name__)
_KILL_INTERVAL_S = 0.2
_QUEUE_WAIT_S = 1.0
"""How long a request waits for another to end before it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """Which engine it is, and what it says of itself."""

    path: str
    database: str
    version: str
    timezone: str


class SqlApp:
    """Answers requests; made and used on one event loop, it runs statements on threads of its own."""

    def __init__(self, facts: EngineFacts, token: str, limits: Limits, spool: Spool, disk: DiskGuard) -> None:
        self._facts = facts
        self._disk = disk
        self._token = token
        self._limits = limits
        self._spool = spool
        self._threads = ThreadPoolExecutor(limits.max_connections, "sql-port")
        # A thread apart: statements that must be stopped may hold all the others.
        self._stopper = ThreadPoolExecutor(1, "sql-port-stop")
        self._sessions = Sessions(limits.max_sessions, self._close_session)
        self._slots = asyncio.Semaphore(limits.max_connections)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send, self._limits.idle_timeout_s)
        with suppress(ClientGoneError):
            try:
                await self._answer(exchange)
            except SqlError as error:
                await exchange.fail(error, self._facts.version)

    def _close_session(self, session: Session) -> None:
        self._stopper.submit(session.close)

    def close(self) -> None:
        """Wait for running statements and let all handles go."""
        self._threads.shutdown(wait=True)
        self._stopper.shutdown(wait=True)
        self._sessions.close_all()

    async def _answer(self, exchange: Exchange) -> None:
        exchange.check_host()
        path, method = exchange.scope["path"], exchange.scope["method"]
        if method not in {"GET", "HEAD", "POST"}:
            await exchange.reply(405, b"Only GET, HEAD and POST are served here\n", {"connection": "close"})
        elif path in {"/ping", "/replicas_status"} or (path == "/" and not exchange.params and method != "POST"):
            await exchange.reply(200, b"Ok.\n")
        elif path != "/":
            await exchange.reply(404, b"There is no handle for this path; use / or /ping\n", {"connection": "close"})
        else:
            exchange.check_password(self._token)
            await self._answer_within_limit(exchange)

    async def _answer_within_limit(self, exchange: Exchange) -> None:
        try:
            async with asyncio.timeout(_QUEUE_WAIT_S):
                await self._slots.acquire()
        except TimeoutError as error:
            limit = self._limits.max_connections
            raise SqlError(TOO_MANY_QUERIES, f"Too many simultaneous queries: {limit} are under way") from error
        try:
            await self._run(exchange)
        finally:
            self._slots.release()

    async def _run(self, exchange: Exchange) -> None:
        with self._spool.new_insert() as data:
            statement = await read_statement(exchange, data, self._spool, self._limits)
            self._check_readonly(exchange, statement)
            if statement.kind is Kind.SELECT:
                await self._guard(exchange, self._select(exchange, statement))
            elif statement.kind is Kind.INSERT:
                await self._insert(exchange, statement, data)
            else:
                await self._execute(exchange, statement)

    @staticmethod
    def _check_readonly(exchange: Exchange, statement: Statement) -> None:
        implied = 0 if exchange.scope["method"] == "POST" else 2
        statement.check_readonly(exchange.number("readonly", 0, 2) or implied)

    async def _execute(self, exchange: Exchange, statement: Statement) -> None:
        call = self._call(exchange, statement, statement.text)
        outcome = await self._on_thread(exchange, call)
        has_result = bool(outcome.body) or statement.kind is Kind.ANSWER
        format_name = statement.format_name or exchange.default_format
        await exchange.start(self._headers(exchange, format_name if has_result else "", outcome))
        await exchange.write(outcome.body)
        await exchange.finish()

    async def _insert(self, exchange: Exchange, statement: Statement, data: InsertData) -> None:
        path = data.finish()
        outcome = await self._on_thread(exchange, self._call(exchange, statement, statement.from_file(path), path))
        await exchange.start(self._headers(exchange, "", outcome))
        await exchange.finish()

    async def _select(self, exchange: Exchange, statement: Statement) -> None:
        format_name = statement.format_name or exchange.default_format
        with self._spool.new_pipe() as pipe:
            path = str(pipe.path)
            call = self._call(exchange, statement, statement.into_file(path, format_name), path)
            running = asyncio.ensure_future(self._on_thread(exchange, call))
            running.add_done_callback(lambda _: pipe.finish())
            try:
                await self._relay(exchange, pipe, running, format_name)
            finally:
                await self._stop(pipe, running)

    async def _relay(
        self, exchange: Exchange, pipe: ResultPipe, running: asyncio.Future[Outcome], format_name: str
    ) -> None:
        """Send the result; what fits the first piece, or must wait for the end, is sent with its outcome known."""
        pieces = pipe.pieces()
        with self._spool.new_buffer() as held:
            must_wait = exchange.flag("wait_end_of_query")
            async for piece in pieces:
                held.write(piece)
                if not must_wait and held.tell() >= PIECE_BYTES:
                    break
            else:
                outcome = await running
                await exchange.start(self._headers(exchange, format_name, outcome))
                await _send_file(exchange, held)
                return await exchange.finish()
            tag = new_exception_tag()
            await exchange.start({**self._headers(exchange, format_name), "x-clickhouse-exception-tag": tag})
            await _send_file(exchange, held)
        async for piece in pieces:
            await exchange.write(piece)
        try:
            await running
        except SqlError as error:
            return await exchange.break_off(error, tag)
        return await exchange.finish()

    async def _stop(self, pipe: ResultPipe, running: asyncio.Future[Outcome]) -> None:
        """Stop the statement if it still runs, and wait for that, so that its handle is free again."""
        loop = asyncio.get_running_loop()
        while not running.done():
            _LOG.info("stopping a statement whose client has gone")
            await loop.run_in_executor(self._stopper, kill_queries, self._facts.path, str(pipe.path))
            pipe.discard()
            await asyncio.wait({running}, timeout=_KILL_INTERVAL_S)
        if not running.cancelled():
            running.exception()

    async def _guard(self, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`, but cancel it when the client goes."""
        task = asyncio.create_task(work)
        gone = asyncio.ensure_future(exchange.gone())
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    async def _on_thread(self, exchange: Exchange, call: Call) -> Outcome:
        """Run `call` on the request's session or on a handle of its own."""
        loop = asyncio.get_running_loop()
        session = self._session(exchange)
        if session is None:
            return await asyncio.shield(loop.run_in_executor(self._threads, self._run_guarded, run_alone, call))
        run = partial(session.run, default_database=self._facts.database)
        running = loop.run_in_executor(self._threads, self._run_guarded, run, call)
        is_last = exchange.flag("close_session")
        running.add_done_callback(lambda _: self._sessions.give_back(session, close=is_last))
        return await asyncio.shield(running)

    def _run_guarded(self, run: Callable[[str, Call], Outcome], call: Call) -> Outcome:
        try:
            with self._disk.statement(writes=call.writes):
                return run(self._facts.path, call)
        except StoreUnavailableError as error:
            raise SqlError(error.code_number or TOO_MANY_QUERIES, error.detail) from error

    def _session(self, exchange: Exchange) -> Session | None:
        session_id = exchange.params.get("session_id", "")
        if not session_id:
            return None
        timeout_s = exchange.number("session_timeout", self._limits.session_timeout_s, MAX_SESSION_TIMEOUT_S)
        return self._sessions.take(session_id, timeout_s, must_exist=exchange.flag("session_check"))

    def _call(self, exchange: Exchange, statement: Statement, sql: bytes, path: str = "") -> Call:
        database = exchange.database
        if not database and not exchange.params.get("session_id"):
            database = self._facts.database
        return Call(
            sql=sql,
            output_format=exchange.default_format,
            parameters=exchange.query_parameters(),
            settings=exchange.settings(),
            database=database,
            hidden_path=path,
            changes_session=statement.changes_session,
            writes=statement.writes,
        )

    def _headers(self, exchange: Exchange, format_name: str, outcome: Outcome | None = None) -> dict[str, str]:
        headers = {
            "content-type": _CONTENT_TYPES.get(format_name, "text/plain; charset=UTF-8"),
            "x-clickhouse-timezone": exchange.params.get("session_timezone") or self._facts.timezone,
            "x-clickhouse-server-display-name": "playhead",
        }
        if format_name:
            headers["x-clickhouse-format"] = format_name
        if outcome is not None:
            headers["x-clickhouse-summary"] = summary_header(outcome.summary)
        return headers


_CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "JSONCompactEachRow": "application/x-ndjson; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TSVWithNames": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
}


async def _send_file(exchange: Exchange, held: "SpooledTemporaryFile[bytes]") -> None:
    held.seek(0)
    while piece := held.read(PIECE_BYTES):
        await exchange.write(piece)


def spool_folder(path: str) -> Path:
    """Return the port's folder, next to the engine's data so that it is on the same disk."""
    return Path(path).resolve() / "sql_port"
