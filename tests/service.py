"""The whole service in the test's own process and loop, without a socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from playhead.app import create_app
from playhead.rollup.refresh import refresh_sessions
from playhead.settings import Settings
from playhead.store.contract import Store

ADMIN_KEY = "an-admin-key-for-tests"


class RunningService:
    """A started service; `client` sends requests to it, `refresh` brings the answers up to date at once."""

    def __init__(self, settings: Settings, store: Store, client: httpx.AsyncClient) -> None:
        self.settings = settings
        self.store = store
        self.client = client

    async def refresh(self) -> None:
        """Refold what changed, without waiting for the background's next round."""
        await refresh_sessions(self.store, self.settings)

    async def send(self, body: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
        """Post a native batch."""
        return await self.client.post("/analytics/events", json=body, headers=headers)

    async def ask(self, path: str, key: str = ADMIN_KEY, **parameters: Any) -> httpx.Response:
        """Get an admin path with a key."""
        return await self.client.get(path, params=parameters, headers={"Authorization": f"Bearer {key}"})


@asynccontextmanager
async def run_service(
    settings: Settings, store: Store, ingest_store: Store | None = None
) -> AsyncIterator[RunningService]:
    """Start the service on `store`, and stop it as a server would."""
    app = create_app(settings, store, ingest_store=ingest_store)
    async with _lifespan(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 50_000))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://playhead.test") as client:
            yield RunningService(settings, store, client)


@asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    """Speak the ASGI lifespan protocol: started on the way in, shut down on the way out."""
    to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    task = asyncio.create_task(
        app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, to_app.get, from_app.put)
    )
    await to_app.put({"type": "lifespan.startup"})
    started = await from_app.get()
    if started["type"] != "lifespan.startup.complete":
        raise RuntimeError(started.get("message", "the service did not start"))
    try:
        yield
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        await from_app.get()
        with contextlib.suppress(asyncio.CancelledError):
            await task
