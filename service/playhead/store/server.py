"""A ClickHouse server, by URL."""

from typing import Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from playhead.errors import SettingsError
from playhead.settings import Settings
from playhead.store.clients import ClientPool, ClientStore, insert_settings, query_settings

DEFAULT_PORTS = {"http": 8123, "https": 8443}


def open_server_store(settings: Settings) -> ClientStore:
    """Open a store on `settings.clickhouse_url`; connections are made when first needed.

    The database must exist. Raises SettingsError when the URL is not http[s]://user:password@host:port/database.
    """
    url = urlsplit(settings.clickhouse_url)
    if url.scheme not in DEFAULT_PORTS or not url.hostname:
        raise SettingsError("PLAYHEAD_CLICKHOUSE_URL must look like http[s]://user:password@host:port/database")
    database = url.path.strip("/") or "default"

    def connect(client_settings: dict[str, Any], timeout_s: float) -> Client:
        return clickhouse_connect.get_client(
            host=url.hostname,
            port=url.port or DEFAULT_PORTS[url.scheme],
            secure=url.scheme == "https",
            username=unquote(url.username or "default"),
            password=unquote(url.password or ""),
            database=database,
            settings=client_settings,
            connect_timeout=5,
            send_receive_timeout=timeout_s,
            autogenerate_session_id=False,
        )

    return ClientStore(
        database,
        inserts=ClientPool(
            "insert", settings.flush_parallel + 1, lambda: connect(insert_settings(settings), settings.insert_timeout_s)
        ),
        queries=ClientPool(
            "query", settings.query_threads + 1, lambda: connect(query_settings(settings), settings.query_timeout_s + 5)
        ),
    )
