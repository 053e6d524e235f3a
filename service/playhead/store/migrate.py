"""Numbered, checksummed SQL files applied in order: each one statement, idempotent, once.

A crash half-way leaves a statement applied but not recorded; running it again is safe because each is
idempotent. One process at a time migrates: CREATE TABLE is the one thing ClickHouse does at most once, so a
table is the lock. One that its owner did not live to drop is broken after a while.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec

from playhead.errors import MigrationError, StoreError
from playhead.store.contract import Store
from playhead.store.sql_files import sql_folder, statement

_CREATE_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    number UInt32,
    name String,
    checksum String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY number
"""
_COUNT_LEDGERS = """
SELECT count() AS tables FROM system.tables WHERE database = {database:String} AND name = 'schema_migrations'
"""
_COUNT_STALE_LOCKS = """
SELECT count() AS tables FROM system.tables
WHERE database = {database:String} AND name = 'migration_lock'
    AND metadata_modification_time < now() - toIntervalSecond({seconds:UInt32})
"""
_READ_LEDGER = "SELECT number, name, checksum FROM schema_migrations FINAL ORDER BY number"
_TABLE_ALREADY_EXISTS = 57
_LOCK_RETRY_S = 0.2
_LOCK_STALE_S = 60


class Migration(NamedTuple):
    """One file: 0001_create_playback_events.sql is number 1, name create_playback_events."""

    number: int
    name: str
    checksum: str
    sql: str


class _Count(msgspec.Struct, frozen=True):
    tables: int


class AppliedMigration(msgspec.Struct, frozen=True):
    """A row of schema_migrations."""

    number: int
    name: str
    checksum: str


def read_migrations() -> list[Migration]:
    """Return all migrations in order."""
    return [
        _read_migration(path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(sql_folder("migrations").glob("*.sql"))
    ]


def _read_migration(stem: str, text: str) -> Migration:
    number, _, name = stem.partition("_")
    return Migration(int(number), name, hashlib.sha256(text.encode()).hexdigest(), statement(text))


async def plan(store: Store) -> list[Migration]:
    """Return the migrations still to apply.

    Raises MigrationError when an applied one has changed since, or when the database is newer than this code.
    """
    [ledgers] = await store.fetch(_COUNT_LEDGERS, _Count, {"database": store.database})
    applied = await store.fetch(_READ_LEDGER, AppliedMigration) if ledgers.tables else []
    return pending(read_migrations(), applied)


def pending(known: Iterable[Migration], applied: Iterable[AppliedMigration]) -> list[Migration]:
    """Return those of `known` that are not in `applied`; raises MigrationError where the two disagree."""
    by_number = {migration.number: migration for migration in known}
    for row in applied:
        migration = by_number.pop(row.number, None)
        if migration is None:
            raise MigrationError(
                f"the database has migration {row.number} {row.name}, which this version does not know"
            )
        if migration.checksum != row.checksum:
            raise MigrationError(f"migration {row.number} {row.name} was changed after it was applied")
    return sorted(by_number.values())


async def migrate(store: Store) -> list[Migration]:
    """Apply what is pending, in order, and return it; safe to run twice, at once, and after a crash.

    Where nothing is pending, nothing but reading is asked of the database's user. Raises MigrationError as `plan` does,
    StoreError when a statement fails.
    """
    if not await plan(store):
        return []
    async with _lock(store):
        await store.execute(_CREATE_LEDGER)
        todo = await plan(store)
        for migration in todo:
            await store.execute(migration.sql)
            line = msgspec.json.encode([migration.number, migration.name, migration.checksum])
            await store.insert("schema_migrations", ["number", "name", "checksum"], line + b"\n")
    return todo


@asynccontextmanager
async def _lock(store: Store) -> AsyncIterator[None]:
    while not await _take_lock(store):  # noqa: ASYNC110 - the lock is another process's, no event tells of it
        await asyncio.sleep(_LOCK_RETRY_S)
    try:
        yield
    finally:
        await store.execute("DROP TABLE IF EXISTS migration_lock")


async def _take_lock(store: Store) -> bool:
    try:
        await store.execute("CREATE TABLE migration_lock (taken UInt8) ENGINE = MergeTree ORDER BY taken")
    except StoreError as error:
        if error.code_number != _TABLE_ALREADY_EXISTS:
            raise
        [stale] = await store.fetch(_COUNT_STALE_LOCKS, _Count, {"database": store.database, "seconds": _LOCK_STALE_S})
        if stale.tables:
            await store.execute("DROP TABLE IF EXISTS migration_lock")
        return False
    return True
