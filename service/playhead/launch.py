"""Starts the service: logging, the store, the HTTP server, and the lines that say where it is."""

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType

import msgspec
import structlog
import uvicorn

from playhead.app import create_app
from playhead.http_protocol import bounded_protocol
from playhead.settings import Settings, secrets_of
from playhead.store.cluster import open_cluster_store
from playhead.store.contract import Store
from playhead.store.disk_guard import DiskGuard
from playhead.store.embedded import (
    DATABASE,
    embedded_path,
    guard_disk,
    let_merges_give_way,
    open_embedded_store,
    require_unused,
)
from playhead.store.server import open_ingest_store, open_server_store
from playhead.store.sql_endpoint import SqlEndpoint, ensure_token
from playhead.store.sql_target import open_sql_target
from playhead.workers import Supervisor, WorkerPlace

log = structlog.get_logger()

STATUS_NOT_STARTED = 3

GC_THRESHOLDS = (100_000, 20, 100)
"""Requests under way are thousands of objects, which the defaults look at again and again (docs/performance.md)."""


def open_store(settings: Settings, disk: DiskGuard | None = None) -> Store:
    """Return the store the settings ask for: a cluster or server by URL, else the engine here, as `disk` lets it."""
    if settings.clickhouse_cluster:
        return open_cluster_store(settings)
    return open_server_store(settings) if settings.clickhouse_url else open_embedded_store(settings, guard=disk)


@asynccontextmanager
async def reach_store(settings: Settings) -> AsyncIterator[tuple[Settings, Store]]:
    """Give a store on the configured engine though another process may have it, and settings that say where.

    The embedded engine is reached through the SQL port of the service that has it, or one of this context's own.
    Raises StoreUnavailableError where a service has the engine and no port open.
    """
    async with open_sql_target(settings) as target:
        reached = msgspec.structs.replace(settings, clickhouse_url=target.url)
        store = open_store(reached)
        try:
            yield reached, store
        finally:
            await store.close()


class Redaction(logging.Formatter):
    """Takes secrets out of what is logged, whoever logs it: an error of a library may carry the URL it was given."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__(logging.BASIC_FORMAT)
        written = {json.dumps(secret)[1:-1] for secret in secrets} | set(secrets)
        self._secrets = sorted((secret for secret in written if secret), key=len, reverse=True)

    def redact(self, line: str) -> str:
        """Return a line without secrets."""
        for secret in self._secrets:
            line = line.replace(secret, "(secret)")
        return line

    def format(self, record: logging.LogRecord) -> str:
        """Return a record of the standard library as a line without secrets."""
        return self.redact(super().format(record))


def configure_logging(level: str, secrets: Collection[str] = ()) -> None:
    """Write one JSON object a line to standard error; addresses of clients and `secrets` are in none of them."""
    redaction = Redaction(secrets)
    numeric = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
            lambda _, __, line: redaction.redact(str(line)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(redaction)
    logging.basicConfig(level=max(numeric, logging.WARNING), handlers=[handler])


class _Server(uvicorn.Server):
    """Says where it is once it listens."""

    def __init__(self, config: uvicorn.Config, settings: Settings, sql_endpoint: SqlEndpoint | None) -> None:
        super().__init__(config)
        self._settings = settings
        self._sql_endpoint = sql_endpoint
        self.first_key: str | None = None
        self.place: WorkerPlace | None = None
        self._told_to_end_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take the signal to end, and note when."""
        self._note_end()
        super().handle_exit(sig, frame)

    def time_left_s(self) -> float:
        """Return how much of the time to end in is left, in seconds; all of it where nobody said to end."""
        left_s = float(self._settings.shutdown_timeout_s)
        return left_s if self._told_to_end_at is None else max(0.0, left_s - time.monotonic() + self._told_to_end_at)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            return
        if self.place is not None:
            self.place.watch(asyncio.get_running_loop(), self._end)
            if not self.place.is_first:
                return
        port = self.servers[0].sockets[0].getsockname()[1]
        print("\n".join(self._greeting(f"http://{self._settings.host}:{port}")), flush=True)

    def _end(self) -> None:
        self._note_end()
        self.should_exit = True

    def _note_end(self) -> None:
        if self._told_to_end_at is None:
            self._told_to_end_at = time.monotonic()

    def _greeting(self, url: str) -> list[str]:
        lines = [f"Playhead is ready at {url}"]
        if self._sql_endpoint is not None:
            token = Path(self._settings.data_dir) / "sql.token"
            lines.append(
                f"  SQL         http://127.0.0.1:{self._sql_endpoint.port} (user playhead, password in {token})"
            )
        lines += [
            f"  send events {url}/analytics/events",
            f"  read them   {url}/admin/analytics/streams",
            f"  try it out  {url}/docs",
            f"  admin key   {self.key_line()}",
        ]
        return lines

    def key_line(self) -> str:
        """Return how to get in."""
        if self.first_key:
            return f"{self.first_key} (made now, shown only this once)"
        return "the one in PLAYHEAD_ADMIN_KEY" if self._settings.admin_key else "the one printed on first start"


