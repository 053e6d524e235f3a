"""The embedded engine: chDB in this process, on a folder of its own."""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from playhead.errors import StoreUnavailableError
from playhead.settings import Settings
from playhead.store.clients import ClientPool, ClientStore, Transport, insert_settings, query_settings
from playhead.store.disk_guard import DiskGuard

DATABASE = "playhead"
MERGE_THREADS = "MergeMutate"
"""The engine's name for its threads that merge; there are some from the first table on, and they stay."""

THREADS = Path("/proc/self/task")


def embedded_path(settings: Settings) -> Path:
    """Return the engine's folder below the data folder."""
    return Path(settings.data_dir).resolve() / "clickhouse"


def require_unused(settings: Settings) -> None:
    """Raise StoreUnavailableError where another process has the engine's folder: it holds the lock of a file in it."""
    with contextlib.suppress(FileNotFoundError), (embedded_path(settings) / "status").open(encoding="utf-8") as status:
        try:
            fcntl.flock(status, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = status.readline().strip()  # PID: 123
            raise StoreUnavailableError(
                f"the data in {settings.data_dir} is in use by another process ({owner})"
            ) from error


def guard_disk(settings: Settings) -> DiskGuard:
    """Return the guard of the engine's disk, to be shared by all who use the engine in this process."""
    path = embedded_path(settings)
    path.mkdir(parents=True, exist_ok=True)
    return DiskGuard(path, settings.min_free_disk_bytes)


def open_embedded_store(settings: Settings, database: str = DATABASE, guard: DiskGuard | None = None) -> ClientStore:
    """Open `database` of the engine, which one process at a time may do.

    Raises StoreUnavailableError on first use where another process has it.
    """
    # The first handle of a process decides: what is behind the path is the engine's own configuration.
    path = f"{embedded_path(settings)}?uncompressed_cache_size={settings.mart_cache_bytes}"
    guard = guard or guard_disk(settings)

    def connect(client_settings: dict[str, Any]) -> Client:
        # A handle whose database does not exist cannot be opened, so each starts in the one that always does.
        client = clickhouse_connect.get_client(interface="chdb", path=path, settings=client_settings)
        client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
        client.database = database
        return client

    return ClientStore(
        database,
        inserts=ClientPool("insert", settings.flush_parallel + 1, lambda: connect(insert_settings(settings))),
        queries=ClientPool("query", settings.query_threads + 1, lambda: connect(query_settings(settings))),
        transport=Transport(run_within=guard.statement),
    )


def let_merges_give_way(nice: int) -> None:
    """Give the processor to the merges of this process after all else: they can wait, those who send events do wait.

    To be called once there are tables. Nothing is done where the system is not Linux.
    """
    for thread in THREADS.iterdir() if THREADS.is_dir() else ():
        with contextlib.suppress(OSError):  # Threads end at any time.
            if (thread / "comm").read_text(encoding="ascii").strip() == MERGE_THREADS:
                os.setpriority(os.PRIO_PROCESS, int(thread.name), nice)
