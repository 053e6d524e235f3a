"""Records in files: appended with fsync, checksummed, and read back whatever became of the files.

A folder holds segments, written one after the other; only the newest is written to. A segment is a run of records:

    magic 4 | kind 1 | columns 4 | rows 4 | length 4 | crc 4 | payload

little-endian; `crc` is the CRC-32 of all before it and of the payload, `columns` that of the names of the columns
the payload is for.
"""

import enum
import fcntl
import os
import struct
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from playhead.events import BATCH_COLUMNS, EVENT_COLUMNS

MAGIC = b"PHS1"
_HEAD = struct.Struct("<4sBIII")
_CRC = struct.Struct("<I")
_OVERHEAD = _HEAD.size + _CRC.size
SUFFIX = ".segment"
SET_ASIDE = "set-aside"
"""The folder of what could not be used; it is left to the operator."""


class RecordKind(enum.IntEnum):
    """What a payload is."""

    rows = 1
    """EventRows, one a line, as they were inserted before there were batches; read, not written any more."""
    unassigned = 2
    """A batch whose rows still need a session."""
    batches = 3
    """Batches as they are inserted."""


def _checksum(columns: Sequence[str]) -> int:
    return zlib.crc32(",".join(columns).encode())


_COLUMNS: dict[int, int] = {
    RecordKind.rows: _checksum(EVENT_COLUMNS),
    RecordKind.unassigned: _checksum(EVENT_COLUMNS),
    RecordKind.batches: _checksum(BATCH_COLUMNS),
}


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One batch on disk; `columns` tells which version's rows it holds, None: this one's."""

    kind: int
    rows: int
    payload: bytes
    columns: int | None = None

    def encode(self) -> bytes:
        """Return it as it is in a file."""
        columns = _COLUMNS[self.kind] if self.columns is None else self.columns
        head = _HEAD.pack(MAGIC, self.kind, columns, self.rows, len(self.payload))
        return b"".join((head, _CRC.pack(zlib.crc32(self.payload, zlib.crc32(head))), self.payload))

    @property
    def is_known(self) -> bool:
        """Whether this version can store it."""
        return self.kind in _COLUMNS and self.columns is None


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that are no record; `is_torn`: the end of a record that was never written in full."""

    data: bytes
    is_torn: bool = False


class SpoolFullError(Exception):
    """No room is left."""


def read_records(data: bytes) -> Iterator[Record | Damage]:
    """Yield what is in a segment, in order: every whole record, and every run of bytes between them."""
    at = 0
    while at < len(data):
        record = _read_record(data, at)
        if record is not None:
            yield record
            at += _OVERHEAD + len(record.payload)
            continue
        following = _find_record(data, at + 1)
        yield Damage(data=data[at:following], is_torn=following == len(data) and _is_torn(data[at:]))
        at = following


def _read_record(data: bytes, at: int) -> Record | None:
    begin = at + _OVERHEAD
    if begin > len(data):
        return None
    magic, kind, columns, rows, length = _HEAD.unpack_from(data, at)
    if magic != MAGIC or begin + length > len(data):
        return None
    payload = data[begin : begin + length]
    if zlib.crc32(payload, zlib.crc32(data[at : at + _HEAD.size])) != _CRC.unpack_from(data, at + _HEAD.size)[0]:
        return None
    return Record(kind=kind, rows=rows, payload=payload, columns=None if columns == _COLUMNS.get(kind) else columns)


def _find_record(data: bytes, at: int) -> int:
    """Return where the next whole record begins, else the end."""
    while (at := data.find(MAGIC, at)) >= 0:
        if _read_record(data, at) is not None:
            return at
        at += 1
    return len(data)


def _is_torn(data: bytes) -> bool:
    if len(data) < _OVERHEAD:
        return MAGIC.startswith(data[: len(MAGIC)])
    magic, *_, length = _HEAD.unpack_from(data)
    return bool(magic == MAGIC) and _OVERHEAD + int(length) > len(data)


class SpoolFolder:
    """The segments of one process; its methods block, and may be called from several threads.

    Raises BlockingIOError where another process has the folder.
    """

    def __init__(self, path: Path, *, max_bytes: int, segment_bytes: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._guard = threading.Lock()
        self._owned = os.open(path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._owned)
            raise
        self._sizes = {file: file.stat().st_size for file in sorted(path.glob(f"*{SUFFIX}"))}
        self._active: Path | None = None

    def close(self) -> None:
        """Let another process have the folder."""
        with self._guard:
            os.close(self._owned)

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments."""
        return sum(self._sizes.values())

    @property
    def all_segments(self) -> set[Path]:
        """The segments there are."""
        return set(self._sizes)

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return len(self._sizes)

    @property
    def oldest_at(self) -> float | None:
        """When the oldest segment was begun, in s since the epoch; None without one."""
        oldest = next(iter(self._sizes), None)
        return None if oldest is None else int(oldest.name.partition("-")[0]) / 1e9

    def append(self, records: Sequence[Record]) -> None:
        """Write records, all or none; they survive a power cut when it returns.

        Raises SpoolFullError, and OSError where the disk does not take them.
        """
        data = b"".join(record.encode() for record in records)
        with self._guard:
            if self.size_bytes + len(data) > self._max_bytes:
                raise SpoolFullError
            if self._active is None or self._sizes[self._active] >= self._segment_bytes:
                self._active = self._begin_segment()
            active = self._active
            try:
                with active.open("r+b") as file:
                    file.seek(self._sizes[active])
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                self._drop_half_written(active)
                raise
            self._sizes[active] += len(data)

    def _drop_half_written(self, active: Path) -> None:
        """Cut off what is no record, or one that nobody was told of.

        Where that fails too the next record begins a new file: not each time, or a full disk would be full of files.
        """
        try:
            os.truncate(active, self._sizes[active])
        except OSError:
            self._sizes[active] = active.stat().st_size
            self._active = None

    def take_oldest(self) -> Path | None:
        """Return the oldest segment, which is not written to any more; None: there is none."""
        with self._guard:
            oldest = next(iter(self._sizes), None)
            if oldest == self._active:
                self._active = None
            return oldest

    def remove(self, segment: Path) -> None:
        """Forget a segment that is stored."""
        with self._guard:
            segment.unlink()
            self._sync_folder(self.path)
            del self._sizes[segment]

    def set_aside(self, data: bytes, kind: str) -> None:
        """Keep bytes that cannot be used in a file of their own."""
        folder = self.path / SET_ASIDE
        folder.mkdir(exist_ok=True)
        with (folder / f"{time.time_ns()}.{kind}").open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._sync_folder(folder)

    def _begin_segment(self) -> Path:
        newest = int(next(reversed(self._sizes), Path("0-")).name.partition("-")[0])
        segment = self.path / f"{max(time.time_ns(), newest + 1):020}-{SUFFIX}"
        segment.touch(mode=0o600, exist_ok=False)
        self._sync_folder(self.path)
        self._sizes[segment] = 0
        return segment

    @staticmethod
    def _sync_folder(folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def claim_folder(parent: Path, *, max_bytes: int, segment_bytes: int) -> SpoolFolder:
    """Return the first folder below `parent` that no living process has, making one where all are taken."""
    number = 0
    while True:
        try:
            return SpoolFolder(parent / str(number), max_bytes=max_bytes, segment_bytes=segment_bytes)
        except BlockingIOError:
            number += 1
