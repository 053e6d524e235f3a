"""Answers of a server that are cut off on the way: none of them is taken for a whole one."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import msgspec
import pytest

from playhead.errors import StoreUnavailableError
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from playhead.store.server import open_server_store
from tests.servers.choose import ClickHouseServer
from tests.servers.fault_proxy import FaultProxy, NetworkFault

pytestmark = pytest.mark.anyio


class Number(msgspec.Struct, frozen=True):
    """One number."""

    n: int


COUNT = "SELECT number AS n FROM numbers(3)"
CUTS = (1, 14, 17, 40, 100, 200, 300)
"""Bytes that come through: in the status, after it, and in the headers; where the body begins is further on."""


@pytest.fixture(params=CUTS)
async def proxy(
    request: pytest.FixtureRequest, clickhouse_server: ClickHouseServer, anyio_backend: str
) -> AsyncIterator[FaultProxy]:
    """Give a proxy before the server that can cut answers."""
    port = urlsplit(clickhouse_server.url()).port
    assert port is not None
    made = FaultProxy(port, truncated_bytes=request.param)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def store(proxy: FaultProxy, fresh_database: str) -> AsyncIterator[ClientStore]:
    """Give a store whose connections are open, with an empty table t."""
    url = urlsplit(fresh_database)
    through = url._replace(netloc=f"{url.netloc.rpartition(':')[0]}:{proxy.port}").geturl()
    opened = open_server_store(
        Settings(clickhouse_url=through, query_threads=1, query_attempts=1, flush_parallel=1, insert_timeout_s=10)
    )
    await opened.execute("CREATE OR REPLACE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    await opened.insert("t", ["n"], b"[1]\n")
    yield opened
    await opened.close()


async def test_no_cut_answer_counts(store: ClientStore, proxy: FaultProxy) -> None:
    """A SELECT has not come to nothing and an INSERT is not stored, as far as anybody knows; both work afterwards."""
    proxy.strike(NetworkFault.truncation)
    with pytest.raises(StoreUnavailableError):
        await store.fetch(COUNT, Number)
    with pytest.raises(StoreUnavailableError):
        await store.execute("OPTIMIZE TABLE t")
    with pytest.raises(StoreUnavailableError):
        await store.insert("t", ["n"], b"[2]\n")
    proxy.mend()
    assert await store.fetch(COUNT, Number) == [Number(0), Number(1), Number(2)]
    await store.insert("t", ["n"], b"[3]\n")
