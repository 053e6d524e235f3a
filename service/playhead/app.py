"""The composition root: everything is put together here, and nothing runs before `create_app` is called.

player --> /analytics/* --> ingest --> store --> rollup --> store --> serve --> /admin/*, which needs a key
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ASGIApp, Receive, Scope, Send

from playhead import __version__
from playhead.ingest.openapi import describe_ingest
from playhead.ingest.routes import IngestApp, create_ingest
from playhead.ops.admin import admin_router
from playhead.ops.auth import Keys
from playhead.ops.docs import OpenApiDocument, docs_router
from playhead.ops.door import Door
from playhead.ops.drift_routes import drift_router
from playhead.ops.health import get_liveness, get_readiness
from playhead.ops.ingest_routes import ingest_router
from playhead.ops.jobs.catalog import JOBS
from playhead.ops.jobs.runner import JobRunner
from playhead.ops.jobs.schedule import Scheduler, cron_triggers
from playhead.ops.jobs_routes import jobs_router
from playhead.ops.keys_routes import keys_router
from playhead.ops.metric_families import IngestFigures
from playhead.ops.metrics import Metrics, get_metrics
from playhead.ops.problems import EXCEPTION_HANDLERS
from playhead.ops.security import with_security_headers
from playhead.rollup.changed_days import note_lately_changed_days
from playhead.rollup.refresh import Refresher
from playhead.serve.registry import is_registered
from playhead.serve.registry_routes import registry_router
from playhead.serve.routes import analytics_router
from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.prepare import prepare

OnStart = Callable[[str | None], Awaitable[None]]


def create_app(
    settings: Settings,
    store: Store,
    on_start: OnStart | None = None,
    *,
    ingest_store: Store | None = None,
    is_first_worker: bool = True,
) -> "Service":
    """Return the ASGI application; its lifespan migrates the database and runs what is in the background.

    `ingest_store` is the same database for events alone, as a user who may do no more; else `store` is.
    `on_start` is told the first admin key when one was made, else None, once everything can be served.
    The stores stay the caller's to close. Of several workers the first alone refreshes and runs jobs by the clock.
    """
    keys = Keys(store, settings.admin_key)
    door = Door(keys, settings)
    ingest = create_ingest(
        settings, ingest_store or store, is_known_stream=lambda stream_id: is_registered(store, stream_id)
    )
    refresher = Refresher(store, settings, is_ingest_idle=lambda: ingest.is_idle)
    jobs = JobRunner(store, settings, JOBS)
    scheduler = Scheduler(jobs, cron_triggers(jobs, settings))

    def read_ingest() -> IngestFigures:
        return msgspec.convert(ingest, IngestFigures, from_attributes=True)

    metrics = Metrics(store, read_ingest)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await prepare(store, settings)
        await note_lately_changed_days(store)
        first_key = await keys.make_first_key()
        await ingest.start()
        if is_first_worker:
            refresher.start()
            scheduler.start()
        if on_start is not None:
            await on_start(first_key)
        try:
            yield
        finally:
            scheduler.stop()
            await ingest.stop()
            await jobs.stop()
            await refresher.stop()

    parts = {
        "settings": settings,
        "store": store,
        "keys": keys,
        "jobs": jobs,
        "scheduler": scheduler,
        "metrics": metrics,
        "read_ingest": read_ingest,
    }
    return Service(ingest, with_security_headers(_create_admin(door, parts, lifespan)))


def _create_admin(
    door: Door, parts: Mapping[str, object], lifespan: Callable[[Litestar], AbstractAsyncContextManager[None]]
) -> Litestar:
    """Return everything but ingest: the admin API, health, OpenAPI and its page; handlers ask for `parts` by name."""
    admin = admin_router(
        door, analytics_router(), registry_router(), keys_router(), jobs_router(), drift_router(), ingest_router()
    )
    return Litestar(
        route_handlers=[admin, get_liveness, get_readiness, get_metrics, docs_router()],
        dependencies={name: _provide(part) for name, part in parts.items()},
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=[lifespan],
        openapi_config=OpenAPIConfig(
            title="Playhead",
            version=__version__,
            description="Video-player analytics: events in without a key, exact figures out with one.",
            use_handler_docstrings=True,
            components=Components(security_schemes={"BearerKey": SecurityScheme(type="http", scheme="bearer")}),
            render_plugins=[OpenApiDocument(*describe_ingest())],
        ),
        logging_config=None,
    )


def _provide(part: object) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)


class Service:
    """The ASGI application: ingest beside the admin app, so that no guard of the one is on the way to the other.

    `shortcut` is for an HTTP server that can do without ASGI where a request is a usual one.
    """

    def __init__(self, ingest: IngestApp, admin: ASGIApp) -> None:
        self.shortcut = ingest.shortcut
        self._ingest = ingest
        self._admin = admin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the one or the other."""
        if scope["type"] == ScopeType.HTTP and scope["path"].startswith("/analytics/"):
            await self._ingest(scope, receive, send)
        else:
            await self._admin(scope, receive, send)
