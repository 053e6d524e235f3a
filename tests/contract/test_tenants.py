"""Every call below /admin of the OpenAPI document: an organizer's key reaches its own streams and nothing else."""

import asyncio
import dataclasses
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from playhead.events import EventRow, EventType
from playhead.ops.auth import Keys
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.admin_calls import find_calls
from tests.service import ADMIN_KEY, RunningService, run_service
from tests.stores import insert_events

pytestmark = pytest.mark.anyio

NOW = int(time.time() * 1000)
RANGE = {
    name: datetime.fromtimestamp(NOW / 1000 + after_s, UTC).isoformat()
    for name, after_s in (("from", -3600), ("to", 3600))
}
OF_NOBODY = {"/admin/analytics/metrics"}
"""Calls that tell nothing of any stream, and everyone the same."""
OF_THE_PLATFORM = {"/admin/drift", "/admin/ingest", "/admin/jobs", "/admin/keys"}
"""What no key of an organizer may ask."""
WRITES: Mapping[tuple[str, str], tuple[Any, int]] = {
    ("put", "/admin/streams/{stream_id}"): ({"title": "Mine now"}, 404),
    ("delete", "/admin/streams/{stream_id}"): (None, 404),
    ("post", "/admin/keys"): ({"name": "more"}, 403),
    ("delete", "/admin/keys/{key_id}"): (None, 403),
    ("post", "/admin/jobs/{name}/run"): (None, 403),
}
"""A body that each call would take, and how it is refused to the key of another organizer."""
FILTERS: Mapping[str, str] = {"provider": "hls", "country": "SE", "device": "desktop"}
"""What all sessions here have, so that no filter by it hides one that should not be seen."""
OF_THE_MOMENT = {"freshness_s", "at"}


@dataclass(frozen=True)
class Tenant:
    """An organizer, and all that only its key may see."""

    key: str
    key_id: str
    organizer_id: str
    stream_id: str
    title: str
    client_id: str
    session_ids: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """What tells of it in an answer, whichever the answer."""
        return (self.stream_id, self.title, self.client_id, *self.session_ids)

    @property
    def named(self) -> dict[str, list[str]]:
        """Values of parameters by which it might be found."""
        return {"stream_id": [self.stream_id], "q": [self.title, self.stream_id], "metrics": ["viewers,sessions"]}

    def fill(self, path: str) -> str:
        """Return `path` with its streams, sessions and so on; what it does not know stays in braces."""
        known = {
            "stream_id": self.stream_id,
            "session_id": self.session_ids[0],
            "key_id": self.key_id,
            "name": "refresh",
        }
        return re.sub(r"\{(\w+)\}", lambda part: known.get(part[1], part[0]), path)


@pytest.fixture(scope="module")
async def service(store: ClientStore, embedded_settings: Settings) -> AsyncIterator[RunningService]:
    """Give a service."""
    async with run_service(msgspec.structs.replace(embedded_settings, admin_key=ADMIN_KEY), store) as running:
        yield running


@pytest.fixture(scope="module")
async def tenants(service: RunningService) -> tuple[Tenant, Tenant]:
    """Give two organizers with a stream each, one watched by one session, one by two."""
    made = []
    for number, name in enumerate(("red", "blue"), 1):
        made_key = await Keys(service.store, ADMIN_KEY).make(f"{name}'s", name)
        sessions = tuple(str(UUID(int=0xABCDEF00 + 16 * number + nth)) for nth in range(number))
        tenant = Tenant(
            key=made_key.key,
            key_id=made_key.id,
            organizer_id=name,
            stream_id=f"{name}s-stream",
            title=f"{name.title()}'s own title",
            client_id=f"{name}s-viewer",
            session_ids=sessions,
        )
        body = {"title": tenant.title, "organizer_id": name}
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        put = await service.client.put(f"/admin/streams/{tenant.stream_id}", json=body, headers=headers)
        assert put.status_code == 201
        made.append(tenant)
    return made[0], made[1]


async def watch(service: RunningService, *tenants: Tenant) -> None:
    """Let all sessions of the tenants be active now."""
    assert isinstance(service.store, ClientStore)
    now_ms = int(time.time() * 1000)
    steps = [(NOW - 9000, 0, EventType.play), (NOW - 8000, 1, EventType.playing), (now_ms, now_ms, EventType.heartbeat)]
    rows = [
        EventRow(
            stream_id=tenant.stream_id,
            session_id=session_id,
            client_id=tenant.client_id,
            ts=ts,
            seq=seq,
            type=int(kind),
            received_ms=NOW,
            sent_offset_ms=None,
            **FILTERS,  # type: ignore[arg-type]  # Names of dimensions, which are text.
        )
        for tenant in tenants
        for session_id in tenant.session_ids
        for ts, seq, kind in steps
    ]
    await insert_events(service.store, rows)
    await service.refresh()


