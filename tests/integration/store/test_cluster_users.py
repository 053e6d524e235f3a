"""The users that clickhouse/server gives, on a cluster: each can do its work on all shards, and nothing more."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import msgspec
import pytest

from playhead.errors import MigrationError
from playhead.events import EventType
from playhead.ops import doctor
from playhead.ops.grants import check_grants
from playhead.rollup.dbt import run_dbt
from playhead.rollup.drift import check_drift
from playhead.rollup.drift_checks import Subject
from playhead.rollup.refold import read_watermark
from playhead.settings import Settings
from playhead.store.cluster import ClusterStore, open_cluster_store
from playhead.store.contract import Store
from playhead.store.prepare import prepare
from playhead.store.server import open_ingest_store
from playhead.store.sql_files import query
from tests.servers.clickhouse_config import SHIPPED_USERS
from tests.servers.clickhouse_http import ask
from tests.servers.cluster import CLUSTER, ClickHouseCluster
from tests.service import RunningService, run_service

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

YESTERDAY_MS = int(time.time() * 1000) - 86_400_000
SESSION_IDS = [str(uuid4()) for _ in range(20)]
"""So many that there are some on both shards."""
NARROW = ("api", "ingest", "dbt", "grafana")


class _Session(msgspec.Struct, frozen=True):
    session: str


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseCluster]:
    """Give a cluster whose nodes have the users as they are shipped, and a secret as clickhouse/server/cluster has."""
    with ClickHouseCluster(tmp_path_factory.mktemp("cluster"), secret="the nodes' own") as running:
        yield running


@pytest.fixture(scope="module")
def settings(cluster: ClickHouseCluster, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of a service that has a user for each of its parts."""
    api, ingest, dbt = (cluster.url(user=SHIPPED_USERS[role]) for role in ("api", "ingest", "dbt"))
    return Settings(
        clickhouse_url=api,
        clickhouse_ingest_url=ingest,
        clickhouse_dbt_url=dbt,
        clickhouse_cluster=CLUSTER,
        data_dir=str(tmp_path_factory.mktemp("data")),
        admin_key="an-admin-key-for-tests",
        scheduler=False,
        query_threads=2,
    )


@pytest.fixture(scope="module")
async def migrated(cluster: ClickHouseCluster, settings: Settings, anyio_backend: str) -> Settings:
    """Return the settings once the owner has made databases and tables."""
    owner = open_cluster_store(msgspec.structs.replace(settings, clickhouse_url=as_role(cluster, "owner")))
    assert await prepare(owner, settings)
    await owner.close()
    return settings


@pytest.fixture(scope="module")
async def store(migrated: Settings, anyio_backend: str) -> AsyncIterator[ClusterStore]:
    """Give the store of the service."""
    opened = open_cluster_store(migrated)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def service(migrated: Settings, store: ClusterStore, anyio_backend: str) -> AsyncIterator[RunningService]:
    """Give a running service that never was its databases' owner."""
    ingest_store = open_ingest_store(migrated)
    async with run_service(migrated, store, ingest_store) as running:
        yield running
    await ingest_store.close()


@pytest.fixture(scope="module")
async def played(cluster: ClickHouseCluster, service: RunningService, anyio_backend: str) -> RunningService:
    """Give the service once sessions were played, and are folded on both shards."""
    events = [{"type": kind, "ts": YESTERDAY_MS + 1000 * n, "seq": n} for n, kind in enumerate(("play", "playing"))]
    for number, session_id in enumerate(SESSION_IDS):
        answer = await service.send(
            {"stream_id": "s", "client_id": f"c{number}", "session_id": session_id, "events": events}
        )
        assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    await service.refresh()
    assert all(int(ask(shard.url("playhead_local"), "SELECT count() FROM sessions")) > 0 for shard in cluster.shards)
    return service


@pytest.fixture(scope="module")
async def built(migrated: Settings, played: RunningService, anyio_backend: str) -> None:
    """Let dbt build the marts."""
    result = await run_dbt(migrated, ["build", "--exclude-resource-type", "unit_test", "--vars", "include_today: true"])
    assert result.status == 0, result.output


def as_role(cluster: ClickHouseCluster, role: str, database: str = "playhead") -> str:
    """Return the URL by which a role asks the first shard."""
    return cluster.url(database, user=SHIPPED_USERS[role])


async def test_without_tables_the_service_says_who_must_make_them(settings: Settings) -> None:
    """It does not start, and what it says names the command."""
    store = open_cluster_store(settings)
    with pytest.raises(MigrationError, match="run `playhead migrate` with the URL of its owner"):
        await prepare(store, settings)
    await store.close()


async def test_nothing_to_do_needs_no_owner(migrated: Settings, store: ClusterStore) -> None:
    """Who may only read finds that all is done on every node."""
    assert await prepare(store, migrated) == []


