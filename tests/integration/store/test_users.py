"""The users that clickhouse/server gives: each can do its work, and nothing more."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pytest

from playhead.errors import MigrationError, StoreDeniedError
from playhead.ops import doctor
from playhead.ops.grants import check_grants, users_without_password
from playhead.rollup.dbt import run_dbt
from playhead.rollup.refold import read_watermark
from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.prepare import prepare
from playhead.store.server import open_ingest_store, open_server_store
from tests.servers.choose import need_server_process
from tests.servers.clickhouse_config import SHIPPED_PASSWORDS, SHIPPED_USERS
from tests.servers.clickhouse_http import ask
from tests.servers.clickhouse_process import ClickHouseProcess
from tests.service import RunningService, run_service

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

NOW_MS = int(time.time() * 1000)
SESSION_ID = str(uuid4())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    """Give a server with the users as they are shipped."""
    with need_server_process(tmp_path_factory.mktemp("clickhouse")) as process:
        yield process


@pytest.fixture(scope="module")
def settings(server: ClickHouseProcess, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of a service that has a user for each of its parts."""
    api, ingest, dbt = (server.url(user=SHIPPED_USERS[role]) for role in ("api", "ingest", "dbt"))
    return Settings(
        clickhouse_url=api,
        clickhouse_ingest_url=ingest,
        clickhouse_dbt_url=dbt,
        data_dir=str(tmp_path_factory.mktemp("data")),
        admin_key="an-admin-key-for-tests",
        scheduler=False,
        query_threads=2,
        clickhouse_compression="lz4",
    )


@pytest.fixture(scope="module")
async def migrated(server: ClickHouseProcess, settings: Settings, anyio_backend: str) -> Settings:
    """Return the settings once the owner has made the tables."""
    owner = open_server_store(Settings(clickhouse_url=server.url(user=SHIPPED_USERS["owner"])))
    assert await prepare(owner, settings)
    await owner.close()
    return settings


@pytest.fixture(scope="module")
async def service(migrated: Settings, anyio_backend: str) -> AsyncIterator[RunningService]:
    """Give a running service that never was its database's owner."""
    store, ingest_store = open_server_store(migrated), open_ingest_store(migrated)
    async with run_service(migrated, store, ingest_store) as running:
        yield running
    await store.close()
    await ingest_store.close()


async def test_without_tables_the_service_says_who_must_make_them(
    server: ClickHouseProcess, settings: Settings
) -> None:
    """It does not start, and what it says names the command and no password."""
    ask(server.url(), "CREATE DATABASE IF NOT EXISTS playhead")
    store = open_server_store(settings)
    with pytest.raises(MigrationError, match="run `playhead migrate` with the URL of its owner") as caught:
        await prepare(store, settings)
    await store.close()
    assert not any(user.password in str(caught.value) for user in SHIPPED_USERS.values())


async def test_nothing_to_do_needs_no_owner(migrated: Settings) -> None:
    """Who may only read finds that all is done."""
    store = open_server_store(migrated)
    assert await prepare(store, migrated) == []
    await store.close()


async def test_events_come_in_and_figures_out(service: RunningService) -> None:
    """With a session and without, refreshed, asked for in every way."""
    events = [{"type": kind, "ts": NOW_MS - 5000 + 1000 * n, "seq": n} for n, kind in enumerate(("play", "playing"))]
    named = {"stream_id": "s", "client_id": "c", "session_id": SESSION_ID, "events": events}
    assert (await service.send(named)).json()["accepted"] == 2
    nameless = {"stream_id": "s", "client_id": "c", "events": [{"type": "heartbeat", "ts": NOW_MS - 3500, "seq": 2}]}
    answer = await service.send(nameless | {"events": [*nameless["events"], {"type": "no such", "ts": 1, "seq": 3}]})
    assert (answer.json()["accepted"], answer.json()["session_id"]) == (1, SESSION_ID)
    await service.refresh()
    assert (await service.ask("/admin/analytics/streams")).json()["items"][0]["plays"] == 1
    for path in ("streams/summary", "timeseries", "concurrency", "breakdown", f"sessions/{SESSION_ID}", "live"):
        answer = await service.ask(f"/admin/analytics/{path}", **({"by": "device"} if path == "breakdown" else {}))
        assert answer.status_code == 200, (path, answer.text)
    assert (await service.client.get("/metrics")).status_code == 200


