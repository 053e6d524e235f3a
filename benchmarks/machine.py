"""What was measured on, and what was measured: figures without it say nothing."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

PACKAGES = ("chdb", "chdb-core", "clickhouse-connect", "litestar", "msgspec", "uvicorn", "uvloop", "httptools")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The machine and the versions; `commit` ends in + where the working tree differs from it."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    packages: dict[str, str]
    wrk: str
    commit: str
    load_average: float


def describe_machine() -> Machine:
    """Return what is known of this machine; unknown parts are "?"."""
    return Machine(
        cpu=_first_value(Path("/proc/cpuinfo"), "model name"),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        kernel=platform.release(),
        python=platform.python_version(),
        packages={name: found for name in PACKAGES if (found := _version(name))},
        wrk=_wrk_version(),
        commit=_commit(),
        load_average=round(os.getloadavg()[0], 2),
    )


def as_lines(machine: Machine) -> list[str]:
    """Return the machine as text for a reader."""
    packages = ", ".join(f"{name} {found}" for name, found in machine.packages.items())
    return [
        f"machine   {machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB, Linux {machine.kernel}",
        f"versions  Python {machine.python}, {packages}, wrk {machine.wrk}",
        f"commit    {machine.commit}, load average before: {machine.load_average}",
    ]


def _first_value(path: Path, key: str) -> str:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "?")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _wrk_version() -> str:
    if shutil.which("wrk") is None:
        return "absent"
    words = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout.split()
    return words[1] if len(words) > 1 else "?"


def _commit() -> str:
    def git(*arguments: str) -> str:
        folder = Path(__file__).parent
        return subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
        ).stdout.strip()

    if shutil.which("git") is None or not (head := git("rev-parse", "--short=12", "HEAD")):
        return "?"
    return head + ("+" if git("status", "--porcelain") else "")
