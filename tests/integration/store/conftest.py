"""The SQL port under test, in a process of its own: a process can open one embedded engine only."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

import playhead

TOKEN = "a-token-for-tests"
_SERVE = """
import sys
from playhead.store.sql_endpoint import SqlEndpoint
endpoint = SqlEndpoint(path=sys.argv[1], database="playhead", port=0, token=sys.argv[2], max_connections=8,
                       max_sessions=16, idle_timeout_s=float(sys.argv[3]))
endpoint.start()
print(endpoint.port, flush=True)
sys.stdin.read()
endpoint.stop()
print("stopped", flush=True)
"""


@dataclass(frozen=True, slots=True)
class SqlPort:
    """A served SQL port and its process."""

    url: str
    port: int
    process: subprocess.Popen[str]
    data: Path

    def client(self, **options: object) -> httpx.Client:
        """Return an HTTP client that is signed in and asks for no compression."""
        client = httpx.Client(base_url=self.url, auth=("playhead", TOKEN), timeout=60, **options)  # type: ignore[arg-type]
        client.headers["Accept-Encoding"] = "identity"
        return client

    def ask(self, sql: str, **params: str) -> str:
        """Return the answer to `sql`, which must succeed."""
        with self.client() as client:
            response = client.post("/", params=params, content=sql)
        assert response.status_code == 200, response.text
        return response.text

    def resident_kib(self, field: str = "VmRSS") -> int:
        """Return the memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split(f"{field}:")[1].split()[0])

    def reset_peak(self) -> None:
        """Let VmHWM begin again at the present memory."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")


def serve(path: Path, idle_timeout_s: float = 60.0) -> SqlPort:
    """Start a SQL port over a new engine at `path`."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(playhead.__file__).parents[1]), *sys.path])}
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(path), TOKEN, str(idle_timeout_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    return SqlPort(f"http://127.0.0.1:{port}", port, process, path)


def end(port: SqlPort) -> str:
    """Stop the port in good order and return what its process printed after that."""
    printed, _ = port.process.communicate(timeout=60)
    assert port.process.returncode == 0
    return printed


@pytest.fixture(scope="session")
def sql_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlPort]:
    """Give the SQL port all tests share."""
    port = serve(tmp_path_factory.mktemp("sql") / "clickhouse")
    yield port
    end(port)
