"""Group commit: what is answered is stored, and nothing waits without bound."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable

import pytest

from playhead.errors import StoreRejectedError, StoreUnavailableError, UnavailableError, UnstorableError
from playhead.ingest.buffer import RowBuffer
from playhead.ingest.writer import StoreSink
from playhead.settings import Settings
from tests.unit.ingest.fake_store import FakeStore

pytestmark = pytest.mark.anyio


class SlowSink:
    """Holds every write until it is let through, and fails as told."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.begun: asyncio.Queue[bytes] = asyncio.Queue()
        self.written: list[bytes] = []
        self.fail: Callable[[bytes], Exception | None] = lambda _: None

    async def write(self, lines: bytes) -> None:
        """Take the lines once open."""
        self.begun.put_nowait(lines)
        await self.is_open.wait()
        if failure := self.fail(lines):
            raise failure
        self.written.append(lines)


@pytest.fixture
async def sink() -> SlowSink:
    """Return a sink that is open."""
    sink = SlowSink()
    sink.is_open.set()
    return sink


def open_buffer(sink: SlowSink, **settings: float) -> RowBuffer:
    """Return a running buffer."""
    buffer = RowBuffer(sink, Settings(**{"flush_interval_ms": 1} | settings))  # type: ignore[arg-type]
    buffer.start()
    return buffer


@pytest.fixture
async def buffer(sink: SlowSink) -> AsyncIterator[RowBuffer]:
    """Return a running buffer over the open sink."""
    buffer = open_buffer(sink)
    yield buffer
    await buffer.stop()


async def test_rows_of_many_requests_are_one_insert(sink: SlowSink, buffer: RowBuffer) -> None:
    """Each is answered when it is stored, in the order they came."""
    await asyncio.gather(*(buffer.put(b"%d\n" % number, 1) for number in range(5)))

    assert sink.written == [b"0\n1\n2\n3\n4\n"]
    assert (buffer.stats.flushes, buffer.stats.rows, buffer.stats.bytes, buffer.stats.largest_rows) == (1, 5, 10, 5)
    assert (buffer.stats.waiting_rows, buffer.stats.waiting_bytes) == (0, 0)


async def test_nothing_is_answered_before_it_is_stored(sink: SlowSink, buffer: RowBuffer) -> None:
    """The insert began, and the sender still waits."""
    sink.is_open.clear()
    stored = buffer.put(b"1\n", 1)
    await sink.begun.get()

    assert not stored.done()
    sink.is_open.set()
    await stored


async def test_enough_rows_start_an_insert_at_once(sink: SlowSink) -> None:
    """Without waiting for the interval."""
    buffer = open_buffer(sink, flush_interval_ms=600_000, flush_rows=10)

    async with asyncio.timeout(20):
        await buffer.put(b"x\n", 10)
    await buffer.stop()


async def test_enough_requests_start_an_insert_at_once(sink: SlowSink) -> None:
    """However few rows they have."""
    buffer = open_buffer(sink, flush_interval_ms=5000, flush_requests=10)
    await asyncio.wait_for(asyncio.gather(*(buffer.put(b"1\n", 1) for _ in range(10))), timeout=1)

    assert (buffer.stats.flushes, buffer.stats.rows) == (1, 10)
    await buffer.stop()


