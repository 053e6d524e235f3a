"""What answers read, by the query log of a real server: sessions and marts, never the events."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from playhead.settings import Settings
from playhead.store.migrate import migrate
from playhead.store.server import open_server_store
from tests.admin_calls import find_calls
from tests.marts import build_marts
from tests.servers.choose import ClickHouseServer
from tests.servers.clickhouse_http import ask
from tests.service import ADMIN_KEY, run_service

pytestmark = pytest.mark.anyio

TIMELINE = "/admin/analytics/sessions/{session_id}"
FILTERS = {"provider": "hls", "country": "SE", "device": "desktop", "organizer_id": "o"}
TOLD = {"q": ["s"], "sort": ["-viewers"], "stream_id": ["s"], "metrics": ["viewers,peak_concurrent"]}


async def reads_of_events(server: ClickHouseServer, database: str) -> list[str]:
    """Return the SELECTs so far that read the table of events; the refresh inserts what it reads."""
    ask(server.url(), "SYSTEM FLUSH LOGS")
    told = ask(
        server.url(),
        f"SELECT query FROM system.query_log WHERE type = 'QueryFinish' AND query_kind = 'Select' "
        f"AND has(tables, '{database}.playback_events') ORDER BY event_time_microseconds",
    )
    return told.splitlines()


@pytest.mark.parametrize("has_marts", [False, True], ids=["sessions", "marts"])
async def test_no_answer_but_a_timeline_reads_events(
    clickhouse_server: ClickHouseServer, embedded_settings: Settings, *, has_marts: bool
) -> None:
    """Every GET the document has is answered from sessions and marts; the timeline of one session is of its events."""
    database = f"test_{uuid4().hex}"
    ask(clickhouse_server.url(), f"CREATE DATABASE {database}")
    url = clickhouse_server.url(database)
    settings = msgspec.structs.replace(embedded_settings, clickhouse_url=url, admin_key=ADMIN_KEY)
    store = open_server_store(settings)
    await migrate(store)
    async with run_service(settings, store) as service:
        session_id, midnight = str(uuid4()), datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        yesterday = int(midnight.timestamp() * 1000) - 3_600_000
        days = {"from": str((midnight - timedelta(days=2)).date()), "to": str(midnight.date())}
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        await service.client.put("/admin/streams/s", json={"organizer_id": "o"}, headers=headers)
        sent = await service.send({
            "stream_id": "s",
            "client_id": "c",
            "player": {"provider": "hls"},
            "session_id": session_id,
            "events": [
                {"type": "play", "ts": yesterday, "seq": 0},
                {"type": "playing", "ts": yesterday + 100, "seq": 1},
                {"type": "ended", "ts": yesterday + 5_000, "seq": 2},
            ],
        })  # fmt: skip
        assert sent.json()["accepted"] == 3
        await service.refresh()
        if has_marts:
            await build_marts(store)
        before = await reads_of_events(clickhouse_server, database)
        for call in await find_calls(service):
            path, variants = call.path.replace("{stream_id}", "s"), call.variants(FILTERS, TOLD)
            assert call.path == TIMELINE or "{" not in path, f"{path} has a part that this test does not know"
            if call.path != TIMELINE:
                asked = (service.ask(path, **(call.required(days) | parameters)) for parameters in variants)
                answers = await asyncio.gather(*asked)
                assert [answer.status_code for answer in answers] == [200] * len(variants), (path, variants)
        assert await reads_of_events(clickhouse_server, database) == before
        answer = await service.ask(f"/admin/analytics/sessions/{session_id}")
        assert len(answer.json()["timeline"]) == 3
        assert len(await reads_of_events(clickhouse_server, database)) > len(before)
    await store.close()
    ask(clickhouse_server.url(), f"DROP DATABASE {database}")
