"""Senders that mean harm, bounded in number and time, on 127.0.0.1 alone.

Each takes the service's port and how long to go on, and returns how often its requests ended in what: a status, or
"closed" without one.
"""

import asyncio
import gzip
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import Any
from uuid import uuid4

Outcomes = Counter[str]
Abuse = Callable[[int, float], Coroutine[Any, Any, Outcomes]]

HALF_OPEN = 1000
ATTACKERS = 16
BIG_BODY_BYTES = 10 * 1024 * 1024
BOMB_BYTES = 200 * 1024 * 1024
IDS_A_MINUTE = 100_000
ANSWER_TIMEOUT_S = 15.0
PATH = "/analytics/events"


def head(length: int | None, *more: str, path: str = PATH) -> bytes:
    """Return the head of a POST; without a length the body comes in chunks."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", size, *more)
    return "\r\n".join([*lines, "", ""]).encode()


def whole(body: bytes, *more: str) -> list[bytes]:
    """Return a request with a body."""
    return [head(len(body), *more) + body]


def envelope(event: str, stream_id: str = "abused", client_id: str = "abuser") -> bytes:
    """Return a batch of one event, given as JSON or what looks like it."""
    return f'{{"stream_id":"{stream_id}","client_id":"{client_id}","events":[{event}]}}'.encode()


async def exchange(port: int, parts: Iterable[bytes]) -> str:
    """Send parts over a connection of their own and return the status, or "closed"."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    if reader.at_eof():
                        break
                line = await reader.readline()
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError):
        return "closed"
    return line[9:12].decode() or "closed"


async def _repeat(port: int, lasts_s: float, make: Callable[[], Iterable[bytes]]) -> Outcomes:
    """Send requests from some connections at once, one after the other in each, until the time is up."""
    outcomes: Outcomes = Counter()
    ends_at = time.monotonic() + lasts_s

    async def attack() -> None:
        while time.monotonic() < ends_at:
            outcomes[await exchange(port, make())] += 1

    await asyncio.gather(*(attack() for _ in range(ATTACKERS)))
    return outcomes


async def hold_half_open(port: int, lasts_s: float) -> Outcomes:
    """Slowloris: 1 000 connections, each of which sends its head letter by letter, again and again."""
    outcomes: Outcomes = Counter()
    ends_at = time.monotonic() + lasts_s

    async def drip() -> None:
        while time.monotonic() < ends_at:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                outcomes["refused"] += 1
                await asyncio.sleep(0.5)
                continue
            outcomes[await _drip(reader, writer, ends_at)] += 1
            writer.transport.abort()

    await asyncio.gather(*(drip() for _ in range(HALF_OPEN)))
    return outcomes


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends_at: float) -> str:
    for letter in head(1000):
        if time.monotonic() >= ends_at:
            return "still open"
        try:
            writer.write(bytes([letter]))
            async with asyncio.timeout(1):
                if not await reader.read(1):
                    return "closed"
        except TimeoutError:
            continue
        except OSError:
            return "closed"
    return "still open"


async def send_big_bodies(port: int, lasts_s: float) -> Outcomes:
    """10 MB each: announced, and in chunks without a word of their size."""
    piece = bytes(64 * 1024)
    chunk = b"%x\r\n%b\r\n" % (len(piece), piece)
    number = itertools.count()

    def make() -> Iterable[bytes]:
        pieces = BIG_BODY_BYTES // len(piece)
        if next(number) % 2:
            return itertools.chain([head(None)], itertools.repeat(chunk, pieces), [b"0\r\n\r\n"])
        return itertools.chain([head(BIG_BODY_BYTES)], itertools.repeat(piece, pieces))

    return await _repeat(port, lasts_s, make)


async def send_gzip_bombs(port: int, lasts_s: float) -> Outcomes:
    """200 MB of blanks in 200 kB of gzip."""
    bomb = gzip.compress(b" " * BOMB_BYTES)
    return await _repeat(port, lasts_s, lambda: whole(bomb, "Content-Encoding: gzip"))


async def send_deep_json(port: int, lasts_s: float) -> Outcomes:
    """Arrays in arrays, objects in objects, as many as a body holds."""
    bodies = itertools.cycle(
        [b"[" * 250_000, b'{"events":' * 25_000, envelope("[" * 200_000), envelope('{"a":' * 40_000)]
    )
    return await _repeat(port, lasts_s, lambda: whole(next(bodies)))


async def send_odd_numbers(port: int, lasts_s: float) -> Outcomes:
    """NaN, infinities, numbers of thousands of digits, negative ones."""
    numbers = itertools.cycle(["NaN", "Infinity", "-1", "1e999", "1" * 5000, "-" + "9" * 5000, "0.1e-99999", "1E400"])
    fields = itertools.cycle(["ts", "seq", "position_ms", "bitrate_kbps", "playback_rate"])

    def make() -> Iterable[bytes]:
        told = json.dumps({"type": "play", "ts": time.time_ns() // 1_000_000, "seq": 0})[:-1]
        return whole(envelope(f'{told},"{next(fields)}":{next(numbers)}}}'))

    return await _repeat(port, lasts_s, make)


async def send_invalid_utf8(port: int, lasts_s: float) -> Outcomes:
    """Bytes that are no text, in every place of a batch."""
    bad = (b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x00")
    good = envelope('{"type":"play","ts":1,"seq":0}')
    places = itertools.cycle(itertools.product(range(0, len(good), 3), bad))

    def make() -> Iterable[bytes]:
        place, letters = next(places)
        return whole(good[:place] + letters + good[place:])

    return await _repeat(port, lasts_s, make)


async def flood_headers(port: int, lasts_s: float) -> Outcomes:
    """A head of a megabyte: one long header, many short ones, or a long URL."""
    long = head(0, "X-Long: " + "x" * 1_000_000)
    many = head(0, *(f"X-{number}: x" for number in range(60_000)))
    url = head(0, path=PATH + "?" + "q" * 1_000_000)
    heads = itertools.cycle([long, many, url])
    return await _repeat(port, lasts_s, lambda: [next(heads)])


async def send_new_ids(port: int, lasts_s: float) -> Outcomes:
    """Valid batches without a session, 100 000 a minute, each of a stream and a client that nobody saw before."""
    outcomes: Outcomes = Counter()
    began = time.monotonic()
    number = itertools.count()

    async def send() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while (due_s := next(number) * 60 / IDS_A_MINUTE) < lasts_s:
                await asyncio.sleep(max(0.0, began + due_s - time.monotonic()))
                event = json.dumps({"type": "play", "ts": time.time_ns() // 1_000_000, "seq": 0})
                body = envelope(event, uuid4().hex, uuid4().hex)
                writer.write(head(len(body)) + body)
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    answer = await reader.readuntil(b"\r\n\r\n")
                    length = answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                    await reader.readexactly(int(length or 0))
                outcomes[answer[9:12].decode()] += 1
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            outcomes["closed"] += 1
        finally:
            writer.transport.abort()

    await asyncio.gather(*(send() for _ in range(20 * ATTACKERS)))
    return outcomes


ABUSES: dict[str, Abuse] = {
    "half-open connections": hold_half_open,
    "10 MB bodies": send_big_bodies,
    "gzip bombs": send_gzip_bombs,
    "deep JSON": send_deep_json,
    "odd numbers": send_odd_numbers,
    "invalid UTF-8": send_invalid_utf8,
    "header floods": flood_headers,
    "new ids": send_new_ids,
}
