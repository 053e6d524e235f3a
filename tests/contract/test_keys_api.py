"""POST and GET /admin/keys, DELETE /admin/keys/{key_id}, as the outside sees them, on both engines."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from playhead.errors import ConflictError
from playhead.ops.auth import Keys, hash_key
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.service import ADMIN_KEY, RunningService, run_service

pytestmark = pytest.mark.anyio

KEYS = "/admin/keys"


class _Stored(msgspec.Struct, frozen=True):
    line: str


@pytest.fixture(scope="module")
async def service(store: ClientStore, embedded_settings: Settings) -> AsyncIterator[RunningService]:
    """Give a service with a key in its settings."""
    async with run_service(msgspec.structs.replace(embedded_settings, admin_key=ADMIN_KEY), store) as running:
        yield running


async def make(service: RunningService, body: Any, key: str = ADMIN_KEY) -> httpx.Response:
    """Return the answer to POST."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return await service.client.post(KEYS, content=msgspec.json.encode(body), headers=headers)


async def delete(service: RunningService, key_id: str, key: str = ADMIN_KEY) -> httpx.Response:
    """Return the answer to DELETE."""
    return await service.client.delete(f"{KEYS}/{key_id}", headers={"Authorization": f"Bearer {key}"})


async def listed(service: RunningService) -> list[dict[str, Any]]:
    """Return the list of keys."""
    items: list[dict[str, Any]] = (await service.ask(KEYS)).json()["items"]
    return items


async def test_a_key_is_made_used_and_taken_back(service: RunningService) -> None:
    """It works from the moment it is made until it is deleted, and not after."""
    answer = await make(service, {"name": "dashboard"})
    made = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert (made["name"], made["organizer_id"]) == ("dashboard", "")
    assert abs(made["created_at"] - time.time() * 1000) < 60_000
    assert (await service.ask(KEYS, made["key"])).status_code == 200
    gone = await delete(service, made["id"])
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await service.ask(KEYS, made["key"])).status_code == 401
    assert (await delete(service, made["id"])).status_code == 404


async def test_a_key_is_shown_once_and_stored_hashed(service: RunningService) -> None:
    """The list has everything but the key, and the database has its hash alone."""
    made = (await make(service, {"name": "once"})).json()
    key = made.pop("key")
    assert [item for item in await listed(service) if item["id"] == made["id"]] == [made]
    assert key not in (await service.ask(KEYS)).text
    rows = await service.store.fetch("SELECT formatRow('CSV', *) AS line FROM api_keys", _Stored)
    assert not any(key in row.line for row in rows)
    assert [hash_key(key) in row.line for row in rows].count(True) == 1


async def test_a_deleted_key_leaves_the_list(service: RunningService) -> None:
    """The list has the keys in force, oldest first."""
    ids = [(await make(service, {"name": name})).json()["id"] for name in ("one", "two", "three")]
    await delete(service, ids[1])
    items = await listed(service)
    assert [item["id"] for item in items if item["id"] in ids] in ([ids[0], ids[2]], sorted([ids[0], ids[2]]))
    assert [item["created_at"] for item in items] == sorted(item["created_at"] for item in items)


async def test_no_organizer_is_the_platform(service: RunningService) -> None:
    """Null is as if left out."""
    made = await make(service, {"name": "dashboard", "organizer_id": None})
    assert (made.status_code, made.json()["organizer_id"]) == (201, "")
    await delete(service, made.json()["id"])


