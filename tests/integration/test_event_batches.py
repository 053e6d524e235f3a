"""Batches become the rows that their events would be, on each engine."""

from uuid import uuid4

import msgspec
import pytest

from playhead.events import BATCH_COLUMNS, EVENT_COLUMNS, EventRow, EventType
from playhead.ingest.lines import encode_rows
from playhead.ingest.writer import EVENTS_TABLE
from playhead.store.clients import ClientStore

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

NOW = 1_790_000_000_000


class Text(msgspec.Struct):
    """One row, all columns of it."""

    row: str


def make_rows(stream_id: str, session_id: str) -> list[EventRow]:
    """Return rows with everything and with next to nothing, of all types, from batches with and without an offset."""
    bare = [
        EventRow(
            stream_id=stream_id, session_id=session_id, client_id="c", ts=NOW + kind, seq=kind, type=kind,
            received_ms=NOW + 90_000, sent_offset_ms=None if kind % 2 else -500,
        )
        for kind in EventType
    ]  # fmt: skip
    full = [
        EventRow(
            stream_id=stream_id, session_id=session_id, client_id="c", ts=NOW + 1000 + number, seq=2**53 - 1,
            type=EventType.error.value, received_ms=NOW + 2_000, sent_offset_ms=7, position_ms=number * 5000,
            bitrate_kbps=2**32 - 1, width=1920, height=1080, player_width=640, player_height=360, dropped_frames=number,
            visible=number, muted=bool(number), playback_rate=-1.5, error_code='E"1', error_message="no \\ \n ä",
            is_error_fatal=bool(number), is_error_business=not number, provider="hls", player_name="p",
            player_version="1", content_title="T", content_duration_ms=9, content_is_live=bool(number),
            page_url="https://h/p", timezone="Europe/Berlin", country="DE", device="tv", os="webOS", browser="b",
        )
        for number in range(3)
    ]  # fmt: skip
    return bare + full


async def test_a_batch_is_what_its_rows_are(store: ClientStore) -> None:
    """In every column, those that the table works out included, and in the indexes that views keep."""
    stream_id, one, other = f"s{uuid4().hex}", str(uuid4()), str(uuid4())
    await store.insert(EVENTS_TABLE, BATCH_COLUMNS, encode_rows(make_rows(stream_id, one)))
    await store.insert(
        "playback_events", EVENT_COLUMNS, msgspec.json.Encoder().encode_lines(make_rows(stream_id, other))
    )

    columns = "toString(tuple(position_ms, dropped_frames, offset_ms, received_at, * EXCEPT session_id))"
    texts = [
        await store.fetch(
            f"SELECT {columns} AS row FROM playback_events "
            "WHERE stream_id = {stream_id:String} AND session_id = {session_id:UUID} ORDER BY row",
            Text,
            {"stream_id": stream_id, "session_id": session_id},
        )
        for session_id in (one, other)
    ]
    indexed = await store.fetch(
        "SELECT toString(tuple(min(first_ts), max(last_ts), sum(inserted_rows), argMinMerge(first_client))) AS row "
        "FROM session_index WHERE stream_id = {stream_id:String} GROUP BY session_id",
        Text,
        {"stream_id": stream_id},
    )

    assert len(texts[0]) == len(EventType) + 3
    assert texts[0] == texts[1]
    assert len(indexed) == 2
    assert indexed[0] == indexed[1]
