"""Stands in for what the embedded engine does not notice: that its disk is full.

chDB goes on when the system refuses to write a file (ENOSPC): the insert, or the merge of parts in the background, ends
well, and the part has files that are empty or cut short. So nothing is written while there is little room, what was
being written when there was little counts as failed, and then the tables are taken out and in again: the engine looks
at its parts as it does at start, sets aside those that are broken, and takes back those they were merged from.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from playhead.errors import StoreUnavailableError
from playhead.store.contract import Row
from playhead.store.sql_handles import EngineHandle, quote_name
from playhead.store.sql_wire import NOT_ENOUGH_SPACE, SqlError

ALONE_WITHIN_S = 10.0
"""How long looking at the tables waits for the statements under way, and all others for it."""

ROOM_AGAIN = 1.25
"""How much of what must be free is to be free after it was not, so that tables are not looked at again and again."""

_TABLES = """
SELECT database, name, 0 AS is_detached FROM system.tables
WHERE engine LIKE '%MergeTree' AND NOT is_temporary AND database != 'system'
UNION ALL
SELECT database, table AS name, 1 AS is_detached FROM system.detached_tables WHERE NOT is_permanently
"""
_BROKEN_PARTS = "SELECT database, table, name FROM system.detached_parts WHERE startsWith(reason, 'broken')"

log = structlog.get_logger()


class _Table(msgspec.Struct, frozen=True):
    database: str
    name: str
    is_detached: bool

    @property
    def path(self) -> str:
        return f"{quote_name(self.database)}.{quote_name(self.name)}"


class _Part(msgspec.Struct, frozen=True):
    database: str
    table: str
    name: str


class DiskGuard:
    """Lets statements run on the engine at `path`, those that write with at least `min_free_bytes` free on its disk.

    One for all who use the engine in this process; 0 bytes: it looks at nothing. Any thread may call it.
    """

    def __init__(self, path: Path, min_free_bytes: int) -> None:
        self._path = path
        self._min_free_bytes = min_free_bytes
        self._changed = threading.Condition()
        self._under_way = 0
        self._is_low = False
        self._times_low = 0
        self._is_suspect = False
        self._is_looking = False

    @contextmanager
    def statement(self, *, writes: bool) -> Iterator[None]:
        """Run one statement within; raises StoreUnavailableError where there is no room, or was none at some moment.

        Then what it wrote may not be whole, and is to be written again.
        """
        times_low = self._enter(writes=writes)
        try:
            yield
        finally:
            has_room = self._leave(times_low)
        if writes and not has_room:
            raise self._no_room("while it was written")

    def _enter(self, *, writes: bool) -> int:
        with self._changed:
            self._look_at_disk()
            if not self._changed.wait_for(lambda: not self._is_looking, ALONE_WITHIN_S):
                raise StoreUnavailableError("the tables are being looked at after the disk was full")
            if self._is_suspect:
                self._look_at_tables()
            if writes and self._is_low:
                raise self._no_room("now")
            self._under_way += 1
            return self._times_low

    def _leave(self, times_low: int) -> bool:
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()
            self._look_at_disk()
            return self._times_low == times_low

    def _look_at_disk(self) -> None:
        if not self._min_free_bytes:
            return
        is_low = _free_bytes(self._path) < self._min_free_bytes * (ROOM_AGAIN if self._is_low else 1)
        self._times_low += is_low
        if is_low != self._is_low:
            # At both ends: a part that was merged from others is given up as long as those are kept, for minutes.
            self._is_suspect = True
            log.warning("disk_is_low" if is_low else "disk_has_room", free_bytes=_free_bytes(self._path))
        self._is_low = is_low

    def _look_at_tables(self) -> None:
        """Take all tables out and in, alone; where that fails they stay suspect, and the next statement tries again."""
        self._is_looking = True
        try:
            if not self._changed.wait_for(lambda: not self._under_way, ALONE_WITHIN_S):
                raise StoreUnavailableError("the tables must be looked at alone, and statements go on")
            # Nobody else enters meanwhile: this thread holds what they wait for.
            reload_tables(self._path)
            self._is_suspect = False
        finally:
            self._is_looking = False
            self._changed.notify_all()

    def _no_room(self, when: str) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"less than {self._min_free_bytes} bytes are free on the disk of {self._path} {when}, and the engine would "
            "not notice that it is full (PLAYHEAD_MIN_FREE_DISK_BYTES)",
            code_number=NOT_ENOUGH_SPACE,
        )


def reload_tables(path: Path) -> None:
    """Let the engine look at the parts of all tables anew; raises StoreUnavailableError where it cannot."""
    began = time.monotonic()
    try:
        handle = EngineHandle(str(path), "")
        try:
            for table in _read(handle, _TABLES, _Table):
                if not table.is_detached:
                    handle.query(f"DETACH TABLE {table.path}")
                handle.query(f"ATTACH TABLE {table.path}")
            broken = _read(handle, _BROKEN_PARTS, _Part)
        finally:
            handle.close()
    except (RuntimeError, SqlError) as error:
        raise StoreUnavailableError(f"the tables cannot be looked at after the disk was full: {error}") from error
    for part in broken:
        log.error("part_is_broken", **msgspec.structs.asdict(part))
    log.info("tables_looked_at", took_s=round(time.monotonic() - began, 3), broken_parts=len(broken))


def _read(handle: EngineHandle, sql: str, row_type: type[Row]) -> list[Row]:
    return msgspec.json.Decoder(row_type, strict=False).decode_lines(handle.query(sql, "JSONEachRow"))


def _free_bytes(path: Path) -> int:
    usage = os.statvfs(path)
    return usage.f_bavail * usage.f_frsize
