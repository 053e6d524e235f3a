"""Where results and insert data pass through: named pipes and files in a folder of the port's own."""

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

PIECE_BYTES = 1024 * 1024


class ResultPipe:
    """A pipe the engine writes one result to, whatever the format, and the event loop reads from.

    The engine waits where the reader does not keep up, so a result of any size takes the memory of a few pieces.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / name
        os.mkfifo(self.path, 0o600)
        self._read_fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        # Held open until the engine is done: without a writer a pipe reads as ended before it has begun.
        self._write_fd: int | None = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(self._read_fd, fcntl.F_SETPIPE_SZ, PIECE_BYTES)

    def finish(self) -> None:
        """Say that the engine writes no more; what is in the pipe can still be read."""
        if self._write_fd is not None:
            os.close(self._write_fd)
            self._write_fd = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield what the engine writes, until `finish`."""
        while (piece := await self._next()) != b"":
            yield piece

    async def _next(self) -> bytes:
        while (piece := self._try_read()) is None:
            await self._readable()
        return piece

    def _try_read(self) -> bytes | None:
        try:
            return os.read(self._read_fd, PIECE_BYTES)
        except BlockingIOError:
            return None

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._read_fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._read_fd)

    def discard(self) -> None:
        """Throw away what is in the pipe, so that a writer that waits for room goes on."""
        while self._try_read():
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()
        os.close(self._read_fd)
        self.path.unlink(missing_ok=True)


class InsertData:
    """The data of one INSERT, in a file that exists from its first byte until the statement is over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append `data`."""
        if self._file is None:
            self._file = self._path.open("xb")
        self.size += self._file.write(data)

    def finish(self) -> str:
        """Return the path of the whole data."""
        self.write(b"")
        if self._file is not None:
            self._file.close()
        return str(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._path.unlink()


class Spool:
    """The folder: emptied when the port starts, since a killed process leaves its files, and removed when it stops."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def open(self) -> None:
        """Make the folder, for this user alone."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700, parents=True)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_name(self) -> str:
        """Return a file name that was not used before."""
        self._count += 1
        return f"{self._count:08d}.data"

    def new_pipe(self) -> ResultPipe:
        """Return a new pipe for a result."""
        return ResultPipe(self.folder, self.new_name())

    def new_insert(self) -> InsertData:
        """Return a place for the data of an INSERT."""
        return InsertData(self.folder / self.new_name())

    def new_buffer(self) -> tempfile.SpooledTemporaryFile[bytes]:
        """Return a nameless buffer that moves from memory to the folder when it grows."""
        return tempfile.SpooledTemporaryFile(max_size=PIECE_BYTES, dir=str(self.folder))
