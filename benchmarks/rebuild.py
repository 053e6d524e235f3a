"""A full rebuild of sessions and marts from the raw events, as an operator would run it."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.service import environment

FULL_REFRESH = ("dbt", "run", "--full-refresh")
AGGREGATE = ("job", "run", "aggregate")
SETTLING_S = 61.0
"""A build believes no version younger than a minute: its writer might still be at it."""


class Rebuild(msgspec.Struct, frozen=True):
    """Seconds of wall and CPU time of a run of dbt, and the memory of its greatest process."""

    elapsed_s: float
    cpu_s: float
    peak_rss_gib: float

    def events_per_second(self, events: int) -> float:
        """The rate for a history of `events`."""
        return events / self.elapsed_s


def rebuild(folder: Path, command: Sequence[str] = FULL_REFRESH) -> Rebuild:
    """Run `playhead COMMAND` on `folder`, whose service is stopped; raises RuntimeError with its words if it fails."""
    settings = environment(PLAYHEAD_DATA_DIR=str(folder), PLAYHEAD_SQL_PORT="0")
    main = "import sys; from playhead.cli import main; sys.exit(main(sys.argv[1:]))"
    log = folder / "rebuild.log"
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", main, *command], env=settings, cwd=folder, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
    elapsed_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"playhead {' '.join(command)} failed:\n{log.read_text(errors='replace')[-4000:]}")
    return Rebuild(elapsed_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)


def settle(folder: Path) -> None:
    """Have the marts of `folder` built once more, a minute after the last refold: only then do their days answer."""
    time.sleep(SETTLING_S)
    rebuild(folder, AGGREGATE)
