"""Settings that change the tables, on both engines."""

import msgspec
import pytest

from playhead.settings import Settings
from playhead.store.clients import ClientStore
from playhead.store.schema import dump_schema
from playhead.store.tables import KEPT_BY, SYNCED, fit_tables

pytestmark = pytest.mark.anyio


async def test_tables_follow_the_settings_and_back(store: ClientStore) -> None:
    """Retention and fsync change what they are about, twice is once, and the defaults are the schema as migrated."""
    await fit_tables(store, Settings())
    migrated = await dump_schema(store)
    changed = msgspec.structs.replace(Settings(), retention_days=30, fsync=True)
    for _ in range(2):
        await fit_tables(store, changed)
        schema = await dump_schema(store)
        assert schema.count("toIntervalDay(30)") == len(KEPT_BY)
        assert schema.count("fsync_after_insert = 1") == schema.count("fsync_part_directory = 1") == len(SYNCED)
    await fit_tables(store, Settings())
    assert await dump_schema(store) == migrated
