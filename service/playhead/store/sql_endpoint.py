"""The SQL port: the ClickHouse HTTP interface over the embedded engine, on the loopback address alone."""

import asyncio
import os
import secrets
import socket
import threading
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from playhead.errors import StoreUnavailableError
from playhead.store.disk_guard import DiskGuard
from playhead.store.sql_app import EngineFacts, SqlApp, spool_folder
from playhead.store.sql_handles import EngineHandle, quote_name
from playhead.store.sql_request import Limits
from playhead.store.sql_spool import Spool
from playhead.store.sql_wire import SqlError

_ADDRESS = "127.0.0.1"
_GRACE_S = 5
_SOCKETS_PER_REQUEST = 4
"""Idle connections are cheap and pools keep some, but their number is bounded too."""
_MAX_HEAD_BYTES = 1024 * 1024


def ensure_token(data_dir: Path) -> str:
    """Return the port's password, kept in `<data_dir>/sql.token`, which is made when it is missing.

    The file is its owner's alone (mode 0600) and appears whole or not at all. Raises OSError.
    """
    path = data_dir / "sql.token"
    data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f".sql.token.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # Unlike a rename this keeps a token that another process has just made.
        except FileExistsError:
            path.chmod(0o600)
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii").strip()


class _Protocol(HttpToolsProtocol):
    """Closes connections that send no whole request head in time or size, and those beyond `max_sockets`."""

    max_sockets = 0
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.max_sockets:
            transport.close()
            return
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        armed, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle  # Its declared type leaves out that there may be none yet.
        if cycle is not None and not cycle.response_complete:
            self._head_bytes = 0
            if armed is not None:
                armed.cancel()
            return
        # A part of a head must not win more time than its first byte had.
        self.timeout_keep_alive_task = armed
        self._head_bytes += len(data)
        if self._head_bytes > _MAX_HEAD_BYTES:
            self.transport.close()


class SqlEndpoint:
    """Serves `database` of the engine at `path` from a thread of its own, between `start` and `stop`.

    Clients sign in as `playhead` (or `default`) with `token`. At most `max_connections` requests are served at once
    and `max_sessions` sessions kept, a connection without traffic ends after `idle_timeout_s`. The engine must be
    open in this process, or free for it; statements run as its `disk` lets them.
    """

    def __init__(  # noqa: PLR0913  # Each is one setting.
        self,
        *,
        path: str,
        database: str,
        port: int,
        token: str,
        max_connections: int,
        max_sessions: int = 256,
        max_statement_bytes: int = 4 * 1024**2,
        max_insert_bytes: int = 8 * 1024**3,
        idle_timeout_s: float = 60.0,
        session_timeout_s: int = 60,
        disk: DiskGuard | None = None,
    ) -> None:
        if not token:
            raise ValueError("the SQL port does not serve without a password")
        self.port = port
        self._path = path
        self._database = database
        self._token = token
        self._disk = disk or DiskGuard(Path(path), 0)
        self._limits = Limits(
            max_connections=max_connections,
            max_sessions=max_sessions,
            max_statement_bytes=max_statement_bytes,
            max_insert_bytes=max_insert_bytes,
            idle_timeout_s=idle_timeout_s,
            session_timeout_s=session_timeout_s,
        )
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen, and return when requests are taken; `port` then is the real one.

        Raises OSError where the port is taken or the folder cannot be written, and StoreUnavailableError where the
        engine cannot be opened.
        """
        listener = socket.create_server((_ADDRESS, self.port), backlog=256)
        # Its connections inherit this. An answer is two writes: the second would wait 40 ms for the first to be noted.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        spool = Spool(spool_folder(self._path))
        try:
            keeper, facts = self._open_engine()
            spool.open()
        except BaseException:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        app = SqlApp(facts, self._token, self._limits, spool, self._disk)
        started = threading.Event()
        server = self._server = _Server(self._config(app), started)

        def serve() -> None:
            try:
                asyncio.run(_serve(server, listener, app))
            finally:
                started.set()
                listener.close()
                keeper.close()
                spool.close()

        self._thread = threading.Thread(target=serve, name="sql-port", daemon=True)
        self._thread.start()
        started.wait()

    def stop(self) -> None:
        """Take no more requests, end those under way, and return when the engine is let go; does nothing twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._server is not None:
            self._server.should_exit = True
        thread.join()

    def _open_engine(self) -> tuple[EngineHandle, EngineFacts]:
        try:
            keeper = EngineHandle(self._path, "")
            keeper.query(f"CREATE DATABASE IF NOT EXISTS {quote_name(self._database)}")
            version, timezone = keeper.query("SELECT version(), timezone()").decode().split()
        except (RuntimeError, SqlError) as error:
            raise StoreUnavailableError(f"the engine at {self._path} cannot be opened: {error}") from error
        return keeper, EngineFacts(path=self._path, database=self._database, version=version, timezone=timezone)

    def _config(self, app: SqlApp) -> uvicorn.Config:
        max_sockets = self._limits.max_connections * _SOCKETS_PER_REQUEST
        options: dict[str, Any] = {"access_log": False, "log_config": None, "server_header": False}
        return uvicorn.Config(
            app,
            http=type("_BoundedProtocol", (_Protocol,), {"max_sockets": max_sockets}),
            ws="none",
            lifespan="off",
            proxy_headers=False,
            timeout_keep_alive=int(self._limits.idle_timeout_s),
            timeout_graceful_shutdown=_GRACE_S,
            **options,
        )


async def _serve(server: uvicorn.Server, listener: socket.socket, app: SqlApp) -> None:
    try:
        await server.serve(sockets=[listener])
    finally:
        await asyncio.to_thread(app.close)


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, listening: threading.Event) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()
