"""Settings that change the tables, on both engines."""

import msgspec
import pytest

from playhead.settings import Settings
from playhead.store.clients import ClientStore
from playhead.store.schema import dump_schema
from playhead.store.tables import KEPT_BY, SYNCED, fit_tables, forget_first_clients
from tests.stores import insert_events
from tests.unit.ingest.arrivals import row
from tests.unit.ingest.conftest import NOW

pytestmark = pytest.mark.anyio


async def test_tables_follow_the_settings_and_back(store: ClientStore) -> None:
    """Retention and fsync change what they are about, twice is once, and the defaults are the schema as migrated."""
    await fit_tables(store, Settings())
    migrated = await dump_schema(store)
    changed = msgspec.structs.replace(Settings(), retention_days=30, max_event_age_days=3, fsync=True)
    for _ in range(2):
        await fit_tables(store, changed)
        schema = await dump_schema(store)
        assert schema.count("toIntervalDay(30)") == len(KEPT_BY)
        assert schema.count("toDateTime(last_touched_at) + toIntervalDay(11)") == 1
        assert schema.count("fsync_after_insert = 1") == schema.count("fsync_part_directory = 1") == len(SYNCED)
    await fit_tables(store, Settings())
    assert await dump_schema(store) == migrated


AGE_SESSIONS = """
INSERT INTO session_index
SELECT * REPLACE (toMonday(toDate(now('UTC')) - {days:UInt16}) AS touched_week, {session_id:UUID} AS session_id)
FROM session_index AS i
WHERE i.session_id = {written:UUID}
"""
READ_CLIENTS = """
SELECT toString(i.session_id) AS session_id, argMinMerge(first_client) AS client_id, sum(inserted_rows) AS inserted_rows
FROM session_index AS i
WHERE i.session_id IN {session_ids:Array(UUID)}
GROUP BY i.session_id
ORDER BY session_id
"""


class Indexed(msgspec.Struct, frozen=True):
    """What the index says of a session."""

    session_id: str
    client_id: str
    inserted_rows: int


async def test_whose_an_old_session_was_is_forgotten_and_nothing_else_of_it(store: ClientStore) -> None:
    """Only of weeks that ended longer ago than any event may be old, and once."""
    written, old, young = (f"{digit * 8}-0000-7000-8000-00000000f0f0" for digit in "abc")
    await insert_events(store, [row(NOW, 1, "forgotten", "somebody", written)])
    for session_id, days in ((old, 30), (young, 14)):
        await store.execute(AGE_SESSIONS, {"written": written, "session_id": session_id, "days": days})

    assert await forget_first_clients(store, Settings(max_event_age_days=7)) == 1

    told = await store.fetch(READ_CLIENTS, Indexed, {"session_ids": [written, old, young]})
    assert told == [Indexed(written, "somebody", 1), Indexed(old, "", 1), Indexed(young, "somebody", 1)]
    assert await forget_first_clients(store, Settings(max_event_age_days=7)) == 0
