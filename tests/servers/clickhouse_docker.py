"""A ClickHouse server in a container, on machines with a Docker daemon."""

import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.servers.clickhouse_process import DATABASE, OWNER
from tests.servers.ports import ReservedPort

if TYPE_CHECKING:
    from testcontainers.community.clickhouse import ClickHouseContainer

IMAGE = "clickhouse/clickhouse-server:26.7"
HTTP_PORT = 8123


def is_docker_there() -> bool:
    """Tell whether a Docker daemon answers."""
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "version"], capture_output=True, check=False).returncode == 0


class ClickHouseDocker:
    """The same server as ClickHouseProcess, from the official image."""

    def __init__(self) -> None:
        with ReservedPort() as port:
            self.http_port = port.number
        self._container: ClickHouseContainer | None = None

    @property
    def container(self) -> "ClickHouseContainer":
        """The container; raises ValueError before the first start."""
        if self._container is None:
            raise ValueError("the server was not started")
        return self._container

    def url(self, database: str = DATABASE) -> str:
        """Return http://user:password@host:port/database, escaped."""
        return OWNER.url(f"{self.container.get_container_host_ip()}:{self.http_port}", database)

    def start(self) -> None:
        """Start the container and wait until the server in it answers."""
        from testcontainers.community.clickhouse import ClickHouseContainer  # noqa: PLC0415 - only where it is wanted

        container = ClickHouseContainer(IMAGE, username=OWNER.name, password=OWNER.password, dbname=DATABASE)
        self._container = container.with_bind_ports(HTTP_PORT, self.http_port)
        self._container.start()

    def kill(self) -> None:
        """Kill the server with SIGKILL; its files stay."""
        self.container.get_wrapped_container().kill(signal="SIGKILL")

    def restart(self) -> None:
        """Start it again on the same files and port."""
        from testcontainers.core.wait_strategies import HttpWaitStrategy  # noqa: PLC0415 - as above

        self.container.get_wrapped_container().restart()
        HttpWaitStrategy(HTTP_PORT, "/ping").wait_until_ready(self.container)

    def stop(self) -> None:
        """Remove the container and its files."""
        self.container.stop()
