"""GET /admin/drift and /metrics, as the outside sees them, on both engines."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from playhead.events import EventRow, EventType
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.service import ADMIN_KEY, RunningService, run_service
from tests.stores import insert_events

pytestmark = pytest.mark.anyio

THEN_MS = (int(time.time()) // 86_400 - 3) * 86_400_000
SUBJECTS = [
    "dimension_daily", "dimension_hourly", "sessions", "stream_daily", "stream_dimension_daily", "viewers_daily",
]  # fmt: skip


@pytest.fixture(scope="module")
async def service(store: ClientStore, embedded_settings: Settings) -> AsyncIterator[RunningService]:
    """Give a service whose metrics come straight from the database."""
    async with run_service(msgspec.structs.replace(embedded_settings, admin_key=ADMIN_KEY), store) as running:
        yield running


@pytest.fixture(autouse=True)
def _asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playhead.ops.metrics.KEPT_S", 0)


async def scrape(service: RunningService) -> dict[tuple[str, str], float]:
    """Return all samples by name and labels, these in alphabetical order."""
    answer = await service.client.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def run_drift_check(service: RunningService) -> None:
    """Run the job to its end."""
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    started = await service.client.post("/admin/jobs/drift-check/run", headers=headers)
    assert started.status_code == 202, started.text
    async with asyncio.timeout(120):
        while True:
            jobs = (await service.ask("/admin/jobs")).json()["items"]
            [job] = [job for job in jobs if job["name"] == "drift-check"]
            if job["running"] is None:
                assert job["last_runs"][0]["status"] == "succeeded", job
                return
            await asyncio.sleep(0.05)


async def test_the_last_check_is_told(service: RunningService, store: ClientStore) -> None:
    """Before any there is none; afterwards the answer and the metrics have what was found of each day and subject."""
    answer = await service.ask("/admin/drift")
    assert (answer.status_code, answer.json()) == (200, {"checked_at": None, "status": "never", "days": 0, "items": []})
    before = await scrape(service)
    assert not [name for name, _ in before if name.startswith("playhead_drift")]

    session_id = str(uuid4())
    await insert_events(store, [event(session_id, 1, EventType.play), event(session_id, 2, EventType.playing)])
    await service.refresh()
    await run_drift_check(service)
    told: dict[str, Any] = (await service.ask("/admin/drift")).json()
    assert (told["status"], told["days"]) == ("ok", 1)
    assert abs(told["checked_at"] - time.time() * 1000) < 60_000
    day = datetime.fromtimestamp(THEN_MS / 1000, UTC).date().isoformat()
    assert told["items"] == [
        {"day": day, "subject": subject, "checked": int(subject == "sessions"), "differing": 0, "examples": []}
        for subject in SUBJECTS
    ]

    await store.execute(
        "INSERT INTO sessions SELECT * REPLACE (version + 1 AS version, 5 AS events) FROM sessions FINAL"
    )
    await run_drift_check(service)
    told = (await service.ask("/admin/drift")).json()
    assert told["status"] == "drifted"
    [item] = [item for item in told["items"] if item["differing"]]
    assert (item["subject"], item["examples"]) == ("sessions", [f"stream/{session_id}"])
    samples = await scrape(service)
    assert {labels: value for (name, labels), value in samples.items() if name == "playhead_drift_rows"} == {
        subject: int(subject == "sessions") for subject in SUBJECTS
    }
    assert samples["playhead_drift_checked_rows", "sessions"] == 1
    assert samples["playhead_drift_checked_timestamp_seconds", ""] == told["checked_at"] / 1000
    assert samples["playhead_job_last_run_status", "drift-check,succeeded"] == 1
    assert samples["playhead_job_last_run_status", "drift-check,failed"] == 0
    assert abs(samples["playhead_job_last_success_timestamp_seconds", "drift-check"] - time.time()) < 60
    assert abs(samples["playhead_job_last_run_timestamp_seconds", "drift-check"] - time.time()) < 120


async def test_drift_is_the_platforms(service: RunningService) -> None:
    """Without a key it is a 401, with an organizer's a 403."""
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    body = {"name": "organizer", "organizer_id": "acme"}
    organizers = (await service.client.post("/admin/keys", json=body, headers=headers)).json()["key"]
    assert (await service.ask("/admin/drift", "wrong")).status_code == 401
    assert (await service.ask("/admin/drift", organizers)).status_code == 403


async def test_metrics_follow_what_comes_in(service: RunningService) -> None:
    """Events and requests are counted by what became of them, and nobody is named."""
    await service.refresh()
    before = await scrape(service)
    now = int(time.time() * 1000)
    events = [{"type": "play", "ts": now, "seq": 1}, {"type": "dance", "ts": now, "seq": 2}]
    batch = {"stream_id": "a-stream", "client_id": "a-client", "session_id": str(uuid4()), "events": events}
    assert (await service.send(batch)).status_code == 202
    assert (await service.send({"stream_id": "a-stream"})).status_code == 400
    after = await scrape(service)
    grown = {key: value - before.get(key, 0) for key, value in after.items() if key[0].startswith("playhead_ingest_")}
    assert grown["playhead_ingest_events_total", "accepted,native,"] == 1
    assert grown["playhead_ingest_events_total", "refused,native,unknown_type"] == 1
    assert grown["playhead_ingest_requests_total", "answered,native,"] == 1
    assert grown["playhead_ingest_requests_total", "refused,native,invalid_request"] == 1
    assert grown["playhead_ingest_flush_duration_seconds_count", ""] == 1
    assert grown["playhead_ingest_flushed_rows_total", ""] == 1
    assert after["playhead_ingest_buffered_rows", ""] == 0
    assert after["playhead_database_up", ""] == 1
    assert 0 <= after["playhead_freshness_seconds", ""] < 60
    text = (await service.client.get("/metrics")).text
    assert [word for word in ("a-stream", "a-client", batch["session_id"], "127.0.0.1") if str(word) in text] == []


async def test_metrics_are_as_prometheus_would_have_them(service: RunningService) -> None:
    """Every family has a help text, a prefix and, if it counts, its ending; no sample is there twice."""
    text = (await service.client.get("/metrics")).text
    families = list(text_string_to_metric_families(text))
    assert {family.name.partition("_")[0] for family in families} == {"playhead", "process", "python"}
    assert [family.name for family in families if not family.documentation] == []
    samples = [(sample.name, *sample.labels.items()) for family in families for sample in family.samples]
    assert len(samples) == len(set(samples))


def event(session_id: str, seq: int, kind: EventType) -> EventRow:
    """Return an event of three days ago."""
    at = THEN_MS + 3_600_000 + 1000 * seq
    return EventRow(
        stream_id="stream", session_id=session_id, client_id="c", ts=at, seq=seq, type=int(kind), received_ms=at,
        sent_offset_ms=None,
    )  # fmt: skip
