"""Nobody needs a key to send events, and nothing that asks for keys can come in the way."""

import time
import tomllib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.exceptions import PermissionDeniedException
from litestar.types import ASGIApp, Receive, Scope, Send

import playhead.app
from playhead.events import EventRow, EventType
from playhead.ops.auth import Keys
from playhead.settings import Settings
from tests.service import ADMIN_KEY, RunningService, run_service
from tests.stores import repository
from tests.unit.ingest.fake_store import FakeStore

pytestmark = pytest.mark.anyio

TS = int(time.time() * 1000)
SESSION = "018f2f9e-7c00-7000-8000-000000000001"
NATIVE = {
    "stream_id": "open",
    "client_id": "viewer",
    "session_id": SESSION,
    "sent_at": TS,
    "events": [{"type": "play", "ts": TS, "seq": 0}],
}
CMCD = f'cid="open",e=ps,sid="{SESSION}",sn=0,sta=s,ts={TS},v=2'
TELLS_WHO_ASKS = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Basic d3Jvbmc6d3Jvbmc="},
    {"Authorization": f"Bearer {ADMIN_KEY}"},
    {"Cookie": "session=expired; csrftoken=none"},
    {"X-CSRFToken": "none", "Cookie": "csrftoken=other"},
    {"X-API-Key": "wrong", "Proxy-Authorization": "Basic x"},
]


class _Admin:
    """The admin application with every guard shut: it starts and stops, and refuses, and notes, all else."""

    def __init__(self, admin: ASGIApp) -> None:
        self._admin = admin
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._admin(scope, receive, send)
            return
        self.paths.append(scope["path"])
        raise PermissionDeniedException


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> list[_Admin]:
    """Shut the admin side of every application that is created: all of its guards and middleware refuse."""
    made: list[_Admin] = []
    create_admin: Callable[..., Litestar] = playhead.app._create_admin

    def create_shut(*args: Any) -> _Admin:
        made.append(_Admin(create_admin(*args)))
        return made[-1]

    async def refuse(*_: object) -> None:
        raise AssertionError("ingest asked for a key")

    monkeypatch.setattr(playhead.app, "_create_admin", create_shut)
    monkeypatch.setattr(Keys, "identify", refuse)
    return made


@pytest.fixture
def store() -> FakeStore:
    """Give a store that takes events, and nothing the admin side would ask for."""
    return FakeStore()


@pytest.fixture
async def service(
    admin: list[_Admin], store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningService]:
    """Give a service whose admin side refuses everything."""
    for name in ("prepare", "note_lately_changed_days", "Refresher"):
        monkeypatch.setattr(playhead.app, name, _Idle)
    settings = Settings(admin_key=ADMIN_KEY, flush_interval_ms=1)
    async with run_service(settings, store) as running:
        yield running


class _Idle:
    """Stands for what works on a real database."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __await__(self) -> Any:
        yield from ()

    def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""


async def test_events_are_taken_while_every_admin_guard_refuses(
    service: RunningService, admin: list[_Admin], store: FakeStore
) -> None:
    """Both protocols store their events though nothing of the admin side lets anyone in."""
    native = await service.send(NATIVE)
    cmcd = await service.client.post("/analytics/cmcd", content=CMCD, headers={"Content-Type": "application/cmcd"})
    assert (native.status_code, native.json()["accepted"], cmcd.status_code) == (202, 1, 204)
    assert len(store.rows) == 2
    assert admin[0].paths == []


@pytest.mark.parametrize("path", ["/analytics/events", "/analytics/cmcd", "/analytics/", "/analytics/other"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"])
async def test_the_admin_side_never_sees_a_request_for_ingest(
    service: RunningService, admin: list[_Admin], method: str, path: str
) -> None:
    """No method of no path below /analytics/ reaches it, and none asks for a key."""
    answer = await service.client.request(method, path)
    assert admin[0].paths == []
    assert answer.status_code in {204, 400, 404, 405, 415}
    assert "www-authenticate" not in answer.headers


async def test_the_shut_admin_side_is_there(service: RunningService, admin: list[_Admin]) -> None:
    """The proof is one: what is not ingest does meet the refusing application."""
    answer = await service.ask("/admin/analytics/streams")
    assert (answer.status_code, admin[0].paths) == (500, ["/admin/analytics/streams"])


@pytest.mark.parametrize("headers", TELLS_WHO_ASKS)
async def test_who_sends_changes_nothing(service: RunningService, store: FakeStore, headers: dict[str, str]) -> None:
    """A key or cookie, good, wrong or expired, changes neither the answer nor what is stored."""
    answer = await service.send(NATIVE, headers)
    told = answer.json() | {"server_time": 0}
    assert (answer.status_code, told) == (
        202,
        {"accepted": 1, "rejected": [], "session_id": SESSION, "server_time": 0},
    )
    assert "set-cookie" not in answer.headers
    [row] = store.rows
    row.received_ms, row.sent_offset_ms = 0, 0
    assert row == EventRow(
        stream_id="open",
        client_id="viewer",
        session_id=SESSION,
        ts=TS,
        seq=0,
        type=EventType.play,
        received_ms=0,
        sent_offset_ms=0,
        device="unknown",
    )


@pytest.mark.parametrize("path", ["/analytics/events", "/analytics/cmcd"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_nothing_can_be_read(service: RunningService, method: str, path: str) -> None:
    """Ingest takes and gives nothing back: every method but POST and OPTIONS is a 405 that says so."""
    await service.send(NATIVE)
    answer = await service.client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert "viewer" not in answer.text


async def test_the_answer_to_one_client_tells_nothing_of_another(service: RunningService) -> None:
    """The answer for a client without a session is of its own making, whoever else watches the stream."""
    await service.send(NATIVE)
    other = NATIVE | {"client_id": "other", "session_id": None}
    answer = await service.send(other)
    assert set(answer.json()) == {"accepted", "rejected", "session_id", "server_time"}
    assert answer.json()["session_id"] != SESSION


def test_imports_keep_it_so() -> None:
    """The linter of imports forbids ingest the module of keys, and both sides to know each other."""
    project = tomllib.loads((repository() / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    forbidden = [
        contract["forbidden_modules"]
        for contract in contracts
        if contract["type"] == "forbidden" and contract["source_modules"] == ["playhead.ingest"]
    ]
    apart = [set(contract["modules"]) for contract in contracts if contract["type"] == "independence"]
    assert ["playhead.ops.auth"] in forbidden
    assert {"playhead.ingest", "playhead.serve"} in apart
