"""A store from before playback_events was laid out anew: what it holds is the same after the migration."""

from uuid import UUID, uuid4

import msgspec
import pytest

from playhead.events import EventRow, EventType
from playhead.store.clients import ClientStore
from playhead.store.migrate import migrate, read_migrations
from tests.stores import insert_events
from tests.unit.ingest.conftest import NOW

pytestmark = pytest.mark.anyio

RELEASED = 15
"""The last migration of a store in the old layout."""
SESSIONS = [str(UUID(int=number + 1)) for number in range(3)]
TABLES = """
SELECT name AS row FROM system.tables WHERE database = {database:String} ORDER BY engine LIKE '%View' DESC
"""
EVENTS = f"""
SELECT
    {", ".join(name for name in EventRow.__struct_fields__ if name not in {"received_ms", "sent_offset_ms"})},
    event_day, offset_ms, received_at, sent_at, event_at
FROM playback_events
ORDER BY ALL
"""
WHOLE = ", arrived_after = 0, arrived_until = 0, slice = 0, slices = 1"
INDEXED = "SELECT session_id, min(first_ts), sum(inserted_rows) FROM session_index GROUP BY ALL ORDER BY ALL"


class Text(msgspec.Struct, frozen=True):
    """A whole row in one text."""

    row: str


def events() -> list[EventRow]:
    """Return events at the limits of what is stored, a copy with a better offset among them."""
    limits = [
        {"position_ms": None, "dropped_frames": None},
        {"position_ms": 0, "dropped_frames": 0},
        {"position_ms": 2**53 - 1, "dropped_frames": 2**32 - 1, "error_code": "e", "error_message": "m" * 1024},
    ]
    return [
        EventRow(
            stream_id="s", session_id=session_id, client_id=f"c{offset_ms}", ts=NOW + seq * 1000 - (offset_ms or 0),
            seq=seq, type=EventType.heartbeat if seq else EventType.playing, received_ms=NOW + waited_ms,
            sent_offset_ms=offset_ms, page_url="https://example.org/", muted=bool(seq), **limits[seq % 3],  # type: ignore[arg-type]
        )
        for session_id, waited_ms in zip(SESSIONS, (-300_000, 5000, 45 * 86_400_000), strict=True)
        for offset_ms in (None, -86_400_000, 0, 86_400_000)
        for seq in range(6)
    ]  # fmt: skip


def copies() -> list[EventRow]:
    """Return a copy of each event that counts instead of it: of the same offset, received before."""
    return [msgspec.structs.replace(row, received_ms=row.received_ms - 1, country="SE") for row in events()]


async def read_rows(store: ClientStore, select: str) -> list[str]:
    """Return the rows of a SELECT as texts."""
    found = await store.fetch(f"SELECT toJSONString(tuple(*)) AS row FROM ({select})", Text)
    return [text.row for text in found]


async def fold(store: ClientStore, columns: str, arguments: str = "") -> list[str]:
    """Return what the sessions come to; `arguments` are those that the fold did not have from the beginning."""
    batch_id = uuid4()
    await store.execute(
        "INSERT INTO refold_scope (batch_id, session_id, stream_id, days, inserted_rows) "
        "SELECT {batch_id:UUID}, session_id, stream_id, groupUniqArrayArray(days), sum(inserted_rows) "
        "FROM session_index GROUP BY session_id, stream_id",
        {"batch_id": str(batch_id)},
    )
    folded = f"session_fold(batch_id = '{batch_id}', max_events = 1000{arguments})"
    rows = await read_rows(store, f"SELECT {columns} FROM {folded} ORDER BY session_id")
    # Some flags were numbers in the view of then; in the table they have always been Bool.
    return [row.replace("true", "1").replace("false", "0") for row in rows]


@pytest.fixture
async def old_store(empty_store: ClientStore, monkeypatch: pytest.MonkeyPatch) -> ClientStore:
    """Give a store in the old layout that holds `events`, inserted as it was then: each field into its namesake."""
    for table in await empty_store.fetch(TABLES, Text, {"database": empty_store.database}):
        await empty_store.execute(f"DROP TABLE {table.row} SYNC")
    with monkeypatch.context() as patched:
        patched.setattr("playhead.store.migrate.read_migrations", lambda: read_migrations()[:RELEASED])
        await migrate(empty_store)
    lines = msgspec.json.Encoder().encode_lines(events())
    await empty_store.insert("playback_events", EventRow.__struct_fields__, lines)
    return empty_store


async def test_events_and_sessions_are_the_same(old_store: ClientStore) -> None:
    """Each event, copies included, keeps every column, sessions fold to the same rows, and no row is counted twice."""
    every_row, counted = EVENTS, EVENTS.replace("playback_events", "playback_events FINAL")
    before = [await read_rows(old_store, select) for select in (every_row, counted, INDEXED)]
    folded = await fold(old_store, "* EXCEPT (version, folded_rows, upscale_mean)")
    assert await migrate(old_store) == read_migrations()[RELEASED:]
    assert [await read_rows(old_store, select) for select in (every_row, counted, INDEXED)] == before
    same = "* EXCEPT (version, folded_rows, changed_from, changed_to, accumulator)"
    assert await fold(old_store, same, WHOLE) == folded
    assert len(folded) == len(SESSIONS)


async def test_copies_from_before_and_after_are_one_event(old_store: ClientStore) -> None:
    """Of a copy in the old layout and one that came after the migration the same one counts as ever."""
    await migrate(old_store)
    distinct = len(await read_rows(old_store, "SELECT * FROM playback_events FINAL"))
    await insert_events(old_store, copies())
    countries = "SELECT country, toUInt32(count()) FROM playback_events FINAL GROUP BY country"
    assert await read_rows(old_store, countries) == [f'["SE",{distinct}]']