async def test_a_keeper_is_seen(cluster: ClickHouseCluster, migrated: Settings) -> None:
    """Who does not see that there is one takes the ledgers of other shards for empty."""
    assert ask(as_role(cluster, "api"), "CHECK GRANT SHOW TABLES ON system.zookeeper") == "1"
    assert ask(as_role(cluster, "api"), "CHECK GRANT SELECT ON system.zookeeper") == "0"


async def test_events_come_in_and_figures_out(played: RunningService) -> None:
    """With a session and without, of both shards, asked for in every way."""
    for number, session_id in enumerate(SESSION_IDS):
        kinds = [{"type": "heartbeat", "ts": YESTERDAY_MS + 1500, "seq": 2}, {"type": "no such", "ts": 1, "seq": 3}]
        answer = await played.send({"stream_id": "s", "client_id": f"c{number}", "events": kinds})
        assert (answer.json()["accepted"], answer.json()["session_id"]) == (1, session_id)
    await played.refresh()
    assert (await played.ask("/admin/analytics/streams")).json()["items"][0]["plays"] == len(SESSION_IDS)
    for path in ("streams/summary", "timeseries", "concurrency", "breakdown", f"sessions/{SESSION_IDS[0]}", "live"):
        answer = await played.ask(f"/admin/analytics/{path}", **({"by": "device"} if path == "breakdown" else {}))
        assert answer.status_code == 200, (path, answer.text)
    assert (await played.client.get("/metrics")).status_code == 200


async def test_refused_events_are_kept(cluster: ClickHouseCluster, migrated: Settings, store: ClusterStore) -> None:
    """As dead letters, which ingest writes, at the latest when it ends, and the service reads."""
    letter = {"stream_id": "refused", "client_id": "c", "events": [{"type": "no such", "ts": 1, "seq": 1}]}
    async with run_service(migrated, store, open_ingest_store(migrated)) as other:
        assert (await other.send(letter)).json()["accepted"] == 0
    assert ask(as_role(cluster, "api"), "SELECT count() FROM dead_letters WHERE stream_id = 'refused'") == "1"


async def test_a_batch_sent_again_is_recognised(migrated: Settings, played: RunningService) -> None:
    """Ingest finds which session has an event, on whichever shard."""
    ingest = open_ingest_store(migrated)
    event = {"stream_id": "s", "ts": YESTERDAY_MS, "seq": 0, "type": EventType.play}
    found = await ingest.fetch(query("find_sessions_with_event"), _Session, event | {"session_ids": SESSION_IDS})
    await ingest.close()
    assert sorted(row.session for row in found) == sorted(SESSION_IDS)


async def test_inserts_of_another_user_are_seen(cluster: ClickHouseCluster, store: ClusterStore) -> None:
    """The refresh of a shard takes care of what is being inserted there, and by whom makes no difference."""
    slow = "INSERT INTO event_batches (received_ms) SELECT sleepEachRow(1) FROM numbers(3) SETTINGS max_block_size = 1"
    insert = asyncio.create_task(asyncio.to_thread(ask, as_role(cluster, "ingest"), slow))
    seen = []
    while not insert.done():
        now_ns = time.time_ns()
        seen.append((now_ns - await read_watermark((await store.shards())[0])) / 1e9)
        await asyncio.wait([insert], timeout=0.1)
    await insert
    assert max(seen) > 1


async def test_the_registry_keys_and_jobs_are_kept(played: RunningService) -> None:
    """What the admin API writes."""
    head = {"Authorization": "Bearer an-admin-key-for-tests"}
    entry = {"title": "t", "organizer_id": "o", "live": False, "providers": []}
    assert (await played.client.put("/admin/streams/s", json=entry, headers=head)).is_success
    key = (await played.client.post("/admin/keys", json={"name": "k", "organizer_id": "o"}, headers=head)).json()
    assert (await played.client.delete(f"/admin/keys/{key['id']}", headers=head)).is_success
    assert (await played.client.delete("/admin/streams/s", headers=head)).is_success
    assert (await played.client.post("/admin/jobs/refresh/run", headers=head)).is_success


async def test_the_drift_check_agrees(migrated: Settings, store: ClusterStore, played: RunningService) -> None:
    """Sessions of a closed day, on both shards, come out the same when they are folded anew."""
    report = await check_drift(store, migrated)
    assert (report.status, report.sums(Subject.SESSIONS)) == ("ok", (len(SESSION_IDS), 0))


async def test_dbt_builds(cluster: ClickHouseCluster, built: None) -> None:
    """The marts, from the sessions of both shards, by the user that does nothing else."""
    assert ask(cluster.url(), "SELECT sum(plays) FROM stream_daily FINAL") == str(len(SESSION_IDS))


