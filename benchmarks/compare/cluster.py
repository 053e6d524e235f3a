"""A Postgres cluster of its own, in a scratch folder, reached by a socket in it; stopped by its process id."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

DEBIAN_SERVERS = Path("/usr/lib/postgresql")
USER = "postgres"
"""Whom Debian's package makes; Postgres refuses to run as root."""

START_S = 60.0
STOP_S = 60.0
TIMEOUT_S = 3600.0
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "4GB",
    "effective_cache_size": "12GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "8GB",
    "max_parallel_workers_per_gather": "2",
    "random_page_cost": "1.1",
    "timezone": "UTC",
}
"""What one would set on such a machine."""


class NotInstalledError(Exception):
    """There is no Postgres server here."""


def find_server() -> Path:
    """Return the folder of the newest installed server's programs; raises NotInstalledError."""
    found = sorted(DEBIAN_SERVERS.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    if (elsewhere := shutil.which("postgres")) is not None:
        return Path(elsewhere).resolve().parent
    raise NotInstalledError("Postgres is not installed (Debian: apt-get install postgresql)")


class Cluster(msgspec.Struct, frozen=True):
    """A running cluster; `folder` holds its data and its socket."""

    programs: Path
    folder: Path

    def run_sql(self, *statements: str, variables: Mapping[str, str] | None = None) -> list[str]:
        """Run statements with psql and return the lines it printed: rows with tabs in between, and times.

        `variables` stand in the statements as :'name'. Raises subprocess.CalledProcessError; psql says why.
        """
        given = [f"--set={name}={value}" for name, value in (variables or {}).items()]
        script = "".join(f"{text}\n" if text.startswith("\\") else f"{text};\n" for text in statements)
        told = subprocess.run(
            [*self._psql(), *given], input=script, stdout=subprocess.PIPE, check=True, text=True, timeout=TIMEOUT_S
        ).stdout
        return told.splitlines()

    def copy_csv(self, table: str, file: Path) -> None:
        """Copy a CSV file into a table, which is what loads fastest."""
        with file.open("rb") as lines:
            command = [*self._psql(), "-c", f"COPY {table} FROM STDIN (FORMAT csv)"]
            subprocess.run(command, stdin=lines, check=True, timeout=TIMEOUT_S)

    def _psql(self) -> list[str]:
        options = ["-X", "-q", "-A", "-t", "-F", "\t", "--set=ON_ERROR_STOP=1", "-h", str(self.folder), "-U", USER]
        return [str(self.programs / "psql"), *options, "-d", "postgres"]

    def version(self) -> str:
        """Return the server's version."""
        return self.run_sql("SHOW server_version")[0].split()[0]


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Make a cluster below `folder`, run it, and yield it; stop it in order at the end."""
    programs = find_server()
    data = folder / "cluster"
    data.mkdir()
    owner = _hand_over(folder, data)
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        user=owner,
    )
    settings = [f"--{name}={value}" for name, value in {**SETTINGS, "unix_socket_directories": data}.items()]
    with (folder / "postgres.log").open("wb") as log:
        process = subprocess.Popen([programs / "postgres", "-D", data, *settings], stdout=log, stderr=log, user=owner)
        try:
            cluster = Cluster(programs, data)
            _wait_until_ready(process, cluster, folder / "postgres.log")
            yield cluster
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_S)


def _hand_over(folder: Path, data: Path) -> str | None:
    """Give `data` to an ordinary user where this is root, and return whom to run as, None: as this one."""
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam(USER)
    folder.chmod(0o755)
    os.chown(data, account.pw_uid, account.pw_gid)
    return USER


def _wait_until_ready(process: subprocess.Popen[bytes], cluster: Cluster, log: Path) -> None:
    deadline = time.monotonic() + START_S
    ready = [str(cluster.programs / "pg_isready"), "-q", "-h", str(cluster.folder)]
    while subprocess.run(ready, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Postgres did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)