async def test_inserts_of_another_user_are_seen(server: ClickHouseProcess, migrated: Settings) -> None:
    """The refresh takes care of what is being inserted, and by whom makes no difference."""
    slow = "INSERT INTO event_batches (received_ms) SELECT sleepEachRow(1) FROM numbers(3) SETTINGS max_block_size = 1"
    insert = asyncio.create_task(asyncio.to_thread(ask, server.url(user=SHIPPED_USERS["ingest"]), slow))
    store = open_server_store(migrated)
    seen = []
    while not insert.done():
        now_ns = time.time_ns()
        seen.append((now_ns - await read_watermark(store)) / 1e9)
        await asyncio.wait([insert], timeout=0.1)
    await insert
    await store.close()
    assert max(seen) > 1


async def test_the_registry_keys_and_jobs_are_kept(service: RunningService) -> None:
    """What the admin API writes."""
    head = {"Authorization": "Bearer an-admin-key-for-tests"}
    entry = {"title": "t", "organizer_id": "o", "live": False, "providers": []}
    assert (await service.client.put("/admin/streams/s", json=entry, headers=head)).is_success
    key = (await service.client.post("/admin/keys", json={"name": "k", "organizer_id": "o"}, headers=head)).json()
    assert (await service.client.delete(f"/admin/keys/{key['id']}", headers=head)).is_success
    assert (await service.client.delete("/admin/streams/s", headers=head)).is_success
    for job in ("refresh", "drift-check"):
        assert (await service.client.post(f"/admin/jobs/{job}/run", headers=head)).is_success


async def test_dbt_builds(migrated: Settings, service: RunningService) -> None:
    """The marts, by the user that does nothing else."""
    result = await run_dbt(migrated, ["build", "--exclude-resource-type", "unit_test", "--vars", "include_today: true"])
    assert result.status == 0, result.output


async def test_the_doctor_finds_the_grants_in_order(migrated: Settings, service: RunningService) -> None:
    """Every user has what it needs."""

    async def open_store() -> Store:
        return service.store

    findings = await doctor.examine(open_store, migrated)
    assert [finding.status for finding in findings if finding.check == "grants"] == ["ok"] * 3, findings
    assert [finding for finding in findings if finding.check == "passwords"] == []
    assert not any("privileges" in finding.detail for finding in findings), findings


async def test_the_doctor_says_what_a_user_lacks(server: ClickHouseProcess, migrated: Settings) -> None:
    """A user of another part is found out before it is missed."""
    other = server.url(user=SHIPPED_USERS["dbt"])
    [api, ingest, _] = await check_grants(msgspec.structs.replace(migrated, clickhouse_ingest_url=other))
    assert api.missing == ()
    assert (ingest.variable, "INSERT ON event_batches" in ingest.missing) == ("PLAYHEAD_CLICKHOUSE_INGEST_URL", True)
    alone = msgspec.structs.replace(migrated, clickhouse_ingest_url="", clickhouse_dbt_url="")
    assert {"INSERT ON event_batches", "INSERT ON mart_builds"} <= set((await check_grants(alone))[0].missing)


async def test_the_doctor_finds_users_without_a_password(tmp_path: Path) -> None:
    """A variable that the server's environment lacks is an empty password."""
    passwords = {name: text for name, text in SHIPPED_PASSWORDS.items() if name != "PLAYHEAD_GRAFANA_PASSWORD"}
    with need_server_process(tmp_path, passwords=passwords) as process:
        settings = Settings(clickhouse_url=process.url(), data_dir=str(tmp_path))
        assert await users_without_password(settings) == ["playhead_grafana"]


READS = (
    "SELECT count() FROM stream_daily FINAL",
    "SELECT count() FROM dimension_daily FINAL",
    "SELECT count() FROM fct_sessions",
    "SELECT count() FROM daily_metrics",
    "SELECT count() FROM concurrency",
)


@pytest.mark.parametrize("sql", READS)
async def test_grafana_reads_figures(server: ClickHouseProcess, service: RunningService, sql: str) -> None:
    """What a panel is made of, once dbt has made its views."""
    ask(server.url(user=SHIPPED_USERS["grafana"]), sql)