async def test_an_insert_waits_for_as_many_requests_as_are_under_way(sink: SlowSink) -> None:
    """Though fewer would start one where none is."""
    sink.is_open.clear()
    buffer = open_buffer(sink, flush_interval_ms=5000, flush_requests=2, flush_parallel=2)
    puts = [buffer.put(b"1\n", 1) for _ in range(5)]
    assert await sink.begun.get() == b"1\n" * 5

    puts += [buffer.put(b"2\n", 1) for _ in range(4)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert sink.begun.empty()
    puts.append(buffer.put(b"2\n", 1))
    assert await asyncio.wait_for(sink.begun.get(), 1) == b"2\n" * 5
    sink.is_open.set()
    await asyncio.gather(*puts)
    await buffer.stop()


async def test_a_few_inserts_run_at_once_and_the_rest_waits_together(sink: SlowSink) -> None:
    """While two inserts are under way all that comes becomes the third."""
    sink.is_open.clear()
    buffer = open_buffer(sink, flush_parallel=2, flush_rows=1)
    first = [buffer.put(b"1\n", 1)]
    await sink.begun.get()
    first.append(buffer.put(b"2\n", 1))
    await sink.begun.get()

    rest = [buffer.put(b"3\n", 1) for _ in range(3)]
    await asyncio.sleep(0)
    assert sink.begun.empty()
    sink.is_open.set()
    await asyncio.gather(*first, *rest)
    await buffer.stop()

    assert sink.written == [b"1\n", b"2\n", b"3\n3\n3\n"]


@pytest.mark.parametrize("limit", [{"buffer_rows": 3}, {"buffer_bytes": 1024}])
async def test_a_full_buffer_refuses_at_once(sink: SlowSink, limit: dict[str, int]) -> None:
    """Rows whose insert is under way count too; there is room again once they are stored."""
    sink.is_open.clear()
    buffer = open_buffer(sink, **limit)
    stored = buffer.put(b"x" * 1000, 3)
    await sink.begun.get()

    with pytest.raises(UnavailableError) as refusal:
        buffer.put(b"x" * 100, 1)
    assert (refusal.value.status, refusal.value.retry_after_s) == (503, 2)
    sink.is_open.set()
    await stored
    await asyncio.sleep(0)
    await buffer.put(b"x" * 100, 1)
    await buffer.stop()
    assert buffer.stats.refused_puts == 1


async def test_an_insert_that_failed_is_told_to_its_senders_alone(sink: SlowSink, buffer: RowBuffer) -> None:
    """The next one goes on."""
    sink.fail = lambda lines: StoreUnavailableError("down") if b"bad" in lines else None

    with pytest.raises(UnavailableError):
        await buffer.put(b"bad\n", 1)
    await buffer.put(b"good\n", 1)

    assert sink.written == [b"good\n"]
    assert buffer.stats.failed_flushes == 1


async def test_an_unforeseen_fault_is_a_503_too(sink: SlowSink, buffer: RowBuffer) -> None:
    """Whoever waits hears of it, and later rows are stored."""
    sink.fail = lambda lines: ValueError("odd") if b"bad" in lines else None

    with pytest.raises(UnavailableError):
        await buffer.put(b"bad\n", 1)
    await buffer.put(b"good\n", 1)


async def test_one_poisoned_request_does_not_take_the_others_with_it(sink: SlowSink, buffer: RowBuffer) -> None:
    """It is told so, with what the database said as the cause; all others are stored."""
    sink.fail = lambda lines: StoreRejectedError("no such day") if b"bad" in lines else None
    requests = [b"%d\n" % number for number in range(7)]
    requests[3] = b"bad\n"

    outcomes = await asyncio.gather(*(buffer.put(lines, 1) for lines in requests), return_exceptions=True)

    [poison] = [outcome for outcome in outcomes if outcome is not None]
    assert isinstance(poison, UnstorableError)
    assert outcomes[3] is poison
    assert str(poison.__cause__) == "no such day"
    assert sorted(b"".join(sink.written).split()) == [b"0", b"1", b"2", b"4", b"5", b"6"]
    assert buffer.stats.poisoned_puts == 1


async def test_a_sender_that_leaves_loses_nobodys_rows(sink: SlowSink, buffer: RowBuffer) -> None:
    """Neither its own, which are under way, nor those of others."""
    sink.is_open.clear()

    async def wait(lines: bytes) -> None:
        await asyncio.shield(buffer.put(lines, 1))

    senders = [asyncio.create_task(wait(b"%d\n" % number)) for number in range(2)]
    await sink.begun.get()
    senders[0].cancel()
    sink.is_open.set()
    await senders[1]

    assert sink.written == [b"0\n1\n"]


async def test_stop_stores_everything_and_takes_nothing_more(sink: SlowSink) -> None:
    """Rows that wait and rows whose insert is under way."""
    sink.is_open.clear()
    buffer = open_buffer(sink, flush_parallel=1)
    stored = [buffer.put(b"1\n", 1)]
    await sink.begun.get()
    stored.append(buffer.put(b"2\n", 1))

    stop = asyncio.create_task(buffer.stop())
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        buffer.put(b"3\n", 1)
    sink.is_open.set()
    await stop

    assert all(future.done() for future in stored)
    assert sink.written == [b"1\n", b"2\n"]


async def test_the_database_is_tried_again_with_growing_pauses(store: FakeStore) -> None:
    """As often as the setting says, and no oftener."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    answers = [StoreUnavailableError(), StoreUnavailableError(), None, *[StoreUnavailableError()] * 3]
    store.check = lambda _: answers.pop(0)
    sink = StoreSink(store, Settings(insert_attempts=3), pause)

    await sink.write(b"")
    with pytest.raises(StoreUnavailableError):
        await sink.write(b"")

    assert pauses == [0.1, 0.2, 0.1, 0.2]
    assert answers == []


async def test_rows_the_database_refuses_are_not_tried_again(store: FakeStore) -> None:
    """They will never do."""
    store.check = lambda _: StoreRejectedError()

    with pytest.raises(StoreRejectedError):
        await StoreSink(store, Settings()).write(b"")

    assert len(store.inserts) == 1


async def test_an_insert_that_hangs_counts_as_failed(store: FakeStore) -> None:
    """After the time the setting gives it."""

    async def hang() -> None:
        await asyncio.Event().wait()

    store.before_insert = hang
    with pytest.raises(StoreUnavailableError):
        await StoreSink(store, Settings(insert_timeout_s=0.01, insert_attempts=1)).write(b"")


async def test_how_long_nothing_came_in(sink: SlowSink, buffer: RowBuffer) -> None:
    """It is always until something does."""
    assert buffer.idle_s == math.inf
    await buffer.put(b"[1]\n", 1)
    assert 0 <= buffer.idle_s < 60
