"""GET /admin/jobs and POST /admin/jobs/{name}/run, as the outside sees them, on both engines."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from playhead.ops.jobs.catalog import JOBS
from playhead.ops.jobs.lease import Lease
from playhead.ops.jobs.runs import JobRuns, Trigger
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.service import ADMIN_KEY, RunningService, run_service

pytestmark = pytest.mark.anyio

ONCE = "0 0 29 2 *"
"""The next leap day: far from any run of the tests."""


@pytest.fixture(scope="module")
async def service(store: ClientStore, embedded_settings: Settings) -> AsyncIterator[RunningService]:
    """Give a service whose scheduler is on and has nothing to do for now."""
    settings = msgspec.structs.replace(
        embedded_settings, admin_key=ADMIN_KEY, scheduler=True, aggregate_cron=ONCE, drift_check_cron=ONCE
    )
    async with run_service(settings, store) as running:
        yield running


async def post_run(service: RunningService, name: str, key: str = ADMIN_KEY) -> httpx.Response:
    """Return the answer to a request to run the job."""
    return await service.client.post(f"/admin/jobs/{name}/run", headers={"Authorization": f"Bearer {key}"})


async def entry(service: RunningService, name: str) -> dict[str, Any]:
    """Return the job as the list has it."""
    answer = await service.ask("/admin/jobs")
    assert answer.status_code == 200, answer.text
    [found] = [item for item in answer.json()["items"] if item["name"] == name]
    return dict(found)


async def end_of(service: RunningService, run_id: str) -> dict[str, Any]:
    """Return the run of refresh once the list says that it ended."""
    async with asyncio.timeout(30):
        while True:
            runs: list[dict[str, Any]] = (await entry(service, "refresh"))["last_runs"]
            for run in runs:
                if run["run_id"] == run_id and run["status"] != "running":
                    return run
            await asyncio.sleep(0.02)


async def make_organizer_key(service: RunningService) -> str:
    """Return a key of an organizer."""
    body = {"name": "organizer", "organizer_id": "acme"}
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    return str((await service.client.post("/admin/keys", json=body, headers=headers)).json()["key"])


async def test_every_job_is_listed_with_its_schedule(service: RunningService) -> None:
    """Each has its cron expression and, where there is one, the instant of the next run."""
    items = (await service.ask("/admin/jobs")).json()["items"]
    assert [item["name"] for item in items] == [job.name for job in JOBS]
    by_name = {item["name"]: item for item in items}
    assert by_name["aggregate"]["schedule"] == ONCE
    assert by_name["aggregate"]["next_run_at"] % 86_400_000 == 0
    assert (by_name["refresh"]["schedule"], by_name["refresh"]["next_run_at"]) == ("off", None)
    assert by_name["aggregate"]["running"] is None
    assert all(item["purpose"] for item in items)


async def test_a_job_is_run_and_seen(service: RunningService) -> None:
    """The answer comes before the end, which the list tells; the newest run comes first."""
    answer = await post_run(service, "refresh")
    assert answer.status_code == 202
    started = answer.json()
    assert started.keys() == {"run_id", "status"}
    assert started["status"] == "running"
    run = await end_of(service, started["run_id"])
    assert (run["job"], run["trigger"], run["status"]) == ("refresh", "api", "succeeded")
    assert run["detail"].endswith("sessions refolded")
    assert run["started_at"] <= run["finished_at"]
    listed = await entry(service, "refresh")
    assert (listed["last_runs"][0], listed["running"]) == (run, None)


async def test_one_that_runs_elsewhere_is_a_conflict(service: RunningService) -> None:
    """While another worker has the job, a request to run it is a 409, and the list shows that run."""
    run_id = str(uuid4())
    lease = Lease(service.store, "aggregate", run_id, 60_000)
    assert await lease.take()
    elsewhere = await JobRuns(service.store, 60_000).begin("aggregate", run_id, Trigger.SCHEDULE)
    answer = await post_run(service, "aggregate")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    listed = await entry(service, "aggregate")
    assert (listed["running"]["run_id"], listed["last_runs"][0]) == (elsewhere.run_id, listed["running"])
    await lease.give_back()


async def test_a_job_that_there_is_not(service: RunningService) -> None:
    """It is a 404."""
    for name in ("unknown", "Refresh", "refresh%20", "retention"):
        answer = await post_run(service, name)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_jobs_are_the_platforms(service: RunningService) -> None:
    """Without a key it is a 401, with an organizer's a 403, and nothing is run."""
    before = await entry(service, "refresh")
    organizer = await make_organizer_key(service)
    for key, status in (("wrong", 401), (organizer, 403)):
        assert (await service.ask("/admin/jobs", key)).status_code == status
        assert (await post_run(service, "refresh", key)).status_code == status
        assert (await post_run(service, "unknown", key)).status_code == status
    assert await entry(service, "refresh") == before


async def test_the_list_is_bounded(service: RunningService) -> None:
    """Of the runs of a job the last twenty are told."""
    runs = JobRuns(service.store, 60_000)
    for _ in range(25):
        await runs.begin("aggregate", str(uuid4()), Trigger.SCHEDULE)
    listed = (await entry(service, "aggregate"))["last_runs"]
    assert len(listed) == 20
    assert listed == sorted(listed, key=lambda run: (run["started_at"], run["run_id"]), reverse=True)
