"""A relay before a test server's native port: whoever breaks a connection off, the server sees it end in order.

The library that is the server ends as a whole when a connection is reset, which a server of its own does not, and
ClickHouse resets connections to shards of which it needs no more.
"""

import asyncio
import threading

READ_BYTES = 1 << 16


class Relay:
    """Passes connections to its own port on `host` on to `target_port`, in a thread of its own."""

    def __init__(self, host: str, target_port: int) -> None:
        self._host = host
        self._target_port = target_port
        self._links: set[asyncio.Task[None] | None] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accept, host, 0), self._loop
        ).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Take no more connections and give up those there are."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The loop holds no task by itself: one whose connections are gone would be collected where it waits.
        link = asyncio.current_task()
        self._links.add(link)
        try:
            await self._relay(reader, writer)
        finally:
            self._links.discard(link)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(self._host, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_pump(reader, server_writer), _pump(server_reader, writer))
        finally:
            writer.transport.abort()
            server_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on until the one side ends; when the other is gone, read on to the end all the same."""
    is_there = True
    while piece := await _read(reader):
        if is_there:
            try:
                writer.write(piece)
                await writer.drain()
            except OSError:
                is_there = False
    if is_there and not writer.transport.is_closing():
        writer.write_eof()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(READ_BYTES)
    except OSError:
        return b""
