"""A TCP proxy that fails on demand, as networks and machines between a service and its database do."""

import asyncio
import contextlib
import enum
import socket
import struct
from collections.abc import Callable

CHUNK_BYTES = 64 * 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends RST."""


class NetworkFault(enum.Enum):
    """What becomes of connections; each holds for those that are open and for new ones."""

    none = "none"
    latency = "latency"
    """Every piece comes late, in both directions."""
    reset = "reset"
    """Connections are reset once they are used."""
    black_hole = "black hole"
    """Connections are accepted, and nothing ever comes through."""
    half_closed = "half-closed"
    """Requests go through; instead of an answer comes the end of the stream."""
    truncation = "truncation"
    """The first bytes of an answer come through, then the connection is closed."""


class FaultProxy:
    """Listens on 127.0.0.1 and hands everything on to `target_port` there, unless `fault` says otherwise."""

    def __init__(self, target_port: int, *, latency_s: float = 0.05, truncated_bytes: int = 40) -> None:
        self.port = 0
        self.fault = NetworkFault.none
        self.latency_s = latency_s
        self.struck = 0
        """Pieces that did not come through as they were."""
        self._target_port = target_port
        self._truncated_bytes = truncated_bytes
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._mended = asyncio.Event()

    async def start(self) -> None:
        """Begin to listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
        await asyncio.sleep(0)  # What was closed last is let go in the loop's next round.

    def strike(self, fault: NetworkFault) -> None:
        """Let connections fail from now on."""
        self.fault = fault
        self._mended.clear()

    def mend(self) -> None:
        """Let everything through again; what a black hole swallowed stays lost, and its connections end."""
        self.fault = NetworkFault.none
        self._mended.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio takes the end of one of its own by cancellation for a fault.
        link = asyncio.create_task(self._link(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)
        link.add_done_callback(lambda _: writer.close())  # One that is cancelled before it begins closes nothing.

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            _reset(writer)
            return

        def reset() -> None:
            _reset(writer)
            _reset(there_writer)

        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, there_writer, reset, is_answer=False))
                both.create_task(self._carry(there_reader, writer, reset, is_answer=True))
        finally:
            for end in (writer, there_writer):  # Both before anything is waited for, where this may be cancelled.
                end.close()
            for end in (writer, there_writer):
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reset: Callable[[], None], *, is_answer: bool
    ) -> None:
        """Hand pieces on until one side ends."""
        with contextlib.suppress(OSError):
            while piece := await reader.read(CHUNK_BYTES):
                if not await self._pass(piece, writer, reset, is_answer=is_answer):
                    return
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _pass(
        self, piece: bytes, writer: asyncio.StreamWriter, reset: Callable[[], None], *, is_answer: bool
    ) -> bool:
        """Hand one piece on as the fault has it; false: the connection is at its end."""
        fault = self.fault
        self.struck += fault is not NetworkFault.none
        match fault:
            case NetworkFault.reset:
                reset()
                return False
            case NetworkFault.black_hole:
                await self._mended.wait()
                reset()
                return False
            case NetworkFault.half_closed if is_answer:
                writer.write_eof()
                await self._mended.wait()
                reset()
                return False
            case NetworkFault.truncation if is_answer:
                writer.write(piece[: self._truncated_bytes])
                await writer.drain()
                writer.close()
                return False
            case NetworkFault.latency:
                await asyncio.sleep(self.latency_s)
        writer.write(piece)
        await writer.drain()
        return True


def _reset(writer: asyncio.StreamWriter) -> None:
    made = writer.get_extra_info("socket")
    if made is not None:
        with contextlib.suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()
