"""The one seam to the database."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar, runtime_checkable

import msgspec

Row = TypeVar("Row", bound=msgspec.Struct)
Parameters = Mapping[str, object]


@runtime_checkable
class Store(Protocol):
    """A ClickHouse database, embedded or a server; everything is asked in ClickHouse SQL.

    Statements are single, take `{name:Type}` parameters only, and name tables without a database.
    Calls run in bounded thread pools, inserts apart from queries, so that a slow question never
    delays an insert; cancelling a call does not stop the statement.

    Raises StoreUnavailableError where a later try may work and StoreRejectedError where it cannot.
    """

    database: str

    async def fetch(self, sql: str, row_type: type[Row], parameters: Parameters | None = None) -> list[Row]:
        """Return the rows of a SELECT as Structs; columns and fields go by name, integers are exact."""
        ...

    async def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement without an answer: DDL, INSERT SELECT, SYSTEM."""
        ...

    async def insert(self, table: str, columns: Sequence[str], lines: bytes) -> None:
        """Insert JSONCompactEachRow `lines` (one JSON array a line); durable when it returns."""
        ...

    async def close(self, within_s: float | None = None, /) -> bool:
        """Wait for running calls, for `within_s` at most, and let the engine go; further ones raise.

        They raise StoreUnavailableError. Returns whether all had ended; else their threads are left, and a process that
        is to end must not wait for these.
        """
        ...
