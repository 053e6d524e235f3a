"""Migrations: once, in order, again without harm; and the schema they make is the one in the repository."""

import asyncio
import os

import msgspec
import pytest

from playhead.errors import MigrationError
from playhead.store.clients import ClientStore
from playhead.store.migrate import AppliedMigration, Migration, migrate, pending, plan, read_migrations
from playhead.store.schema import dump_schema
from tests.stores import repository

pytestmark = pytest.mark.anyio

SCHEMA = repository() / "clickhouse" / "schema.sql"


async def test_planned_then_applied_then_nothing_left(empty_store: ClientStore) -> None:
    """`plan` tells what `migrate` then applies; a second run finds nothing to do."""
    assert await plan(empty_store) == read_migrations()
    assert await migrate(empty_store) == read_migrations()
    assert await migrate(empty_store) == []
    assert await plan(empty_store) == []


async def test_after_a_crash_half_way(empty_store: ClientStore) -> None:
    """Statements that were applied but not recorded are applied again without harm."""
    await migrate(empty_store)
    await empty_store.execute("TRUNCATE TABLE schema_migrations")
    assert await migrate(empty_store) == read_migrations()


async def test_two_at_once(empty_store: ClientStore) -> None:
    """Of two processes that migrate at once, one does the work."""
    await migrate(empty_store)
    await empty_store.execute("TRUNCATE TABLE schema_migrations")
    done = await asyncio.gather(migrate(empty_store), migrate(empty_store))
    assert sorted(map(len, done)) == [0, len(read_migrations())]


async def test_the_schema_is_the_golden_one(empty_store: ClientStore) -> None:
    """The dumped schema equals clickhouse/schema.sql (`make schema` writes it)."""
    await migrate(empty_store)
    dumped = await dump_schema(empty_store)
    if os.environ.get("PLAYHEAD_TEST_WRITE_SCHEMA"):
        SCHEMA.write_text(dumped, encoding="utf-8")
    assert dumped == SCHEMA.read_text(encoding="utf-8")


def test_a_changed_file_is_refused() -> None:
    """A migration whose text changed after it was applied stops the start."""
    [first, *_] = read_migrations()
    with pytest.raises(MigrationError, match="changed after it was applied"):
        pending([first], [AppliedMigration(first.number, first.name, "another")])


def test_a_newer_database_is_refused() -> None:
    """A database with a migration that this version does not know stops the start."""
    with pytest.raises(MigrationError, match="does not know"):
        pending([], [AppliedMigration(9999, "from_the_future", "x")])


def test_numbers_are_unique_and_without_holes() -> None:
    """Files are numbered 1, 2, 3 and so on."""
    assert [migration.number for migration in read_migrations()] == list(range(1, len(read_migrations()) + 1))


def test_pending_keeps_the_order() -> None:
    """What is left is applied by number."""
    known = [Migration(2, "b", "y", ""), Migration(1, "a", "x", "")]
    assert [migration.number for migration in pending(known, [])] == [1, 2]
    assert msgspec.to_builtins(pending(known, [AppliedMigration(1, "a", "x")])[0])[0] == 2
