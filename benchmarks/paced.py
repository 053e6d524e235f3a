"""A steady load: batches at their instants, whether earlier ones were answered or not, and how long each took."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks.bodies import SESSION_MARK

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Ack(NamedTuple):
    """When a batch was due, in seconds of the monotonic clock, and how long after that its answer came."""

    due_s: float
    elapsed_ms: float
    is_accepted: bool


class PacedLoad:
    """Sends `requests_per_second` bodies, each as a session of its own, over as many connections as it takes.

    A batch waits for a connection that is free, at most `connections` of them, and that wait is part of its time.
    """

    def __init__(self, url: str, bodies: Sequence[bytes], requests_per_second: float, connections: int) -> None:
        address = urlsplit(url)
        self._host, self._port = str(address.hostname), int(address.port or 80)
        self._requests = _requests(bodies, address.netloc)
        self._period_s = 1 / requests_per_second
        self._connections = connections
        self.acks: list[Ack] = []

    async def run(self, is_over: asyncio.Event) -> None:
        """Send until `is_over`, then wait for the answers under way."""
        due: asyncio.Queue[float | None] = asyncio.Queue()
        senders = [asyncio.create_task(self._send(due)) for _ in range(self._connections)]
        next_s = time.perf_counter()
        while not is_over.is_set():
            due.put_nowait(next_s)
            next_s += self._period_s
            await asyncio.sleep(max(next_s - time.perf_counter(), 0))
        for _ in senders:
            due.put_nowait(None)
        await asyncio.gather(*senders)

    async def _send(self, due: asyncio.Queue[float | None]) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        while (due_s := await due.get()) is not None:
            writer.write(next(self._requests))
            is_accepted = await _read_answer(reader)
            self.acks.append(Ack(due_s, (time.perf_counter() - due_s) * 1000, is_accepted))
        writer.close()
        await writer.wait_closed()


def _requests(bodies: Sequence[bytes], netloc: str) -> Iterator[bytes]:
    prefix = f"{secrets.token_hex(4)}-0000-7000-8000-".encode()
    mark = SESSION_MARK.encode()
    for number, body in enumerate(itertools.cycle(bodies)):
        told = body.replace(mark, prefix + f"{number:012x}".encode())
        head = (
            f"POST /analytics/events HTTP/1.1\r\nHost: {netloc}\r\nUser-Agent: {AGENT}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(told)}\r\n\r\n"
        )
        yield head.encode() + told


async def _read_answer(reader: asyncio.StreamReader) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    await reader.readexactly(length)
    return head.split(b" ", 2)[1].startswith(b"2")