EVENT = "INSERT INTO playback_events (stream_id, session_id) VALUES ('x', generateUUIDv4())"
MUST_NOT = [
    *(
        (role, sql)
        for role in ("api", "ingest", "dbt", "grafana")
        for sql in (
            "CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n",
            "DROP TABLE sessions",
            "TRUNCATE TABLE sessions",
            "ALTER TABLE sessions ADD COLUMN n UInt8",
            "ALTER TABLE playback_events DELETE WHERE 1",
            "ALTER TABLE playback_events MODIFY TTL event_day + toIntervalDay(1)",
            "CREATE DATABASE other",
            "CREATE USER other",
            "GRANT ALL ON *.* TO playhead_grafana",
            "SYSTEM SHUTDOWN",
            "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
            "SELECT * FROM file('/etc/passwd', 'LineAsString', 's String')",
            "SELECT query FROM system.query_log",
        )
    ),
    *((role, EVENT) for role in ("api", "dbt", "grafana")),
    *((role, "SELECT key_sha256 FROM api_keys") for role in ("ingest", "dbt", "grafana")),
    *((role, "INSERT INTO api_keys (name) VALUES ('x')") for role in ("ingest", "dbt", "grafana")),
    *((role, "INSERT INTO streams (stream_id) VALUES ('x')") for role in ("ingest", "dbt", "grafana")),
    *((role, "SELECT payload FROM dead_letters") for role in ("ingest", "dbt", "grafana")),
    ("ingest", "SELECT client_id, page_url FROM playback_events"),
    ("ingest", "SELECT * FROM sessions"),
    ("ingest", "INSERT INTO sessions (stream_id) VALUES ('x')"),
    ("ingest", "CREATE VIEW v AS SELECT 1"),
    ("api", "CREATE VIEW v AS SELECT 1"),
    ("grafana", "SELECT * FROM playback_events"),
    ("grafana", "SELECT 1 SETTINGS max_memory_usage = 100000000000"),
    ("grafana", "SET readonly = 0"),
]


@pytest.mark.parametrize(("role", "sql"), MUST_NOT)
async def test_nobody_can_do_more(server: ClickHouseProcess, migrated: Settings, role: str, sql: str) -> None:
    """Each refusal is about rights, or about a setting's bounds."""
    refusals = "ACCESS_DENIED|READONLY|SETTING_CONSTRAINT_VIOLATION|QUERY_IS_PROHIBITED"
    with pytest.raises(httpx.HTTPStatusError, match=refusals):
        ask(server.url(user=SHIPPED_USERS[role]), sql)


async def test_what_is_denied_has_a_class_of_its_own(migrated: Settings) -> None:
    """Nobody tries again at once what an operator must allow first."""
    store = open_server_store(migrated)
    with pytest.raises(StoreDeniedError):
        await store.execute("DROP TABLE sessions")
    await store.close()


async def test_every_statement_says_what_it_is(server: ClickHouseProcess, service: RunningService) -> None:
    """query_log names the questions by their files, inserts by their tables."""
    await service.refresh()
    ask(server.url(), "SYSTEM FLUSH LOGS query_log")
    sql = (
        "SELECT arraySort(groupUniqArray(log_comment)) FROM system.query_log "
        "WHERE user LIKE 'playhead_%' AND is_initial_query AND type = 'QueryFinish'"
    )
    comments = ask(server.url(), sql)
    for comment in ("playhead refresh_state", "playhead insert event_batches", "playhead dbt", "playhead streams"):
        assert f"'{comment}'" in comments
    nameless = sql.replace("arraySort(groupUniqArray(log_comment))", "any(query)") + " AND log_comment = ''"
    assert "playhead" not in ask(server.url(), f"{nameless} AND user IN ('playhead_api', 'playhead_ingest')")


def test_no_password_is_told(server: ClickHouseProcess, service: RunningService, tmp_path: Path) -> None:
    """Neither in the queries' log nor by the processes' arguments."""
    ask(server.url(), "SYSTEM FLUSH LOGS query_log")
    for user in SHIPPED_USERS.values():
        halves = f"concat('{user.password[:6]}', '{user.password[6:]}')"
        assert ask(server.url(), f"SELECT count() FROM system.query_log WHERE position(query, {halves}) > 0") == "0"
        assert user.password.encode() not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
