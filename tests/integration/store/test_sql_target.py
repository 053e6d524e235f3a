"""Where another program finds the embedded engine: at the service's port, or at one opened for it."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from playhead.settings import Settings
from playhead.store.embedded import DATABASE, embedded_path
from playhead.store.sql_endpoint import SqlEndpoint, ensure_token
from playhead.store.sql_target import open_sql_target
from tests.servers.clickhouse_http import ask

pytestmark = pytest.mark.anyio


def endpoint_of(settings: Settings, token: str) -> SqlEndpoint:
    """Return an SQL port as the service opens it, on a free port."""
    return SqlEndpoint(
        path=str(embedded_path(settings)), database=DATABASE, port=0, token=token, max_connections=4
    )  # fmt: skip


async def test_a_server_is_where_its_url_says(embedded_settings: Settings) -> None:
    """With a server nothing is opened."""
    settings = msgspec.structs.replace(embedded_settings, clickhouse_url="http://u:p%20w@db.example:8123/d")
    async with open_sql_target(settings) as target:
        assert (target.host, target.port, target.user, target.password, target.database) == (
            "db.example", 8123, "u", "p w", "d",
        )  # fmt: skip


async def test_without_a_port_one_is_opened_and_closed_again(embedded_settings: Settings) -> None:
    """The address answers as long as the context lasts, with a password of its own."""
    settings = msgspec.structs.replace(embedded_settings, sql_port=0)
    async with open_sql_target(settings) as target:
        assert ask(target.url, "SELECT currentDatabase()") == DATABASE
        token_file = Path(settings.data_dir) / "sql.token"
        assert not token_file.exists() or target.password != token_file.read_text().strip()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(target.host, target.port)


async def test_the_port_of_a_service_is_used(embedded_settings: Settings) -> None:
    """Where the port takes the data folder's password, it is the engine's."""
    token = ensure_token(Path(embedded_settings.data_dir))
    endpoint = endpoint_of(embedded_settings, token)
    endpoint.start()
    try:
        settings = msgspec.structs.replace(embedded_settings, sql_port=endpoint.port)
        async with open_sql_target(settings) as target:
            assert (target.port, target.password) == (endpoint.port, token)
    finally:
        endpoint.stop()


async def test_the_port_of_another_data_folder_is_passed_over(embedded_settings: Settings) -> None:
    """A port that does not take the password is not this engine's."""
    ensure_token(Path(embedded_settings.data_dir))
    endpoint = endpoint_of(embedded_settings, "the password of another folder")
    endpoint.start()
    try:
        settings = msgspec.structs.replace(embedded_settings, sql_port=endpoint.port)
        async with open_sql_target(settings) as target:
            assert target.port != endpoint.port
    finally:
        endpoint.stop()
