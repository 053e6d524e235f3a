"""A real service on a folder of its own, started for one measurement and stopped after it."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import msgspec

from benchmarks.engine import EngineRate, Stored

ROOT = Path(__file__).parents[1]
START_S = 60.0
PID_FILE = "serve.pid"
STOP_S = 60.0


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment, of Playhead's settings only those given, and the package on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PLAYHEAD_")}
    path = os.pathsep.join([str(ROOT / "service"), str(ROOT), kept.get("PYTHONPATH", "")])
    return kept | settings | {"PYTHONPATH": path}


@contextmanager
def running_service(
    folder: Path, admin_key: str | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run `playhead serve` on `folder` and yield its URL once it is ready; stop it in order at the end.

    Without `admin_key` nobody can ask it anything. No job runs by the clock, so that none disturbs a measurement.
    `settings` are further ones by variable name.
    """
    port = _free_port()
    variables = environment(
        PLAYHEAD_DATA_DIR=str(folder),
        PLAYHEAD_PORT=str(port),
        PLAYHEAD_SQL_PORT="0",
        PLAYHEAD_ADMIN_KEY=admin_key or secrets.token_hex(32),
        PLAYHEAD_LOG_LEVEL="warning",
        PLAYHEAD_SCHEDULER="0",
        **(settings or {}),
    )
    command = [sys.executable, "-c", "import sys; from playhead.cli import main; sys.exit(main(['serve']))"]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, env=variables, cwd=folder, stdout=log, stderr=log)
        (folder / PID_FILE).write_text(str(process.pid))
        try:
            _wait_until_ready(process, f"http://127.0.0.1:{port}", folder / "serve.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(process)


def count_stored(folder: Path) -> Stored:
    """Return what the stopped service's database holds."""
    return msgspec.json.decode(_run_engine("count", str(folder)), type=Stored)


def read_memory_mib(folder: Path) -> int:
    """Return the resident memory of the service that runs on `folder`."""
    status = Path(f"/proc/{(folder / PID_FILE).read_text()}/status").read_text(encoding="utf-8")
    [kibibytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(kibibytes) // 1024


def measure_engine(folder: Path, seconds: float, threads: int, block_rows: int, layout: str = "batches") -> EngineRate:
    """Return the engine's own insert rate on `folder`."""
    told = _run_engine("rate", str(folder), str(seconds), str(threads), str(block_rows), layout)
    return msgspec.json.decode(told, type=EngineRate)


def run_module(module: str, *arguments: str, timeout_s: float) -> bytes:
    """Return the last line that `python -m benchmarks.MODULE` prints; it has the engine while it runs."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    told = subprocess.run(
        command, env=environment(), cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=timeout_s
    ).stdout
    return told.splitlines()[-1]


def _run_engine(*arguments: str) -> bytes:
    return run_module("engine", *arguments, timeout_s=300)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"playhead serve ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        try:
            with urlopen(f"{url}/health/ready", timeout=5) as answer:  # noqa: S310 - the scheme is ours.
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"playhead serve was not ready within {START_S:.0f} s:\n{log.read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
