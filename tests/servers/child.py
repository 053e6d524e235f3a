"""A server as a child process: started, waited for, killed, asked to end."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.servers.errors import ServerFailedError

MORTAL = Path(__file__).with_name("mortal.py")
POLL_INTERVAL_S = 0.05
STOP_TIMEOUT_S = 20.0
TAIL_CHARACTERS = 4000


class Child:
    """One process at a time, whose output goes to `log`; it dies with this one."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id; raises ValueError while it is down."""
        return self._running().pid

    @property
    def is_up(self) -> bool:
        """Whether it was started and neither killed nor asked to end since."""
        return self._process is not None

    def spawn(self, command: Sequence[str | Path], environment: Mapping[str, str] = os.environ) -> None:
        """Start `command`, whose first word is a full path."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", MORTAL, str(os.getpid()), *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_until(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Ask `is_ready` until it says yes; raises ServerFailedError when the process ends or the time is up."""
        process, deadline = self._running(), time.monotonic() + timeout_s
        while not is_ready():
            if process.poll() is not None:
                raise ServerFailedError(f"the server ended with {process.returncode}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ServerFailedError(f"the server was not ready within {timeout_s:.0f} s:\n{self.tail()}")
            time.sleep(POLL_INTERVAL_S)

    def tail(self) -> str:
        """Return the end of what it wrote."""
        return self.log.read_text(errors="replace")[-TAIL_CHARACTERS:]

    def kill(self) -> None:
        """End it with SIGKILL and wait until it is gone."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None

    def terminate(self) -> int:
        """Ask it to end with SIGTERM, insist after a while, and return its exit status (negative: the signal)."""
        process = self._running()
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._process = None
        return process.returncode

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ValueError("the server is down")
        return self._process
