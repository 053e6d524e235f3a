"""A Store over clickhouse-connect: client handles, the threads that use them, errors by class."""

import asyncio
import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from playhead.errors import StoreLostError, StoreUnavailableError
from playhead.settings import Settings
from playhead.store.contract import Parameters, Row
from playhead.store.error_classes import classify_error
from playhead.store.sql_files import name_of

Answer = TypeVar("Answer")

RETRY_PAUSE_S = 0.1
"""Before a read whose answer got lost is asked again; twice as long before each further try."""


def insert_settings(settings: Settings) -> dict[str, Any]:
    """Return what every insert runs with; the refresh relies on none taking longer than its timeout."""
    return _cluster_settings(settings) | {
        "async_insert": 0,
        "date_time_input_format": "best_effort",
        "max_execution_time": settings.insert_timeout_s,
    }


def query_settings(settings: Settings) -> dict[str, Any]:
    """Return what every other statement runs with.

    Without compiling: the fourth question of a kind would wait for it, three times as long as it takes otherwise, and
    none is faster for it. Without statistics: planning by those of a part that a merge has just removed fails.
    """
    return _cluster_settings(settings) | {
        "use_statistics": 0,
        "compile_expressions": 0,
        "compile_aggregate_expressions": 0,
        "compile_sort_description": 0,
        "async_insert": 0,
        "output_format_json_quote_64bit_integers": 0,
        "output_format_json_quote_decimals": 0,
        "output_format_json_quote_denormals": 0,
        "max_execution_time": settings.query_timeout_s,
        "max_memory_usage": settings.query_max_memory_bytes,
    }


def _cluster_settings(settings: Settings) -> dict[str, Any]:
    """Return what makes statements over shards come to what they do on one server.

    An insert has reached its shards when it returns; the smaller sides of joins and IN are worked out over all shards,
    not on each from its own; nothing is put where it was read without having been through the sharding key; nobody asks
    another replica while the first is only slow.
    """
    if not settings.clickhouse_cluster:
        return {}
    return {
        "distributed_foreground_insert": 1,
        "distributed_product_mode": "global",
        "parallel_distributed_insert_select": 0,
        "load_balancing": "in_order",
        "use_hedged_requests": 0,
    }


class Packing(msgspec.Struct, frozen=True):
    """How inserts are compressed: by what function, under which name of HTTP's Content-Encoding."""

    encoding: str
    pack: Callable[[bytes], bytes]


def _run_freely(*, writes: bool) -> AbstractContextManager[None]:  # noqa: ARG001  # Whether or not it does.
    return nullcontext()


class Transport(msgspec.Struct, frozen=True, kw_only=True):
    """What sets a server apart from the engine in this process.

    A read whose answer got lost is asked `read_attempts` times; writes are repeated by who knows that it does no harm.
    Each statement runs within `run_within`, which is told whether it writes and may refuse it.
    """

    read_attempts: int = 1
    has_query_log: bool = False
    packing: Packing | None = None
    run_within: Callable[..., AbstractContextManager[None]] = _run_freely


class ClientPool:
    """As many threads as handles; each call borrows one handle for itself."""

    def __init__(
        self, name: str, size: int, connect: Callable[[], Client], *, on_close: Callable[[], object] = lambda: None
    ) -> None:
        """`connect` opens a handle; `on_close` lets go what they share, once all of them are closed."""
        self._connect = connect
        self._on_close = on_close
        self._idle: queue.SimpleQueue[Client | None] = queue.SimpleQueue()
        for _ in range(size):
            self._idle.put(None)
        self._size = size
        self._threads = ThreadPoolExecutor(max_workers=size, thread_name_prefix=f"store-{name}")
        self._calls: set[Future[Any]] = set()

    async def run(self, work: Callable[[Client], Answer]) -> Answer:
        """Return `work(client)` run on a thread; handles are opened when first needed."""
        try:
            call = self._threads.submit(self._borrow, work)
        except RuntimeError as error:
            raise StoreUnavailableError(f"the store is closed: {error}") from error
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return await asyncio.wrap_future(call)

    def _borrow(self, work: Callable[[Client], Answer]) -> Answer:
        client = self._idle.get()
        try:
            client = client or self._connect()
            return work(client)
        except (ClickHouseError, OSError) as error:
            raise classify_error(error) from error
        finally:
            self._idle.put(client)

    def close(self, ends_at: float | None = None) -> bool:
        """Wait for running calls until `ends_at` (monotonic) and close the handles; return whether all had ended."""
        self._threads.shutdown(wait=False)
        if wait(set(self._calls), None if ends_at is None else max(0.0, ends_at - time.monotonic())).not_done:
            return False
        self._threads.shutdown(wait=True)
        for _ in range(self._size):
            client = self._idle.get()
            if client is not None:
                client.close()
        self._on_close()
        return True


class ClientStore:
    """The Store both engines share; they differ in how a handle is opened, and in how statements get there."""

    def __init__(
        self, database: str, *, inserts: ClientPool, queries: ClientPool, transport: Transport | None = None
    ) -> None:
        self.database = database
        self._inserts = inserts
        self._queries = queries
        self._transport = transport or Transport()

    async def fetch(self, sql: str, row_type: type[Row], parameters: Parameters | None = None) -> list[Row]:
        """Return the rows of a SELECT as Structs."""

        def ask(client: Client) -> bytes:
            with self._transport.run_within(writes=False):
                return client.raw_query(sql, dict(parameters or {}), fmt="JSONEachRow", settings=self._comment(sql))

        answer = await self._read(ask)
        return msgspec.json.Decoder(row_type).decode_lines(answer)

    async def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement without an answer."""

        def run(client: Client) -> Any:
            with self._transport.run_within(writes=True):
                return client.command(sql, dict(parameters or {}), settings=self._comment(sql))

        await self._queries.run(run)

    async def may(self, right: str) -> bool:
        """Return whether the database's user has a right, told as in GRANT: `INSERT ON streams`."""

        def ask(client: Client) -> Any:
            return client.command(f"CHECK GRANT {right}")

        return bool(int(await self._queries.run(ask)))

    async def insert(self, table: str, columns: Sequence[str], lines: bytes) -> None:
        """Insert JSONCompactEachRow lines; durable when it returns."""

        def write(client: Client) -> Any:
            packing = self._transport.packing
            with self._transport.run_within(writes=True):
                return client.raw_insert(
                    table,
                    columns,
                    packing.pack(lines) if packing else lines,
                    fmt="JSONCompactEachRow",
                    compression=packing.encoding if packing else None,
                    settings=self._comment("", f"insert {table}"),
                )

        await self._inserts.run(write)

    async def close(self, within_s: float | None = None, /) -> bool:
        """Wait for running calls and let the engine go; return whether they ended in time."""
        ends_at = None if within_s is None else time.monotonic() + within_s
        pools = (self._inserts, self._queries)
        return all([await asyncio.to_thread(pool.close, ends_at) for pool in pools])

    async def _read(self, ask: Callable[[Client], bytes]) -> bytes:
        for attempt in range(1, self._transport.read_attempts):
            try:
                return await self._queries.run(ask)
            except StoreLostError:
                await asyncio.sleep(RETRY_PAUSE_S * 2 ** (attempt - 1))
        return await self._queries.run(ask)

    def _comment(self, sql: str, name: str = "") -> dict[str, Any] | None:
        """Return the setting by which query_log tells what asked: the name of the question's file."""
        return {"log_comment": f"playhead {name or name_of(sql)}"} if self._transport.has_query_log else None
