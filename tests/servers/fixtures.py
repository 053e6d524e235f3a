"""Fixtures of a ClickHouse server; with xdist each worker has a server of its own."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.servers.choose import ClickHouseServer, need_server
from tests.servers.clickhouse_http import ask
from tests.servers.cluster import ClickHouseCluster


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """Give a running ClickHouse server, the same for all tests of the session."""
    server = need_server(tmp_path_factory.mktemp("clickhouse"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def clickhouse_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseCluster]:
    """Give a running cluster of two shards, the same for all tests of the session."""
    with ClickHouseCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def fresh_database(clickhouse_server: ClickHouseServer) -> Iterator[str]:
    """Give the URL of an empty database that belongs to the test module."""
    database = f"test_{uuid4().hex}"
    ask(clickhouse_server.url(), f"CREATE DATABASE {database}")
    yield clickhouse_server.url(database)
    ask(clickhouse_server.url(), f"DROP DATABASE {database}")
