"""Pages of the table of streams that are found by one sum of the marts are those of the whole table."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from playhead.events import EventRow, EventType
from playhead.rollup.refresh import refresh_sessions
from playhead.serve import queries
from playhead.serve.answers import StreamRow
from playhead.serve.queries import REACH, SUMS, fetch_streams
from playhead.serve.questions import Page, View
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from playhead.store.sql_files import name_of
from tests.marts import build_marts
from tests.statements import record_statements
from tests.stores import insert_events

pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000
FIRST_DAY = int(datetime.now(UTC).timestamp() * 1000) // DAY_MS - 40
ORGANIZER = f"pages-{uuid4().hex}"
PLAYED_MS = {"a": [30_000, 20_000], "b": [50_000], "c": [50_000], "d": [10_000, 5_000, 70_000], "e": [1_000]}
"""Streams, and how long each of their sessions played; two are alike."""
VIEW = View(from_ms=FIRST_DAY * DAY_MS, to_ms=(FIRST_DAY + 3) * DAY_MS, organizer_id=ORGANIZER)


def play(stream_id: str, day: int, playing_ms: int) -> list[EventRow]:
    """Return the events of a session at noon, of one of three clients."""
    session_id, begin = str(uuid4()), day * DAY_MS + DAY_MS // 2
    told = [(EventType.play, 0), (EventType.playing, 500 + playing_ms % 7), (EventType.ended, 500 + playing_ms)]
    return [
        EventRow(
            stream_id=stream_id, session_id=session_id, client_id=f"c{playing_ms % 3}", ts=begin + after_ms, seq=seq,
            type=int(kind), received_ms=begin + after_ms, sent_offset_ms=0,
            provider="hls" if playing_ms > 10_000 else "dash", country="SE" if playing_ms != 5_000 else "",
            device="mobile" if day % 2 else "desktop",
        )
        for seq, (kind, after_ms) in enumerate(told)
    ]  # fmt: skip


@pytest.fixture
async def streams(store: ClientStore) -> ClientStore:
    """Give a store with the streams registered, and their sessions on three days that the marts have."""
    lines = [(f"{ORGANIZER}-{name}", f"Title {name}", ORGANIZER) for name in PLAYED_MS]
    await store.insert("streams", ["stream_id", "title", "organizer_id"], msgspec.json.Encoder().encode_lines(lines))
    await insert_events(store, [
        event
        for name, played in PLAYED_MS.items()
        for number, playing_ms in enumerate(played)
        for event in play(f"{ORGANIZER}-{name}", FIRST_DAY + number, playing_ms)
    ])  # fmt: skip
    await refresh_sessions(store, Settings())
    await build_marts(store)
    return store


async def test_pages_are_those_of_the_whole_table(streams: ClientStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """By each sum, up and down: the same rows to the last digit, none beyond the last page.

    A stream that is given to another organizer after it was found is not told of.
    """
    fetch = streams.fetch
    asked = record_statements(streams, monkeypatch)

    async def ask(page: Page, *, by_sums: bool) -> tuple[int, list[StreamRow]]:
        with monkeypatch.context() as patch:
            if not by_sums:
                patch.setattr(queries, "SUMS", frozenset())
            _, total, rows = await fetch_streams(streams, VIEW, page)
            return total, rows

    for sort in sorted(SUMS):
        for is_descending in (True, False):
            whole = Page(sort=sort, is_descending=is_descending)
            total, rows = await ask(whole, by_sums=False)
            assert (total, len(rows)) == (len(PLAYED_MS), len(PLAYED_MS))
            assert await ask(whole, by_sums=True) == (total, rows)
            for offset in range(0, len(PLAYED_MS) + 2, 2):
                page = msgspec.structs.replace(whole, limit=2, offset=offset)
                assert await ask(page, by_sums=True) == (total, rows[offset : offset + 2])
    names = [name_of(sql) for sql in asked]
    assert names.count("streams_page") > names.count("streams") == 2 * len(SUMS)

    async def give_away(sql: str, *rest: Any) -> list[Any]:
        answer = await fetch(sql, *rest)
        if name_of(sql) == "streams_page":
            line = msgspec.json.Encoder().encode_lines([(f"{ORGANIZER}-a", "Secret", "others")])
            await streams.insert("streams", ["stream_id", "title", "organizer_id"], line)
        return answer

    monkeypatch.setattr(streams, "fetch", give_away)
    _, rows = await ask(Page(), by_sums=True)
    assert sorted(row.stream_id[-1] for row in rows) == ["b", "c", "d", "e"]


INSIDE_DAYS = {"from_ms": VIEW.from_ms + DAY_MS // 2 + 700, "to_ms": VIEW.to_ms - 1}


@pytest.mark.parametrize(
    ("filters", "of_range", "expected"),
    [
        ({"country": "SE"}, {}, "abcde"), ({"country": "unknown"}, {}, "d"), ({"provider": "dash"}, {}, "de"),
        ({"country": "NO"}, {}, ""), ({"device": "mobile"}, INSIDE_DAYS, None),
        ({"country": "SE", "organizer_id": ""}, INSIDE_DAYS, None),
    ],
)  # fmt: skip
async def test_one_filter_is_answered_by_days(
    streams: ClientStore,
    monkeypatch: pytest.MonkeyPatch,
    filters: dict[str, str],
    of_range: dict[str, int],
    expected: str | None,
) -> None:
    """By country, device or provider, found by a sum or not, the rows are those of the sessions to the last digit."""
    view = msgspec.structs.replace(VIEW, **filters, **of_range)
    asked: list[str] = []
    fetch = streams.fetch

    async def spy(sql: str, *rest: Any) -> list[Any]:
        asked.append(name_of(sql))
        assert "stream_dimension_daily" in sql or name_of(sql) not in {"streams", "streams_page", "streams_of_page"}
        return await fetch(sql, *rest)

    for sort in ("playing_time_s", "provider", "viewers"):
        page = Page(sort=sort, limit=3)
        with monkeypatch.context() as patch:
            patch.setattr(queries, "_pick_streams_mart", lambda *_: None)
            _, *from_sessions = await fetch_streams(streams, view, page)
        with monkeypatch.context() as patch:
            if sort not in REACH:
                patch.setattr(streams, "fetch", spy)
            _, *from_days = await fetch_streams(streams, view, page)
        assert from_days == from_sessions
    assert ("streams_page" in asked, "streams" in asked) == (not of_range, True)
    _, total, rows = await fetch_streams(streams, view, Page())
    if expected is not None:
        assert (total, sorted(row.stream_id[-1] for row in rows)) == (len(expected), list(expected))


async def test_without_a_whole_day_sessions_are_read_once(
    streams: ClientStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Viewers come with all else then."""
    view = msgspec.structs.replace(VIEW, to_ms=VIEW.from_ms + DAY_MS - 1, country="SE")
    asked = record_statements(streams, monkeypatch)
    _, total, rows = await fetch_streams(streams, view, Page())
    assert (total, {row.viewers > 0 for row in rows}) == (len(PLAYED_MS), {True})
    assert sorted(map(name_of, asked)) == ["cover", "streams"]
