"""Which ClickHouse server the tests run against on this machine."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from tests.requirements import need
from tests.servers.clickhouse_docker import ClickHouseDocker, is_docker_there
from tests.servers.clickhouse_process import DATABASE, ClickHouseProcess
from tests.servers.errors import ServerMissingError
from tests.servers.library import find_library

URL_VARIABLE = "PLAYHEAD_TEST_CLICKHOUSE_URL"


class ClickHouseServer(Protocol):
    """A server whose owner may do everything; `url` escapes what must be."""

    def url(self, database: str = DATABASE) -> str:
        """Return http[s]://user:password@host:port/database."""
        ...

    def start(self) -> None:
        """Start it and wait until it answers."""
        ...

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        ...

    def restart(self) -> None:
        """Start it again on the same files and address."""
        ...

    def stop(self) -> None:
        """End it and give back what it holds."""
        ...


class ForeignServer:
    """A server that someone else runs: it can be used, not killed."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    def url(self, database: str = "") -> str:
        """Return the given URL, with `database` in place of its own if there is one."""
        return self._url._replace(path=f"/{database}" if database else self._url.path).geturl()

    def start(self) -> None:
        """It runs already."""

    def kill(self) -> None:
        """Skip the test that wants it."""
        need(condition=False, reason=f"a ClickHouse server that may be killed, which that of {URL_VARIABLE} may not")

    def restart(self) -> None:
        """Skip the test that wants it."""
        self.kill()

    def stop(self) -> None:
        """It goes on running."""


def choose_server(folder: Path, environment: Mapping[str, str] = os.environ) -> ClickHouseServer:
    """Return the server to start: the given URL, else one in Docker, else a process of our own on `folder`.

    Raises ServerMissingError where there is none of the three.
    """
    if url := environment.get(URL_VARIABLE):
        return ForeignServer(url)
    if is_docker_there():
        return ClickHouseDocker()
    find_library()
    return ClickHouseProcess(folder)


def need_server(folder: Path) -> ClickHouseServer:
    """Return the started server to test against; where there is none, skip (or fail where everything is required)."""
    try:
        server = choose_server(folder)
        server.start()
    except ServerMissingError as error:
        need(condition=False, reason=str(error))
        raise
    return server


def need_server_process(folder: Path, **options: Any) -> ClickHouseProcess:
    """Return a server process of our own on `folder`, not started, for tests that need to own one; else skip.

    `options` are those of ClickHouseProcess.
    """
    try:
        find_library()
    except ServerMissingError as error:
        need(condition=False, reason=str(error))
    return ClickHouseProcess(folder, **options)