async def test_an_organizers_key_does_nothing_with_keys(service: RunningService) -> None:
    """Every call with it is a 403, and nothing comes of it."""
    made = (await make(service, {"name": "red's", "organizer_id": "red"})).json()
    assert made["organizer_id"] == "red"
    key = made["key"]
    before = await listed(service)
    answers = [
        await service.ask(KEYS, key),
        await make(service, {"name": "more", "organizer_id": "red"}, key),
        await make(service, {"name": "all"}, key),
        await make(service, {}, key),
        await delete(service, made["id"], key),
        await delete(service, str(uuid4()), key),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "forbidden")] * 6
    assert await listed(service) == before
    assert (await service.ask("/admin/streams", key)).status_code == 200


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"name": 1}, "name"),
        ({"name": "x", "organizer_id": "a b"}, "organizer_id"),
        ({"name": "x", "organizer_id": "red\n"}, "organizer_id"),
        ([], "data"),
    ],
)
async def test_what_is_not_valid_is_told_and_makes_no_key(service: RunningService, body: Any, where: str) -> None:
    """A body that does not fit is a 400 problem whose errors name the place."""
    before = await listed(service)
    answer = await make(service, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert where in answer.json()["errors"][0]
    assert await listed(service) == before


@pytest.mark.parametrize(
    "key_id", ["c2941cab-471c-4a50-89b5-93f8a54a6608", "x", "00000000-0000-0000-0000-000000000000"]
)
async def test_an_unknown_key_is_404(service: RunningService, key_id: str) -> None:
    """There is nothing to take back."""
    answer = await delete(service, key_id)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("content", [b"", b"{", b'{"name": "x"}', b"x" * 70_000])
async def test_no_key_no_answer(service: RunningService, content: bytes) -> None:
    """Without a known key every call is 401, before anything of the body is looked at."""
    for method, path in [("GET", KEYS), ("POST", KEYS), ("DELETE", f"{KEYS}/{uuid4()}")]:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = await service.client.request(method, path, content=content, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), (method, path)


async def test_wrong_keys_from_this_machine_are_401(service: RunningService) -> None:
    """However many there are: a key is never refused for the sake of others, nor 401 told as something else."""
    for number in range(3 * service.settings.failed_keys_per_minute):
        answer = await service.ask(KEYS, f"wrong-{number}")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    made = (await make(service, {"name": "never seen before"})).json()
    assert (await service.ask(KEYS, made["key"])).status_code == 200


async def test_wrong_keys_from_elsewhere_have_to_wait(service: RunningService) -> None:
    """Through a proxy they are 429 with Retry-After after a while, and so is a key not seen before; known ones work."""

    async def ask(key: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": "203.0.113.7"}
        return await service.client.get(KEYS, headers=headers)

    allowed = service.settings.failed_keys_per_minute
    known, unknown = [(await make(service, {"name": name})).json()["key"] for name in ("known", "not yet known")]
    assert (await ask(known)).status_code == 200
    answers = [await ask(f"wrong-{number}") for number in range(allowed + 1)]
    assert [answer.status_code for answer in answers] == [401] * allowed + [429]
    refused = await ask(unknown)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert (await ask(known)).status_code == 200
    assert (await service.ask(KEYS, unknown)).status_code == 200


async def test_with_a_key_in_the_settings_every_other_can_go(service: RunningService) -> None:
    """PLAYHEAD_ADMIN_KEY is a way in, so the last platform key of the database is deleted like any other."""
    await make(service, {"name": "last"})
    for item in await listed(service):
        assert (await delete(service, item["id"])).status_code == 204
    assert await listed(service) == []
    assert (await service.ask(KEYS)).status_code == 200


async def test_the_last_platform_key_stays(empty_store: ClientStore, service: RunningService) -> None:
    """Without PLAYHEAD_ADMIN_KEY deleting it is a conflict, while an organizer's key, or another's, may go."""
    keys = Keys(empty_store, "")
    for key in await keys.fetch_all():
        await Keys(empty_store, ADMIN_KEY).delete(key.id)
    assert await keys.make_first_key()
    [first] = await keys.fetch_all()
    organizers = await keys.make("red's", "red")
    with pytest.raises(ConflictError):
        await keys.delete(first.id)
    await keys.delete(organizers.id)
    second = await keys.make("second", "")
    outcomes = await asyncio.gather(keys.delete(first.id), keys.delete(second.id), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), ConflictError]
    assert [key.id for key in await keys.fetch_all()] == [second.id]


async def test_the_conflict_is_told(store: ClientStore, embedded_settings: Settings) -> None:
    """The call for the last platform key is a 409 problem."""
    key = await Keys(store, ADMIN_KEY).make("the way in", "")
    for other in await Keys(store, ADMIN_KEY).fetch_all():
        if other.id != key.id:
            await Keys(store, ADMIN_KEY).delete(other.id)
    async with run_service(msgspec.structs.replace(embedded_settings, admin_key=""), store) as running:
        answer = await delete(running, key.id, key.key)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert (await running.ask(KEYS, key.key)).status_code == 200
