"""Migrations for all nodes at once: every one of them has its place for ON CLUSTER, or is about rows."""

import pytest

from playhead.store.migrate import Migration, read_migrations
from playhead.store.on_cluster import on_cluster


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "-- why\nCREATE TABLE IF NOT EXISTS t\n(n UInt8)\nENGINE = ReplacingMergeTree(n)",
            "-- why\nCREATE TABLE IF NOT EXISTS t ON CLUSTER c\n(n UInt8)\nENGINE = ReplicatedReplacingMergeTree(n)",
        ),
        (
            "CREATE OR REPLACE TABLE t AS t ENGINE = MergeTree ORDER BY n",
            "CREATE OR REPLACE TABLE t ON CLUSTER c AS t ENGINE = ReplicatedMergeTree ORDER BY n",
        ),
        ("CREATE TABLE t (n UInt8) ENGINE = Null", "CREATE TABLE t ON CLUSTER c (n UInt8) ENGINE = Null"),
        (
            "CREATE MATERIALIZED VIEW IF NOT EXISTS v TO t AS SELECT 1",
            "CREATE MATERIALIZED VIEW IF NOT EXISTS v ON CLUSTER c TO t AS SELECT 1",
        ),
        ("CREATE OR REPLACE VIEW v AS SELECT 1", "CREATE OR REPLACE VIEW v ON CLUSTER c AS SELECT 1"),
        ("ALTER TABLE t ADD COLUMN n UInt8", "ALTER TABLE t ON CLUSTER c ADD COLUMN n UInt8"),
        ("TRUNCATE TABLE t", "TRUNCATE TABLE t ON CLUSTER c"),
        ("DROP VIEW IF EXISTS v", "DROP VIEW IF EXISTS v ON CLUSTER c"),
        ("CREATE DATABASE IF NOT EXISTS d", "CREATE DATABASE IF NOT EXISTS d ON CLUSTER c"),
        ("INSERT INTO t SELECT 1", "INSERT INTO t SELECT 1"),
    ],
)
def test_a_statement_goes_to_all_nodes(sql: str, expected: str) -> None:
    """Tables are replicated there; rows are replicated by themselves."""
    assert on_cluster(sql, "c") == expected


@pytest.mark.parametrize("migration", read_migrations(), ids=lambda migration: f"{migration.number:04}")
def test_every_migration_goes_to_all_nodes(migration: Migration) -> None:
    """None is left on the first node by a form of words nobody thought of, nor a table of it unreplicated."""
    sql = on_cluster(migration.sql, "c")
    words = [word for line in migration.sql.splitlines() if not line.startswith("--") for word in line.split()]
    assert (" ON CLUSTER c" in sql) == (words[0] != "INSERT")
    assert sql.count("= Replicated") == migration.sql.count("MergeTree")
