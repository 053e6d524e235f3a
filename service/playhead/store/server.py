"""A ClickHouse server, by URL."""

from typing import Any
from urllib.parse import quote, unquote, urlsplit

import clickhouse_connect
import msgspec
from clickhouse_connect.driver.client import Client

from playhead.errors import SettingsError
from playhead.settings import Settings
from playhead.store.clients import ClientPool, ClientStore, insert_settings, query_settings

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
    address = read_server_address(settings.clickhouse_url)

    def connect(client_settings: dict[str, Any], timeout_s: float) -> Client:
        return clickhouse_connect.get_client(
            host=address.host,
            port=address.port,
            secure=address.is_secure,
            username=address.user,
            password=address.password,
            database=address.database,
            settings=client_settings,
            connect_timeout=5,
            send_receive_timeout=timeout_s,
            autogenerate_session_id=False,
        )

    return ClientStore(
        address.database,
        inserts=ClientPool(
            "insert", settings.flush_parallel + 1, lambda: connect(insert_settings(settings), settings.insert_timeout_s)
        ),
        queries=ClientPool(
            "query", settings.query_threads + 1, lambda: connect(query_settings(settings), settings.query_timeout_s + 5)
        ),
    )
