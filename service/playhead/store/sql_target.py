"""Where another program of this machine, such as dbt, reaches the configured engine over HTTP."""

import asyncio
import http
import http.client
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playhead.errors import StoreUnavailableError
from playhead.settings import Settings
from playhead.store.embedded import DATABASE, embedded_path, guard_disk
from playhead.store.server import ServerAddress, read_server_address
from playhead.store.sql_endpoint import SqlEndpoint

LOOPBACK = "127.0.0.1"
_USER = "playhead"
_PROBE_TIMEOUT_S = 30.0
_TAKEN = frozenset({http.HTTPStatus.OK, http.HTTPStatus.SERVICE_UNAVAILABLE})
"""A port that is busy has taken the password too; only one of another data folder has not."""


@asynccontextmanager
async def open_sql_target(settings: Settings, database: str = DATABASE) -> AsyncIterator[ServerAddress]:
    """Give the address of the configured engine for as long as the context lasts.

    With the embedded engine that is the SQL port of the service that has it, this process or another, where it is on;
    else a port of this context's own, with a password of its own. `database` is the embedded engine's; a server's URL
    names its own. Raises StoreUnavailableError where another process has the engine and no port is open.
    """
    if settings.clickhouse_url:
        yield read_server_address(settings.clickhouse_url)
        return
    served = await asyncio.to_thread(_served_address, settings, database)
    if served is not None:
        yield served
        return
    endpoint, address = await asyncio.to_thread(_open_endpoint, settings, database)
    try:
        yield address
    finally:
        await asyncio.to_thread(endpoint.stop)


def _address(port: int, token: str, database: str) -> ServerAddress:
    return ServerAddress(
        host=LOOPBACK, port=port, is_secure=False, user=_USER, password=token, database=database
    )  # fmt: skip


def _served_address(settings: Settings, database: str) -> ServerAddress | None:
    """Return the open SQL port of this data folder, None where there is none."""
    token_file = Path(settings.data_dir) / "sql.token"
    if not settings.sql_port or not token_file.is_file():
        return None
    address = _address(settings.sql_port, token_file.read_text(encoding="ascii").strip(), database)
    return address if _answers(address) else None


def _answers(address: ServerAddress) -> bool:
    """Tell whether `address` takes its password: what else listens there belongs to another data folder."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=_PROBE_TIMEOUT_S)
    try:
        headers = {"X-ClickHouse-User": address.user, "X-ClickHouse-Key": address.password}
        connection.request("GET", "/?query=SELECT+1", headers=headers)
        return connection.getresponse().status in _TAKEN
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _open_endpoint(settings: Settings, database: str) -> tuple[SqlEndpoint, ServerAddress]:
    token = secrets.token_urlsafe(32)
    endpoint = SqlEndpoint(
        path=str(embedded_path(settings)),
        database=database,
        port=0,
        token=token,
        max_connections=settings.sql_max_connections,
        disk=guard_disk(settings),
    )
    try:
        endpoint.start()
    except StoreUnavailableError as error:
        raise StoreUnavailableError(
            f"{error}; if the service runs, it must have its SQL port open (PLAYHEAD_SQL_PORT)"
        ) from error
    return endpoint, _address(endpoint.port, token, database)
