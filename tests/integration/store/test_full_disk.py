"""The embedded engine on a disk that fills: what it writes badly without a word is neither acknowledged nor kept."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.disks import SmallDisk

FILL_BELOW = """
def free():
    usage = os.statvfs(disk)
    return usage.f_bavail * usage.f_frsize

def fill(leaving):
    with open(os.path.join(disk, "filler"), "ab", buffering=0) as file:
        while free() > leaving:
            file.write(bytes(min(free() - leaving, 1 << 20)))

def clear():
    os.remove(os.path.join(disk, "filler"))
"""
ENGINE_IS_SILENT = """
import os, sys
import chdb
disk = sys.argv[1]
engine = chdb.connect(os.path.join(disk, "engine"))
columns = [f"c{n}" for n in range(300)]
engine.query("CREATE TABLE t (" + ", ".join(f"{name} UInt32" for name in columns) + ") ENGINE = MergeTree ORDER BY c0 "
             "SETTINGS min_bytes_for_wide_part = 0, min_rows_for_wide_part = 0")
fill(leaving=1_400_000)
engine.query("INSERT INTO t SELECT " + ", ".join(["number"] * 300) + " FROM numbers(50)")
print("acknowledged")
clear()
try:
    engine.query("SELECT * FROM t FORMAT Null")
except Exception as error:
    print("unreadable" if "Empty marks file" in str(error) else error)
"""
GUARDED = """
import asyncio, os, sys
import msgspec
import structlog
from playhead.errors import StoreUnavailableError
from playhead.ops import doctor
from playhead.settings import Settings
from playhead.store.embedded import guard_disk, open_embedded_store
disk = sys.argv[1]
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

class Count(msgspec.Struct):
    n: int

class Part(msgspec.Struct):
    path: str

async def count(store):
    [row] = await store.fetch("SELECT sum(n) AS n FROM t", Count)
    return row.n

async def main():
    settings = Settings(data_dir=disk, min_free_disk_bytes=64 << 20)
    store = open_embedded_store(settings)
    await store.execute("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    for n in (1, 2, 4):
        await store.insert("t", ["n"], b"[%d]\\n" % n)
    await store.execute("OPTIMIZE TABLE t FINAL")
    [merged] = await store.fetch("SELECT path FROM system.parts WHERE table = 't' AND active", Part)
    # A merge that ended while the disk was full.
    for name in ("data.cmrk4", "columns.txt", "checksums.txt"):
        os.truncate(os.path.join(merged.path, name), 0)
    fill(leaving=0)
    try:
        await store.insert("t", ["n"], b"[8]\\n")
    except StoreUnavailableError as error:
        print("refused", error.code_number)
    print("read", await count(store))
    clear()
    await store.insert("t", ["n"], b"[8]\\n")
    print("read", await count(store))
    print("doctor", [found.status async for found in doctor._look_at_broken_parts(store, settings)])
    await store.close()

asyncio.run(main())
"""

SQL_PORT = """
import os, sys
from pathlib import Path
import httpx
from playhead.store.disk_guard import DiskGuard
from playhead.store.sql_endpoint import SqlEndpoint
path = Path(sys.argv[1]) / "engine"
path.mkdir()
endpoint = SqlEndpoint(
    path=str(path), database="playhead", port=0, token="t", max_connections=2, disk=DiskGuard(path, 2**62)
)
endpoint.start()
for sql in ("SELECT 1", "CREATE TABLE t (n UInt8) ENGINE = Memory", "SET max_threads = 1", "INSERT INTO t VALUES (1)"):
    answer = httpx.post(f"http://127.0.0.1:{endpoint.port}/", content=sql, auth=("playhead", "t"), trust_env=False)
    print(sql.split()[0], answer.status_code, answer.headers.get("x-clickhouse-exception-code"))
endpoint.stop()
"""


@pytest.fixture(name="disk")
def _disk(tmp_path: Path) -> Iterator[Path]:
    with SmallDisk(tmp_path / "small") as disk:
        yield disk.path


def run(script: str, disk: Path) -> list[str]:
    """Return what a script of a process of its own says: a process can open one embedded engine only."""
    python = [sys.executable, "-c", FILL_BELOW + script, str(disk)]
    return subprocess.run(python, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()


def test_the_engine_does_not_notice_a_full_disk(disk: Path) -> None:
    """Why there is a guard at all; once this fails, a later engine may do without it."""
    assert run(ENGINE_IS_SILENT, disk) == ["acknowledged", "unreadable"]


def test_nothing_is_lost_on_a_full_disk(disk: Path) -> None:
    """Rows are refused, and a part that was merged badly gives way to those it was merged from."""
    assert run(GUARDED, disk) == ["refused 243", "read 7", "read 15", "doctor ['warn']"]


def test_other_programs_may_not_write_either(disk: Path) -> None:
    """They are told as a server would tell them; reading goes on."""
    told = [line for line in run(SQL_PORT, disk) if line.split()[0].isupper()]
    assert told == ["SELECT 200 None", "CREATE 500 243", "SET 200 None", "INSERT 500 243"]
