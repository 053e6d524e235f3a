"""Disks that are small, and files that are slow to write."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tests.requirements import need

SIZE_BYTES = 512 * 1024 * 1024
FILLER = "filler"
FILLED_AGAIN = 100
DELAY_US = 30_000
SLOWED = "write,pwrite64,fsync,fdatasync,rename"


class SmallDisk:
    """A file system in memory of its own, mounted at `path`, which can be filled to the last byte."""

    def __init__(self, path: Path, size_bytes: int = SIZE_BYTES) -> None:
        self.path = path
        self._size_bytes = size_bytes

    def __enter__(self) -> Self:
        self.path.mkdir(parents=True, exist_ok=True)
        mounting = ["mount", "-t", "tmpfs", "-o", f"size={self._size_bytes}", "playhead-test", str(self.path)]
        is_mounted = (
            shutil.which("mount") and subprocess.run(mounting, check=False, capture_output=True).returncode == 0
        )
        need(is_mounted, "the right to mount a small file system")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)

    def fill(self) -> None:
        """Leave no room, also where files are deleted meanwhile."""
        with (self.path / FILLER).open("ab", buffering=0) as file:
            for size in (1024 * 1024, *(4096,) * FILLED_AGAIN):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def clear(self) -> None:
        """Make room again."""
        (self.path / FILLER).unlink(missing_ok=True)

    @property
    def free_bytes(self) -> int:
        """Room that is left."""
        usage = os.statvfs(self.path)
        return usage.f_bavail * usage.f_frsize


def need_slow_files() -> None:
    """Skip the test where system calls cannot be delayed."""
    is_there = shutil.which("strace") is not None
    tried = is_there and subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False, capture_output=True)
    need(is_there and tried and tried.returncode == 0, "strace that may trace")


@contextmanager
def slow_files(pid: int, delay_us: int = DELAY_US) -> Iterator[None]:
    """Delay every write, fsync and rename of a process: what a slow disk makes of them, in the kernel's own calls."""
    delays = ["-e", f"trace={SLOWED}", "-e", f"inject={SLOWED}:delay_enter={delay_us}"]
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid), *delays])
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait()
