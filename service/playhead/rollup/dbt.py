"""Runs dbt: the project in dbt/ against the configured engine, in a process of its own.

A process, since dbt keeps state for as long as it lives and cannot be entered twice. What it is told about the engine
goes by environment variables, so that the password is in no list of processes.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from playhead.errors import JobError
from playhead.rollup.threads import background_threads
from playhead.settings import Settings
from playhead.store.embedded import DATABASE
from playhead.store.server import ServerAddress
from playhead.store.sql_target import open_sql_target

_PACKAGED = Path(__file__).parents[1] / "dbt_project"
_REPOSITORY = Path(__file__).parents[3] / "dbt"
_MAIN = "from dbt.cli.main import cli; cli(prog_name='playhead dbt')"
_OUTPUT_BYTES = 64 * 1024
"""How much of what dbt prints is kept for who asks why it failed."""
_READ_BYTES = 16 * 1024
_GRACE_S = 10.0


class DbtResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended: dbt's exit status (0: all well) and the end of what it printed, empty where it was shown."""

    status: int
    output: str


def project_folder() -> Path:
    """Return the dbt project: inside the installed package, or in the repository."""
    return _PACKAGED if _PACKAGED.is_dir() else _REPOSITORY


async def run_dbt(settings: Settings, arguments: Sequence[str], *, database: str = DATABASE) -> DbtResult:
    """Run `dbt ARGUMENTS` for a job and return how it ended; what dbt writes stays in `dbt/jobs` of the data folder.

    `database` is that of the embedded engine; a server's is in its URL. Cancelling ends dbt, and what it has begun
    is built by the next run. Raises JobError after `job_timeout_s`, and StoreUnavailableError where the engine cannot
    be reached.
    """
    async with open_sql_target(_as_builder(settings), database) as target:
        folder = _data_folder(settings) / "jobs"
        environment = dbt_environment(settings, target, folder) | {
            "DBT_USE_COLORS": "0",
            "DBT_PLAYHEAD_MAX_THREADS": str(background_threads(settings)),
        }
        try:
            async with asyncio.timeout(settings.job_timeout_s):
                return await _run_captured(arguments, environment)
        except TimeoutError as error:
            raise JobError(f"dbt took longer than {settings.job_timeout_s:g} s") from error


async def show_dbt(settings: Settings, arguments: Sequence[str]) -> int:
    """Run `dbt ARGUMENTS` on this process's terminal and return its exit status; it may take any time.

    What dbt writes stays in `dbt` of the data folder. Raises StoreUnavailableError where the engine cannot be reached.
    """
    async with open_sql_target(_as_builder(settings)) as target:
        # Someone waits for it: a mart keeps one core busy, so two are built at a time.
        environment = dbt_environment(settings, target, _data_folder(settings)) | {"DBT_PLAYHEAD_THREADS": "2"}
        async with _started(arguments, environment, output=None) as process:
            return await process.wait()


def _as_builder(settings: Settings) -> Settings:
    """Return the settings with the URL that dbt is to use, where it has one of its own."""
    return msgspec.structs.replace(settings, clickhouse_url=settings.clickhouse_dbt_url or settings.clickhouse_url)


def _data_folder(settings: Settings) -> Path:
    return Path(settings.data_dir).resolve() / "dbt"


def dbt_environment(settings: Settings, target: ServerAddress, folder: Path) -> dict[str, str]:
    """Return the environment dbt runs in: this process's, where the engine is, and `folder` to write below."""
    return (
        dict(_inherited())
        | _wire_environment(settings)
        | {
            "DBT_PROJECT_DIR": str(project_folder()),
            "DBT_PROFILES_DIR": str(project_folder()),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "0",
            "DBT_PLAYHEAD_HOST": target.host,
            "DBT_PLAYHEAD_PORT": str(target.port),
            "DBT_PLAYHEAD_SECURE": str(target.is_secure),
            "DBT_PLAYHEAD_USER": target.user,
            "DBT_PLAYHEAD_DATABASE": target.database,
            "DBT_ENV_SECRET_PLAYHEAD_PASSWORD": target.password,
            "DBT_PLAYHEAD_TIMEOUT_S": str(int(settings.job_timeout_s) + 1),
            "DBT_PLAYHEAD_MAX_MEMORY_BYTES": str(settings.query_max_memory_bytes),
            "DBT_PLAYHEAD_MAX_THREADS": "0",
            "DBT_PLAYHEAD_MAX_SESSION_EVENTS": str(settings.max_session_events),
            "DBT_PLAYHEAD_RETENTION_DAYS": str(settings.retention_days),
            "DBT_PLAYHEAD_CLUSTER": settings.clickhouse_cluster,
        }
    )


def _wire_environment(settings: Settings) -> dict[str, str]:
    """Return how the server is reached; whom to trust is OpenSSL's variable, since dbt has none."""
    packing = settings.clickhouse_compression
    trust = {"SSL_CERT_FILE": settings.clickhouse_ca_file} if settings.clickhouse_ca_file else {}
    return trust | {
        "DBT_PLAYHEAD_VERIFY": str(settings.clickhouse_verify),
        "DBT_PLAYHEAD_CERT_FILE": settings.clickhouse_cert_file,
        "DBT_PLAYHEAD_KEY_FILE": settings.clickhouse_key_file,
        "DBT_PLAYHEAD_COMPRESSION": "" if packing == "none" else packing,
    }


def _inherited() -> Mapping[str, str]:
    """Return the variables of this process that dbt may see: none of the service's settings, some of them secret."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("PLAYHEAD_", "DBT_"))}


async def _run_captured(arguments: Sequence[str], environment: Mapping[str, str]) -> DbtResult:
    async with _started(arguments, environment, output=asyncio.subprocess.PIPE) as process:
        output = bytearray()
        if process.stdout is not None:
            while piece := await process.stdout.read(_READ_BYTES):
                output += piece
                del output[:-_OUTPUT_BYTES]
        status = await process.wait()
    return DbtResult(status=status, output=output.decode(errors="replace"))


@asynccontextmanager
async def _started(
    arguments: Sequence[str], environment: Mapping[str, str], output: int | None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Give the running process, which does not outlive the context."""
    errors = None if output is None else asyncio.subprocess.STDOUT
    # -P: a folder named dbt where it is started would come before the package.
    command = [sys.executable, "-P", "-c", _MAIN, *arguments]
    stdin = None if output is None else asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=stdin, stdout=output, stderr=errors
    )  # fmt: skip
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask the process to end, then make it; it takes its statement along, which the SQL port stops."""
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
