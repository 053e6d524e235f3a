"""`GET /metrics`: how the service does, for Prometheus, without a key (docs/operations.md)."""

import asyncio
import time
from collections.abc import Callable, Iterable

import msgspec
import structlog
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from playhead.errors import StoreError
from playhead.ops.metric_families import DatabaseFigures, IngestFigures, JobOutcome, all_families
from playhead.rollup.drift_checks import fetch_last_check
from playhead.rollup.refresh import read_refresh_state
from playhead.store.contract import Store
from playhead.store.sql_files import query

MEDIA_TYPE = "text/plain; version=0.0.4"
"""Of Prometheus' text format; the framework adds the charset."""

KEPT_S = 5.0
"""How long what the database said is told again: however often it is asked, the database is asked no more often."""

ANSWER_WITHIN_S = 5.0
"""A database that takes longer counts as down; Prometheus waits 10 s for everything."""

log = structlog.get_logger()

ReadIngest = Callable[[], IngestFigures]


class _Letters(msgspec.Struct, frozen=True):
    letters: int


class _Families(Collector):
    """Gives the registry what was put in."""

    def __init__(self) -> None:
        self.families: Iterable[Metric] = ()

    def collect(self) -> Iterable[Metric]:
        return self.families


class Metrics:
    """Renders the metrics of one application; `clock` gives seconds that only rise."""

    def __init__(
        self,
        store: Store,
        read_ingest: ReadIngest,
        *,
        clock: Callable[[], float] = time.monotonic,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        self._store = store
        self._read_ingest = read_ingest
        self._clock = clock
        self._answer_within_s = answer_within_s
        self._asking = asyncio.Lock()
        self._figures: DatabaseFigures | None = None
        self._asked_at = float("-inf")
        self._families = _Families()
        self._registry = CollectorRegistry()
        self._registry.register(self._families)
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    async def render(self) -> bytes:
        """Return everything in the text format; a database that does not answer is told, and raises nothing."""
        database = await self._ask_database()
        self._families.families = list(all_families(self._read_ingest(), database))
        return generate_latest(self._registry)

    async def _ask_database(self) -> DatabaseFigures | None:
        async with self._asking:
            if self._clock() - self._asked_at >= KEPT_S:
                self._figures = await self._fetch_in_time()
                self._asked_at = self._clock()
        return self._figures and _aged(self._figures, self._clock() - self._asked_at)

    async def _fetch_in_time(self) -> DatabaseFigures | None:
        try:
            async with asyncio.timeout(self._answer_within_s):
                return await self._fetch()
        except (StoreError, TimeoutError) as error:
            log.warning("metrics_without_database", error=str(error))
            return None

    async def _fetch(self) -> DatabaseFigures:
        state = await read_refresh_state(self._store)
        [dead] = await self._store.fetch(query("count_dead_letters"), _Letters)
        return DatabaseFigures(
            freshness_s=state.freshness_s,
            letters=dead.letters,
            jobs=await self._store.fetch(query("job_outcomes"), JobOutcome),
            drift=await fetch_last_check(self._store),
        )


def _aged(figures: DatabaseFigures, age_s: float) -> DatabaseFigures:
    """Return the figures with a freshness of now."""
    freshness_s = None if figures.freshness_s is None else figures.freshness_s + age_s
    return msgspec.structs.replace(figures, freshness_s=freshness_s)


@get(
    "/metrics",
    summary="How the service does, for Prometheus",
    tags=["health"],
    operation_id="get_metrics",
    media_type="text/plain",
    responses={200: ResponseSpec(str, generate_examples=False, media_type="text/plain", description="All metrics.")},
)
async def get_metrics(metrics: NamedDependency[Metrics]) -> Response[bytes]:
    """Return the metrics of this process and what the database says, in Prometheus' text format."""
    return Response(await metrics.render(), media_type=MEDIA_TYPE)
