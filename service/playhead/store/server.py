"""A ClickHouse server, by URL."""

import sys
from typing import Any, TypedDict
from urllib.parse import quote, unquote, urlsplit

import clickhouse_connect
import lz4.frame
import msgspec
from clickhouse_connect.driver.client import Client
from urllib3 import PoolManager

from playhead.errors import SettingsError
from playhead.settings import Settings
from playhead.store.clients import ClientPool, ClientStore, Packing, Transport, insert_settings, query_settings
from playhead.store.whole_answers import open_pool_manager

if sys.version_info >= (3, 14):
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
else:
    from backports import zstd

_PACKINGS = {"lz4": Packing("lz4", lz4.frame.compress), "zstd": Packing("zstd", zstd.compress)}
DEFAULT_PORTS = {"http": 8123, "https": 8443}


class ServerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a database is reached over the ClickHouse HTTP interface, and as whom."""

    host: str
    port: int
    is_secure: bool
    user: str
    password: str
    database: str

    @property
    def url(self) -> str:
        """It as `read_server_address` reads it."""
        scheme = "https" if self.is_secure else "http"
        user, password = quote(self.user, safe=""), quote(self.password, safe="")
        return f"{scheme}://{user}:{password}@{self.host}:{self.port}/{self.database}"


def read_server_address(clickhouse_url: str) -> ServerAddress:
    """Return what the URL says; raises SettingsError when it is not http[s]://user:password@host:port/database."""
    url = urlsplit(clickhouse_url)
    if url.scheme not in DEFAULT_PORTS or not url.hostname:
        raise SettingsError("PLAYHEAD_CLICKHOUSE_URL must look like http[s]://user:password@host:port/database")
    return ServerAddress(
        host=url.hostname,
        port=url.port or DEFAULT_PORTS[url.scheme],
        is_secure=url.scheme == "https",
        user=unquote(url.username or "default"),
        password=unquote(url.password or ""),
        database=url.path.strip("/") or "default",
    )


def open_server_store(settings: Settings) -> ClientStore:
    """Open a store on `settings.clickhouse_url`; connections are made when first needed.

    The database must exist. Raises SettingsError when the URL is not http[s]://user:password@host:port/database.
    """
    return open_store_at(read_server_address(settings.clickhouse_url), settings)


def open_ingest_store(settings: Settings) -> ClientStore:
    """Open a store for events alone, on `settings.clickhouse_ingest_url`; else as `open_server_store`."""
    return open_store_at(read_server_address(settings.clickhouse_ingest_url), settings)


def open_store_at(address: ServerAddress, settings: Settings) -> ClientStore:
    """Open a store at `address`; connections are made when first needed."""
    return ClientStore(address.database, **connections_to(address, settings))


class Connections(TypedDict):
    """What a ClientStore is made of."""

    inserts: ClientPool
    queries: ClientPool
    transport: Transport


def connections_to(address: ServerAddress, settings: Settings) -> Connections:
    """Return the pools of a store at `address`."""

    def pool(name: str, size: int, client_settings: dict[str, Any], timeout_s: float) -> ClientPool:
        sockets = open_pool_manager(
            "https" if address.is_secure else "http",
            address.host,
            address.port,
            size,
            verify=settings.clickhouse_verify,
            ca_cert=settings.clickhouse_ca_file or None,
            client_cert=settings.clickhouse_cert_file or None,
            client_cert_key=settings.clickhouse_key_file or None,
        )
        return ClientPool(
            name, size, lambda: _connect(address, settings, sockets, client_settings, timeout_s), on_close=sockets.clear
        )

    return Connections(
        inserts=pool("insert", settings.flush_parallel + 1, insert_settings(settings), settings.insert_timeout_s),
        queries=pool("query", settings.query_threads + 1, query_settings(settings), settings.query_timeout_s + 5),
        transport=Transport(
            read_attempts=settings.query_attempts,
            has_query_log=True,
            packing=_PACKINGS.get(settings.clickhouse_compression),
        ),
    )


def _connect(
    address: ServerAddress, settings: Settings, sockets: PoolManager, client_settings: dict[str, Any], timeout_s: float
) -> Client:  # fmt: skip
    is_packed = settings.clickhouse_compression in _PACKINGS
    return clickhouse_connect.get_client(
        host=address.host,
        port=address.port,
        secure=address.is_secure,
        pool_mgr=sockets,
        client_cert=settings.clickhouse_cert_file or None,
        # With a password the certificate opens the connection and no more; without, it says who asks.
        tls_mode="strict" if address.password else "mutual",
        compress=settings.clickhouse_compression if is_packed else False,
        username=address.user,
        password=address.password,
        database=address.database,
        settings=client_settings,
        connect_timeout=5,
        send_receive_timeout=timeout_s,
        autogenerate_session_id=False,
    )
