"""The service under test as its users run it: `playhead serve` in a process of its own."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx

from tests.servers.child import Child
from tests.servers.ports import ReservedPort

SERVICE_SOURCES = Path(__file__).parents[2] / "service"
SERVE = "import sys; from playhead.cli import main; sys.exit(main(['serve']))"
READY_TIMEOUT_S = 60.0
ADMIN_KEY = "test-admin-key-0123456789abcdef"


class ServiceProcess:
    """One service on 127.0.0.1 that keeps its data folder, ports and key over kill and restart.

    `settings` are further settings by variable name; without PLAYHEAD_CLICKHOUSE_URL the engine is the embedded
    one, whose SQL port is opened too.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.admin_key = ADMIN_KEY
        self._ports = (ReservedPort(), ReservedPort())
        self._port, self._sql_port = (port.number for port in self._ports)
        self._settings = {
            "PLAYHEAD_ADMIN_KEY": self.admin_key,
            "PLAYHEAD_DATA_DIR": str(folder / "data"),
            "PLAYHEAD_PORT": str(self._port),
            "PLAYHEAD_SCHEDULER": "0",
            "PLAYHEAD_SQL_PORT": str(self._sql_port),
            **(settings or {}),
        }
        self.data_dir = Path(self._settings["PLAYHEAD_DATA_DIR"])
        self._child = Child(folder / "service.log")

    @property
    def settings(self) -> Mapping[str, str]:
        """What it runs with, by variable name."""
        return self._settings

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def sql_url(self) -> str:
        """The SQL port as http://user:password@host:port/database; only with the embedded engine, once it ran."""
        token = (self.data_dir / "sql.token").read_text().strip()
        return f"http://playhead:{token}@127.0.0.1:{self._sql_port}/playhead"

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self._port

    @property
    def pid(self) -> int:
        """Its process id; raises ValueError while it is down."""
        return self._child.pid

    @property
    def log(self) -> str:
        """The end of what it wrote to standard output and error, over all its starts."""
        return self._child.tail()

    def admin(self, path: str, **parameters: str | int) -> httpx.Response:
        """Ask the admin API with the key; raises httpx.HTTPStatusError on an error status."""
        headers = {"Authorization": f"Bearer {self.admin_key}"}
        response = httpx.get(self.url + path, params=parameters, headers=headers, timeout=30, trust_env=False)
        return response.raise_for_status()

    def start(self) -> None:
        """Start it and wait until it is ready; raises ServerFailedError when it does not come up."""
        self._child.spawn([sys.executable, "-c", SERVE], self._environment())
        self._child.wait_until(self._is_ready, READY_TIMEOUT_S)

    def kill(self) -> None:
        """Kill it with SIGKILL and wait until it is gone."""
        self._child.kill()

    def restart(self) -> None:
        """Start it again on the same data and port, killing it first if it is up."""
        if self._child.is_up:
            self.kill()
        self.start()

    def terminate(self) -> int:
        """Ask it to end with SIGTERM, wait, and return its exit status; its ports stay its own."""
        return self._child.terminate()

    def stop(self) -> int:
        """Ask it to end with SIGTERM, wait, give its ports away, and return its exit status."""
        status = self.terminate()
        for port in self._ports:
            port.release()
        return status

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("PLAYHEAD_")}
        path = os.pathsep.join(filter(None, [str(SERVICE_SOURCES), own.get("PYTHONPATH")]))
        return {**own, "PYTHONPATH": path, **self._settings}

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._child.is_up:
            self.stop()
