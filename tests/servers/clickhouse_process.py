"""A real ClickHouse server on machines without Docker: a library from npm in a process of its own."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from tests.servers.child import Child
from tests.servers.clickhouse_config import SHIPPED_PASSWORDS, ServerConfig, ServerUser
from tests.servers.clickhouse_http import ask, is_ready
from tests.servers.library import find_library
from tests.servers.ports import ReservedPort

LAUNCHER = Path(__file__).with_name("launcher.py")
READY_TIMEOUT_S = 90.0
"""A cold start reads half a gigabyte of library from disk."""
OWNER = ServerUser("playhead", "a p@ss/word:%<&>")
"""The user every URL names; the password has what must be escaped in URLs and XML."""
DATABASE = "playhead"
LISTEN_FOREVER = (
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; "
    "SELECT sleepEachRow(3) FROM numbers(1000000) "
    "SETTINGS function_sleep_max_microseconds_per_block = 1000000000000, max_block_size = 1 FORMAT Null"
)
"""clickhouse-local ends with its query, so the query must not end."""


class ClickHouseProcess:
    """One server on `host` that keeps its folder, ports and users over kill and restart.

    It speaks HTTP and the native protocol. `users` can sign in besides the owner, who may do everything, and
    those of clickhouse/server, whose `passwords` it is told by its environment.
    """

    def __init__(
        self,
        folder: Path,
        *,
        users: Sequence[ServerUser] = (),
        passwords: Mapping[str, str] = SHIPPED_PASSWORDS,
        host: str = "127.0.0.1",
        http_port: int = 0,
    ) -> None:
        self.host = host
        self._ports = (ReservedPort(host, http_port), ReservedPort(host))
        self.http_port, self.tcp_port = (port.number for port in self._ports)
        self._config = ServerConfig(folder, self.http_port, self.tcp_port, OWNER, tuple(users), host=host)
        self._passwords = passwords
        folder.mkdir(parents=True, exist_ok=True)
        self._child = Child(folder / "output.log")

    @property
    def pid(self) -> int:
        """The server's process id; raises ValueError while it is down."""
        return self._child.pid

    def url(self, database: str = DATABASE, *, user: ServerUser = OWNER) -> str:
        """Return http://user:password@host:port/database, escaped."""
        return user.url(f"{self.host}:{self.http_port}", database)

    def join_cluster(self, name: str, shards: Sequence[tuple[str, int]], secret: str = "") -> None:
        """Make `shards`, each (host, native port), known as a cluster from the next start on.

        Those who share a `secret` do what they ask of each other as the user who asked, else as the owner.
        """
        clusters = {**self._config.clusters, name: shards}
        self._config = replace(self._config, clusters=clusters, secret=secret)

    def limit_query_memory(self, limit_bytes: int) -> None:
        """Let no statement take more memory, from the next start on; 0: any."""
        self._config = replace(self._config, max_memory_usage=limit_bytes)

    def start(self) -> None:
        """Start the server and wait until it answers; its owner's database is there then.

        Raises ServerMissingError where this machine cannot run it, ServerFailedError when it does not come up.
        """
        config = self._config.write()
        self._child.spawn(
            [sys.executable, LAUNCHER, find_library(), f"--config-file={config}", "--query", LISTEN_FOREVER],
            {**os.environ, **self._passwords},
        )
        self._child.wait_until(lambda: is_ready(f"http://{self.host}:{self.http_port}"), READY_TIMEOUT_S)
        ask(self.url("default"), f"CREATE DATABASE IF NOT EXISTS {DATABASE}")

    def kill(self) -> None:
        """Kill the server with SIGKILL and wait until it is gone."""
        self._child.kill()

    def restart(self) -> None:
        """Start it again on the same folder and ports, killing it first if it is up."""
        if self._child.is_up:
            self.kill()
        self.start()

    def stop(self) -> None:
        """Ask the server to end and give its ports away."""
        if self._child.is_up:
            self._child.terminate()
        for port in self._ports:
            port.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
