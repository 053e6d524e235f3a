"""The contract of the Store, on both engines."""

import asyncio
from uuid import uuid4

import msgspec
import pytest

from playhead.errors import StoreRejectedError, StoreUnavailableError
from playhead.store.clients import ClientStore

pytestmark = pytest.mark.anyio


class Number(msgspec.Struct, frozen=True):
    """One row of one number."""

    n: int


class Word(msgspec.Struct, frozen=True):
    """One row of one text that may be missing."""

    word: str | None


async def test_integers_come_back_exact(empty_store: ClientStore) -> None:
    """The greatest UInt64 survives the way through JSON."""
    assert await empty_store.fetch("SELECT toUInt64(18446744073709551615) AS n", Number) == [Number(2**64 - 1)]


@pytest.mark.parametrize("word", ["", "it's", "a\\b\nc\td", "{x:String}", "漢字 🎬", "'; DROP TABLE t; --"])
async def test_parameters_are_values_not_text(empty_store: ClientStore, word: str) -> None:
    """Whatever a parameter holds comes back as it was."""
    assert await empty_store.fetch("SELECT {word:String} AS word", Word, {"word": word}) == [Word(word)]


async def test_null_parameters_and_nan_answers_are_null(empty_store: ClientStore) -> None:
    """None goes in and out as null, and so does a figure that is not a number."""
    assert await empty_store.fetch("SELECT {w:Nullable(String)} AS word", Word, {"w": None}) == [Word(None)]
    assert await empty_store.fetch("SELECT 0 / 0 AS word", Word) == [Word(None)]


async def test_array_parameters(empty_store: ClientStore) -> None:
    """Lists are arrays, quotes in them included."""
    sql = "SELECT arrayJoin({words:Array(String)}) AS word"
    assert await empty_store.fetch(sql, Word, {"words": ["a", "b'c"]}) == [Word("a"), Word("b'c")]


async def test_an_insert_is_there_when_it_returns(empty_store: ClientStore) -> None:
    """Rows can be read as soon as the insert has returned."""
    await empty_store.execute("CREATE TABLE IF NOT EXISTS numbered (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    await empty_store.insert("numbered", ["n", "s"], b'[1,"a"]\n[2,"b\\u0000c"]\n')
    assert await empty_store.fetch("SELECT n FROM numbered ORDER BY n", Number) == [Number(1), Number(2)]


async def test_a_bad_row_is_rejected_and_takes_its_whole_insert_along(empty_store: ClientStore) -> None:
    """A row that cannot be parsed raises StoreRejectedError, and nothing of its insert is stored."""
    await empty_store.execute("CREATE TABLE IF NOT EXISTS identified (id UUID) ENGINE = MergeTree ORDER BY id")
    lines = b'["%s"]\n["not a uuid"]\n' % str(uuid4()).encode()
    with pytest.raises(StoreRejectedError):
        await empty_store.insert("identified", ["id"], lines)
    assert await empty_store.fetch("SELECT count() AS n FROM identified", Number) == [Number(0)]


async def test_a_bad_statement_is_rejected_with_its_code(empty_store: ClientStore) -> None:
    """A syntax error raises StoreRejectedError and tells ClickHouse's code."""
    with pytest.raises(StoreRejectedError) as caught:
        await empty_store.fetch("SELEC 1", Number)
    assert caught.value.code_number == 62


async def test_a_query_over_its_time_may_work_later(empty_store: ClientStore) -> None:
    """A timeout raises StoreUnavailableError."""
    sql = "SELECT sleepEachRow(0.1) AS n FROM numbers(100) SETTINGS max_execution_time = 0.3, max_block_size = 1"
    with pytest.raises(StoreUnavailableError):
        await empty_store.fetch(sql, Number)


async def test_a_slow_query_does_not_delay_an_insert(empty_store: ClientStore) -> None:
    """Inserts have threads of their own."""
    await empty_store.execute("CREATE TABLE IF NOT EXISTS quick (n UInt64) ENGINE = MergeTree ORDER BY n")
    sql = "SELECT sum(sleepEachRow(0.2)) AS n FROM numbers(10) SETTINGS max_block_size = 1"
    slow = [asyncio.create_task(empty_store.fetch(sql, Number)) for _ in range(4)]
    await empty_store.insert("quick", ["n"], b"[1]\n")
    assert not any(task.done() for task in slow)
    await asyncio.gather(*slow)