def serve(settings: Settings) -> None:
    """Run the service until SIGINT or SIGTERM; what was accepted is stored before it ends."""
    configure_logging(settings.log_level, secrets_of(settings))
    if settings.workers > 1:
        sys.exit(Supervisor(settings, _serve_here).run())
    _serve_here(settings)


def _serve_here(settings: Settings, place: WorkerPlace | None = None) -> None:
    """Serve in this process: all there is, or one worker of several."""
    if not settings.clickhouse_url:
        require_unused(settings)
    disk = None if settings.clickhouse_url else guard_disk(settings)
    store = open_store(settings, disk)
    ingest_store = open_ingest_store(settings) if settings.clickhouse_ingest_url else store
    sql_endpoint = _open_sql_endpoint(settings, disk)

    async def on_start(first_key: str | None) -> None:
        server.first_key = first_key
        _spare_collector()
        if not settings.clickhouse_url:
            let_merges_give_way(settings.merge_nice)
        if sql_endpoint is not None:
            sql_endpoint.start()

    is_first = place is None or place.is_first
    app = create_app(settings, store, on_start=on_start, ingest_store=ingest_store, is_first_worker=is_first)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        http=bounded_protocol(settings, app.shortcut),
        ws="none",
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.shutdown_timeout_s,
        backlog=4096,
    )
    server = _Server(config, settings, sql_endpoint)
    server.place = place
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        # The server raises the signal that ended it once more when it is done; by then nothing is left to end.
        signal.signal(signal_number, lambda *_: None)
    try:
        server.run(sockets=None if place is None else [place.socket])
    finally:
        if server.first_key and not server.started:
            # Kept hashed already: a start that fails after it, on a port in use, must not take the only way in along.
            print(f"admin key {server.key_line()}", flush=True)
        if sql_endpoint is not None:
            sql_endpoint.stop()
        have_ended = asyncio.run(_close(server.time_left_s(), store, ingest_store))
    status = 0 if server.started else STATUS_NOT_STARTED
    if not have_ended:
        # All that was taken is stored. What hangs asks or derives, in a thread that the end would wait for.
        log.warning("statements_given_up")
        sys.stdout.flush()
        os._exit(status)
    if status:
        sys.exit(status)


async def _close(within_s: float, *stores: Store) -> bool:
    different = {id(store): store for store in stores}.values()
    return all(await asyncio.gather(*(store.close(within_s) for store in different)))


def _spare_collector() -> None:
    """Keep Python's cycle collector from going through what stays for good, and from running at every other request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _open_sql_endpoint(settings: Settings, disk: DiskGuard | None) -> SqlEndpoint | None:
    if disk is None or not settings.sql_port:
        return None
    return SqlEndpoint(
        path=str(embedded_path(settings)),
        database=DATABASE,
        port=settings.sql_port,
        token=ensure_token(Path(settings.data_dir)),
        max_connections=settings.sql_max_connections,
        disk=disk,
    )