async def test_the_doctor_finds_the_grants_in_order(migrated: Settings, store: ClusterStore) -> None:
    """Every user has what it needs, on every node."""

    async def open_store() -> Store:
        return store

    findings = await doctor.examine(open_store, migrated)
    assert [finding.status for finding in findings if finding.check == "grants"] == ["ok"] * 3, findings
    assert [finding.status for finding in findings if finding.check in {"parts", "retention"}] == ["ok"] * 2, findings
    assert not any("privileges" in finding.detail for finding in findings), findings


async def test_the_doctor_says_what_a_user_lacks(cluster: ClickHouseCluster, migrated: Settings) -> None:
    """In the database of all shards and in that of each."""
    other = msgspec.structs.replace(migrated, clickhouse_ingest_url=as_role(cluster, "dbt"))
    [_, ingest, _] = await check_grants(other)
    assert {"INSERT ON event_batches", "INSERT ON playhead_local.event_batches"} <= set(ingest.missing)


READS = (
    "SELECT count() FROM sessions FINAL",
    "SELECT count() FROM streams FINAL",
    "SELECT count() FROM stream_daily FINAL",
    "SELECT count() FROM dimension_daily FINAL",
    "SELECT count() FROM dimension_hourly FINAL",
    "SELECT count() FROM viewers_daily FINAL",
    "SELECT count() FROM fct_sessions",
    "SELECT count() FROM daily_metrics",
    "SELECT count() FROM concurrency",
)


@pytest.mark.parametrize("sql", READS)
async def test_grafana_reads_figures(cluster: ClickHouseCluster, built: None, sql: str) -> None:
    """What a panel is made of, from all shards."""
    ask(as_role(cluster, "grafana"), sql)


EVENT = "INSERT INTO playback_events (stream_id, session_id) VALUES ('x', generateUUIDv4())"
BATCH = "INSERT INTO event_batches (stream_id, session_id) VALUES ('x', generateUUIDv4())"
MUST_NOT = [
    *(
        (role, sql)
        for role in NARROW
        for sql in (
            "CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n",
            "DROP TABLE sessions",
            "TRUNCATE TABLE sessions",
            "ALTER TABLE sessions ADD COLUMN n UInt8",
            "ALTER TABLE playback_events DELETE WHERE 1",
            "SELECT * FROM cluster(pair, system.one)",
            "SELECT * FROM remote('127.0.0.1', system.one)",
            "DROP TABLE sessions ON CLUSTER pair",
        )
    ),
    *((role, sql) for role in ("api", "dbt", "grafana") for sql in (EVENT, BATCH)),
    *((role, "SELECT key_sha256 FROM api_keys") for role in ("ingest", "dbt", "grafana")),
    *((role, "INSERT INTO api_keys (name) VALUES ('x')") for role in ("ingest", "dbt", "grafana")),
    *((role, "INSERT INTO streams (stream_id) VALUES ('x')") for role in ("ingest", "dbt", "grafana")),
    *((role, "SELECT payload FROM dead_letters") for role in ("ingest", "dbt", "grafana")),
    ("ingest", "SELECT client_id, page_url FROM playback_events"),
    ("ingest", "SELECT * FROM sessions"),
    ("ingest", "INSERT INTO sessions (stream_id) VALUES ('x')"),
    ("ingest", "CREATE VIEW v AS SELECT 1"),
    ("api", "CREATE VIEW v AS SELECT 1"),
    ("dbt", "INSERT INTO sessions (stream_id) VALUES ('x')"),
    ("dbt", "INSERT INTO refold_scope (stream_id) VALUES ('x')"),
    ("grafana", "SELECT * FROM playback_events"),
    ("grafana", "SELECT * FROM session_index"),
]


@pytest.mark.parametrize("database", ["playhead", "playhead_local"])
@pytest.mark.parametrize(("role", "sql"), MUST_NOT)
async def test_nobody_can_do_more(
    cluster: ClickHouseCluster, migrated: Settings, role: str, sql: str, database: str
) -> None:
    """In neither of the two databases; each refusal is about rights."""
    with pytest.raises(httpx.HTTPStatusError, match=r"ACCESS_DENIED|READONLY|QUERY_IS_PROHIBITED"):
        ask(as_role(cluster, role, database), sql)


async def test_dbt_makes_views_over_all_shards_only(cluster: ClickHouseCluster, migrated: Settings) -> None:
    """What is in the database of one shard is made by migrations alone."""
    with pytest.raises(httpx.HTTPStatusError, match="ACCESS_DENIED"):
        ask(as_role(cluster, "dbt", "playhead_local"), "CREATE VIEW fct_sessions AS SELECT 1")