async def test_no_get_call_finds_anything_of_another_organizer(
    service: RunningService, tenants: tuple[Tenant, Tenant]
) -> None:
    """Asked by each of two organizers, in every way the document knows, no call tells a word of the other."""
    calls = await find_calls(service)
    assert len(calls) >= 10
    await watch(service, *tenants)
    for mine, other in (tenants, tenants[::-1]):
        for call in calls:
            filled = other.fill(call.path)
            assert "{" not in filled, f"{call.path} has a part that this test does not know: let Tenant.fill know it"
            expected = {200, 403} if filled == call.path else {404, 403}
            variants = call.variants(FILTERS, other.named)
            asked = [service.ask(filled, mine.key, **(call.required(RANGE) | parameters)) for parameters in variants]
            for parameters, answer in zip(variants, await asyncio.gather(*asked), strict=True):
                is_known = answer.status_code in expected | ({404} if "stream_id" in parameters else set())
                assert is_known, (filled, parameters, answer.text)
                assert not any(word in answer.text for word in other.words), (filled, parameters)
            if "organizer_id" in call.parameters:
                named = call.required(RANGE) | {"organizer_id": other.organizer_id}
                assert (await service.ask(filled, mine.key, **named)).status_code == 403, filled


async def test_every_get_call_tells_an_organizer_what_is_its_own(
    service: RunningService, tenants: tuple[Tenant, Tenant]
) -> None:
    """Its answer is the platform's narrowed to the organizer and differs from the other's, or there is none for it.

    A call that is neither refused, nor about one stream or session, nor can be narrowed is not known to be safe.
    """
    await watch(service, *tenants)
    refused = set()
    for call in await find_calls(service):
        if call.path.endswith("/live"):
            await watch(service, *tenants)
        red, blue = [await service.ask(one.fill(call.path), one.key, **call.required(RANGE)) for one in tenants]
        if red.status_code == blue.status_code == 403:
            refused.add(call.path)
            continue
        assert red.status_code == blue.status_code == 200, (call.path, red.text, blue.text)
        if call.path in OF_NOBODY:
            assert lasting(red) == lasting(blue)
            continue
        is_of_one = call.path != tenants[0].fill(call.path)
        assert is_of_one or "organizer_id" in call.parameters, f"{call.path} can tell organizers apart by nothing"
        assert lasting(red) != lasting(blue), call.path
        for tenant, answer in zip(tenants, (red, blue), strict=True):
            narrow = {} if is_of_one else {"organizer_id": tenant.organizer_id}
            whole = await service.ask(tenant.fill(call.path), **(call.required(RANGE) | narrow))
            assert lasting(answer) == lasting(whole), call.path
    assert refused == OF_THE_PLATFORM


async def test_no_call_changes_anything_of_another_organizer(
    service: RunningService, tenants: tuple[Tenant, Tenant]
) -> None:
    """Whatever is not a GET is refused to another's key, and everything is as it was."""
    document = (await service.client.get("/schema/openapi.json")).json()
    writes = {
        (method, path)
        for path, calls in document["paths"].items()
        for method in calls.keys() - {"get"}
        if path.startswith("/admin/")
    }
    assert writes == WRITES.keys()
    before = await everything(service)
    for mine, other in (tenants, tenants[::-1]):
        for (method, path), (body, status) in WRITES.items():
            headers = {"Authorization": f"Bearer {mine.key}"}
            answer = await service.client.request(method, other.fill(path), json=body, headers=headers)
            assert answer.status_code == status, (method, path, answer.text)
            assert not any(word in answer.text for word in other.words)
    assert await everything(service) == before


async def everything(service: RunningService) -> list[Any]:
    """Return what the platform sees of streams, keys and runs of jobs."""
    answers = [await service.ask(path) for path in ("/admin/streams", "/admin/keys", "/admin/jobs")]
    return [lasting(answer) for answer in answers]


def lasting(answer: httpx.Response) -> Any:
    """Return an answer without what changes by itself from one moment to the next."""
    body = re.sub(rf'"({"|".join(OF_THE_MOMENT)})":[^,}}]*', r'"\1":null', answer.text)
    return msgspec.json.decode(body)


async def test_one_session_id_on_the_streams_of_two(service: RunningService, tenants: tuple[Tenant, Tenant]) -> None:
    """Each organizer finds its own session of the id, and not the other's by naming the stream."""
    red, blue = tenants
    shared = str(UUID(int=0xABC))
    twins = [dataclasses.replace(one, session_ids=(shared,)) for one in (red, blue)]
    await watch(service, *twins)
    path = f"/admin/analytics/sessions/{shared}"
    for mine, other in (twins, twins[::-1]):
        assert (await service.ask(path, mine.key)).json()["session"]["stream_id"] == mine.stream_id
        assert (await service.ask(path, mine.key, stream_id=other.stream_id)).status_code == 404
