"""An ingest application over a store in memory, with a clock that stands still."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache

import httpx
import pytest

from playhead.ingest.enrich import Enricher
from playhead.ingest.routes import IngestApp, create_ingest
from playhead.settings import Settings
from tests.unit.ingest.fake_store import FakeStore

NOW = 1_790_000_000_000
"""A Monday in September 2026, 14:13:20 UTC."""


class Service:
    """A running ingest application, its store, and a client that talks to it."""

    def __init__(self, app: IngestApp, store: FakeStore, client: httpx.AsyncClient) -> None:
        self.app = app
        self.store = store
        self.client = client

    async def post(self, path: str = "/analytics/events", **request: object) -> httpx.Response:
        """Post to the application."""
        return await self.client.post(path, **request)  # type: ignore[arg-type]


Open = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as the service does."""
    return "asyncio"


@pytest.fixture(autouse=True)
def one_enricher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the tables of countries and agents once, not for every service."""
    monkeypatch.setattr("playhead.ingest.routes.Enricher", _enricher)


@cache
def _enricher(settings: Settings) -> Enricher:
    return Enricher(settings)


@pytest.fixture
def store() -> FakeStore:
    """Return an empty store."""
    return FakeStore()


@pytest.fixture
def open_service(store: FakeStore) -> Open:
    """Return what opens a service with the given settings; it is stopped, and so flushed, at the end."""

    @asynccontextmanager
    async def _open(known_streams: frozenset[str] = frozenset(), **settings: object) -> AsyncIterator[Service]:
        async def is_known(stream_id: str) -> bool:
            await asyncio.sleep(0)
            return stream_id in known_streams

        all_settings = Settings(**{"flush_interval_ms": 1, "spool": False} | settings)  # type: ignore[arg-type]
        app = create_ingest(all_settings, store, is_known_stream=is_known, clock=lambda: NOW)
        await app.start()
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            try:
                yield Service(app, store, client)
            finally:
                await app.stop()

    return _open


@pytest.fixture
async def service(open_service: Open) -> AsyncIterator[Service]:
    """Return a service with the default settings."""
    async with open_service() as opened:
        yield opened
