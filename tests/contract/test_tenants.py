"""Every GET below /admin, found in the OpenAPI document: an organizer's key sees its own streams and nothing else."""

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
MAX_CHOICES = 12
"""Of a parameter with more choices, which are columns to sort by, none finds other rows than the rest."""
OF_THE_MOMENT = {"freshness_s", "at"}


@dataclass(frozen=True)
class Tenant:
    """An organizer, and all that only its key may see."""

    key: str
    organizer_id: str
    stream_id: str
    title: str
    client_id: str
    session_ids: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """What tells of it in an answer, whichever the answer."""
        return (self.stream_id, self.title, self.client_id, *self.session_ids)

    def fill(self, path: str) -> str:
        """Return `path` with its streams, sessions and so on; what it does not know stays in braces."""
        return path.replace("{stream_id}", self.stream_id).replace("{session_id}", self.session_ids[0])


@dataclass(frozen=True)
class Call:
    """A GET of the document."""

    path: str
    parameters: Mapping[str, Mapping[str, Any]]

    @property
    def required(self) -> dict[str, str]:
        """The parameters that must be there, each with a value of its schema, and the range."""
        given = {name: value for name, value in RANGE.items() if name in self.parameters}
        return given | {
            name: str(one["schema"]["enum"][0]) for name, one in self.parameters.items() if one.get("required")
        }

    def variants(self, other: Tenant) -> list[dict[str, str]]:
        """Return parameters by which `other` might be found, one at a time, and every choice of the others."""
        told = {"stream_id": [other.stream_id], "q": [other.title, other.stream_id]}
        found: list[dict[str, str]] = [{}]
        for name, parameter in self.parameters.items():
            schema = parameter["schema"]
            choices = told.get(name, ["true"] if schema.get("type") == "boolean" else schema.get("enum", []))
            if len(choices) <= MAX_CHOICES:
                found += [{name: str(choice)} for choice in choices if choice is not None]
        return found


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
        key = (await Keys(service.store, ADMIN_KEY).make(f"{name}'s", name)).key
        sessions = tuple(str(UUID(int=0xABCDEF00 + 16 * number + nth)) for nth in range(number))
        tenant = Tenant(key, name, f"{name}s-stream", f"{name.title()}'s own title", f"{name}s-viewer", sessions)
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
            device="desktop",
        )
        for tenant in tenants
        for session_id in tenant.session_ids
        for ts, seq, kind in steps
    ]
    await insert_events(service.store, rows)
    await service.refresh()


async def find_calls(service: RunningService) -> list[Call]:
    """Return every GET below /admin that the document has."""
    document = (await service.client.get("/schema/openapi.json")).json()
    return [
        Call(path, {one["name"]: one for one in calls["get"].get("parameters", []) if one["in"] == "query"})
        for path, calls in document["paths"].items()
        if path.startswith("/admin/") and "get" in calls
    ]


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
            for parameters in call.variants(other):
                answer = await service.ask(filled, mine.key, **(call.required | parameters))
                is_known = answer.status_code in expected | ({404} if "stream_id" in parameters else set())
                assert is_known, (filled, parameters, answer.text)
                assert not any(word in answer.text for word in other.words), (filled, parameters)
            if "organizer_id" in call.parameters:
                asked = call.required | {"organizer_id": other.organizer_id}
                assert (await service.ask(filled, mine.key, **asked)).status_code == 403, filled


async def test_every_get_call_tells_an_organizer_what_is_its_own(
    service: RunningService, tenants: tuple[Tenant, Tenant]
) -> None:
    """Its answer is the platform's narrowed to the organizer and differs from the other's, or there is none for it.

    A call that is neither refused, nor about one stream or session, nor can be narrowed is not known to be safe.
    """
    for call in await find_calls(service):
        await watch(service, *tenants)
        red, blue = [await service.ask(one.fill(call.path), one.key, **call.required) for one in tenants]
        if red.status_code == blue.status_code == 403:
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
            whole = await service.ask(tenant.fill(call.path), **(call.required | narrow))
            assert lasting(answer) == lasting(whole), call.path


def lasting(answer: httpx.Response) -> Any:
    """Return an answer without what changes by itself from one moment to the next."""
    body = re.sub(rf'"({"|".join(OF_THE_MOMENT)})":[^,}}]*', r'"\1":null', answer.text)
    return msgspec.json.decode(body)


async def test_one_session_id_on_the_streams_of_two(service: RunningService, tenants: tuple[Tenant, Tenant]) -> None:
    """Each organizer finds its own session of the id, and not the other's by naming the stream."""
    red, blue = tenants
    shared = str(UUID(int=0xABC))
    twins = [
        Tenant(one.key, one.organizer_id, one.stream_id, one.title, one.client_id, (shared,)) for one in (red, blue)
    ]
    await watch(service, *twins)
    path = f"/admin/analytics/sessions/{shared}"
    for mine, other in (twins, twins[::-1]):
        assert (await service.ask(path, mine.key)).json()["session"]["stream_id"] == mine.stream_id
        assert (await service.ask(path, mine.key, stream_id=other.stream_id)).status_code == 404
