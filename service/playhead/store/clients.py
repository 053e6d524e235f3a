"""A Store over clickhouse-connect: client handles, the threads that use them, errors by class."""

import asyncio
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from playhead.errors import StoreError, StoreRejectedError, StoreUnavailableError
from playhead.settings import Settings
from playhead.store.contract import Parameters, Row

Answer = TypeVar("Answer")

REJECTING_CODES = frozenset({
    6, 20, 26, 27, 33, 38, 41, 42, 43, 44, 46, 47, 53, 62, 70, 72, 117, 128, 130, 131, 158, 190, 307, 321, 349, 376,
    396, 407, 441, 456, 457, 691,
})  # fmt: skip
"""ClickHouse errors that are the statement's or the row's fault: parsing, types, ranges, syntax."""


def insert_settings(settings: Settings) -> dict[str, Any]:
    """Return what every insert runs with; the refresh relies on none taking longer than its timeout."""
    return {
        "async_insert": 0,
        "date_time_input_format": "best_effort",
        "max_execution_time": settings.insert_timeout_s,
    }


def query_settings(settings: Settings) -> dict[str, Any]:
    """Return what every other statement runs with."""
    return {
        "async_insert": 0,
        "output_format_json_quote_64bit_integers": 0,
        "output_format_json_quote_decimals": 0,
        "output_format_json_quote_denormals": 0,
        "max_execution_time": settings.query_timeout_s,
        "max_memory_usage": settings.query_max_memory_bytes,
    }


def classify_error(error: Exception) -> StoreError:
    """Return `error` of the driver as one of ours: worth a later try, or never."""
    code = int(getattr(error, "code", None) or 0)
    kind = StoreRejectedError if code in REJECTING_CODES else StoreUnavailableError
    return kind(str(error), code_number=code)


class ClientPool:
    """As many threads as handles; each call borrows one handle for itself."""

    def __init__(self, name: str, size: int, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._idle: queue.SimpleQueue[Client | None] = queue.SimpleQueue()
        for _ in range(size):
            self._idle.put(None)
        self._size = size
        self._threads = ThreadPoolExecutor(max_workers=size, thread_name_prefix=f"store-{name}")

    async def run(self, work: Callable[[Client], Answer]) -> Answer:
        """Return `work(client)` run on a thread; handles are opened when first needed."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._borrow, work)
        except RuntimeError as error:
            raise StoreUnavailableError(f"the store is closed: {error}") from error

    def _borrow(self, work: Callable[[Client], Answer]) -> Answer:
        client = self._idle.get()
        try:
            client = client or self._connect()
            return work(client)
        except (ClickHouseError, OSError) as error:
            raise classify_error(error) from error
        finally:
            self._idle.put(client)

    def close(self) -> None:
        """Wait for running calls, then close the handles."""
        self._threads.shutdown(wait=True)
        for _ in range(self._size):
            client = self._idle.get()
            if client is not None:
                client.close()


class ClientStore:
    """The Store both engines share; they differ in how a handle is opened."""

    def __init__(self, database: str, *, inserts: ClientPool, queries: ClientPool) -> None:
        self.database = database
        self._inserts = inserts
        self._queries = queries

    async def fetch(self, sql: str, row_type: type[Row], parameters: Parameters | None = None) -> list[Row]:
        """Return the rows of a SELECT as Structs."""

        def ask(client: Client) -> bytes:
            return client.raw_query(sql, dict(parameters or {}), fmt="JSONEachRow")

        answer = await self._queries.run(ask)
        return msgspec.json.Decoder(row_type).decode_lines(answer)

    async def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement without an answer."""

        def run(client: Client) -> Any:
            return client.command(sql, dict(parameters or {}))

        await self._queries.run(run)

    async def insert(self, table: str, columns: Sequence[str], lines: bytes) -> None:
        """Insert JSONCompactEachRow lines; durable when it returns."""

        def write(client: Client) -> Any:
            return client.raw_insert(table, columns, lines, fmt="JSONCompactEachRow")

        await self._inserts.run(write)

    async def close(self) -> None:
        """Wait for running calls and let the engine go."""
        await asyncio.to_thread(self._inserts.close)
        await asyncio.to_thread(self._queries.close)
