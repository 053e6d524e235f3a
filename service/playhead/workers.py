"""Several processes on one port: a supervisor that starts them, starts the dead anew, and ends them in order.

Each listens by itself (SO_REUSEPORT), so that the kernel spreads connections. The first one starts alone: it migrates
the database and makes the first key. Workers that a killed supervisor leaves behind end by themselves.
"""

import asyncio
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

import msgspec
import structlog

from playhead.settings import Settings

SHORT_LIFE_S = 5.0
"""A worker that ends sooner is started again only after this."""
FLUSH_S = 35
"""What a worker may take to store what it holds after its requests have ended: an insert's longest time and some."""
NOT_STARTED = 3

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerPlace:
    """Where one worker stands: its number from 0, its socket, what it tells the supervisor by, and hears its end by."""

    number: int
    socket: socket.socket
    ready_fd: int
    alive_fd: int

    @property
    def is_first(self) -> bool:
        """Whether it does what is to be done once."""
        return self.number == 0

    def watch(self, loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
        """Tell the supervisor that this worker serves, and call `end` when the supervisor is gone."""
        os.write(self.ready_fd, b".")

        def hear() -> None:
            loop.remove_reader(self.alive_fd)
            end()

        loop.add_reader(self.alive_fd, hear)


class Supervisor:
    """Runs `work` in `settings.workers` processes until SIGINT or SIGTERM."""

    def __init__(self, settings: Settings, work: Callable[[Settings, WorkerPlace], None]) -> None:
        self._work = work
        self._reserved = open_socket(settings.host, settings.port)
        self._settings = msgspec.structs.replace(settings, port=self._reserved.getsockname()[1])
        self._alive_fd, self._alive_end = os.pipe()
        self._numbers: dict[int, int] = {}
        self._started_at: dict[int, float] = {}
        self._is_stopping = False

    def run(self) -> int:
        """Return the exit code: 0 after an end in order, 3 where the first worker never served."""
        for ending in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ending, self._stop)
        signal.signal(signal.SIGALRM, self._kill)
        if not self._start(0):
            return NOT_STARTED
        for number in range(1, self._settings.workers):
            if not self._is_stopping:
                self._start(number)
        while self._numbers:
            self._replace_one()
        return 0

    def _start(self, number: int) -> bool:
        """Start a worker and wait until it serves; False: it ended before."""
        heard_fd, ready_fd = os.pipe()
        place_socket = open_socket(self._settings.host, self._settings.port)
        pid = os.fork()
        if pid == 0:
            os.close(self._alive_end)
            os.close(heard_fd)
            self._run_worker(
                WorkerPlace(number=number, socket=place_socket, ready_fd=ready_fd, alive_fd=self._alive_fd)
            )
        os.close(ready_fd)
        place_socket.close()
        self._numbers[pid] = number
        self._started_at[pid] = time.monotonic()
        if self._is_stopping:
            os.kill(pid, signal.SIGTERM)
        is_ready = bool(select.select([heard_fd], [], [])[0]) and os.read(heard_fd, 1) == b"."
        os.close(heard_fd)
        return is_ready

    def _run_worker(self, place: WorkerPlace) -> None:
        code = 1
        try:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
            self._reserved.close()
            self._work(self._settings, place)
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:
            log.exception("worker_failed", worker=place.number)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _replace_one(self) -> None:
        """Wait for a worker to end, and start another in its place unless all are to end."""
        pid, status = os.waitpid(-1, 0)
        number = self._numbers.pop(pid, None)
        lived_s = time.monotonic() - self._started_at.pop(pid, 0.0)
        if number is None or self._is_stopping:
            return
        log.error("worker_ended", worker=number, code=os.waitstatus_to_exitcode(status), lived_s=round(lived_s, 1))
        if lived_s < SHORT_LIFE_S:
            time.sleep(SHORT_LIFE_S - lived_s)
        if not self._is_stopping:
            self._start(number)

    def _stop(self, _: int, __: FrameType | None) -> None:
        """Tell all workers to end in order, and give them a bounded time for it."""
        self._is_stopping = True
        signal.alarm(self._settings.shutdown_timeout_s + FLUSH_S)
        self._signal_all(signal.SIGTERM)

    def _kill(self, _: int, __: FrameType | None) -> None:
        self._signal_all(signal.SIGKILL)

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in list(self._numbers):
            os.kill(pid, number)


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address which others may be bound to; it does not listen. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    opened = socket.socket(family, kind, protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    opened.bind(address)
    return opened
