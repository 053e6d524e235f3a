"""Distinct viewers and quantiles where there are many: what is promised of both, on both engines."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from playhead.serve.answers import SummedMetrics
from playhead.serve.queries import fetch_summaries
from playhead.serve.questions import View
from playhead.store.clients import ClientStore

FROM_MS = (time.time_ns() // 10**6 // 86_400_000 - 10) * 86_400_000
TO_MS = FROM_MS + 3 * 86_400_000

FILL_SESSIONS = """
INSERT INTO sessions (
    stream_id, session_id, version, start_week, last_week, started_at, last_at, client_id, is_attempt, is_play,
    startup_ms, span_starts_ms, span_ends_ms, country
)
SELECT
    {stream_id:String} AS stream_id,
    generateUUIDv4(number) AS session_id,
    1 AS version,
    toMonday(toDate(started_at)) AS start_week,
    toMonday(toDate(last_at)) AS last_week,
    fromUnixTimestamp64Milli(begin_ms, 'UTC') AS started_at,
    fromUnixTimestamp64Milli(begin_ms + 1000, 'UTC') AS last_at,
    concat('client-', toString(number % {viewers:UInt64})) AS client_id,
    TRUE AS is_attempt,
    TRUE AS is_play,
    toUInt64(exp(5 + 4 * (sipHash64(number, 'startup') % 1000000) / 1000000)) AS startup_ms,
    [begin_ms] AS span_starts_ms,
    [begin_ms + 1000] AS span_ends_ms,
    'DE' AS country
FROM (
    SELECT number, {from_ms:Int64} + toInt64(number * 7919 % (3 * 86400000 - 2000)) AS begin_ms
    FROM numbers({sessions:UInt64})
)
"""
READ_STARTUPS = """
SELECT arraySort(groupArray(assumeNotNull(startup_ms))) AS startups_ms
FROM sessions
WHERE stream_id = {stream_id:String}
"""

pytestmark = pytest.mark.anyio


class Startups(msgspec.Struct, frozen=True):
    """Every startup time, in order."""

    startups_ms: list[int]


def true_quantile(ordered: Sequence[int], share: float) -> int:
    """Return the value at floor(share (n - 1)), as the contract has it."""
    return ordered[int(share * (len(ordered) - 1))]


async def ask(store: ClientStore, **filters: Any) -> SummedMetrics:
    """Return the summary of the range."""
    _, told, _ = await fetch_summaries(store, View(from_ms=FROM_MS, to_ms=TO_MS, **filters))
    return told


@pytest.mark.parametrize(("viewers", "tolerance"), [(99_999, 0.0), (250_000, 0.01)])
async def test_many_viewers_and_their_startup_times(store: ClientStore, viewers: int, tolerance: float) -> None:
    """Viewers exactly up to 100 000 and within 1 % above, startup times within 1 %, with a filter and without."""
    stream_id, sessions = f"many-{viewers}", viewers + 20_000
    filled = {"stream_id": stream_id, "viewers": viewers, "sessions": sessions, "from_ms": FROM_MS}
    await store.execute(FILL_SESSIONS, filled)
    [startups] = await store.fetch(READ_STARTUPS, Startups, {"stream_id": stream_id})
    assert len(startups.startups_ms) == sessions

    for filters in ({}, {"country": "DE"}):
        told = await ask(store, stream_id=stream_id, **filters)
        assert told.sessions == sessions
        assert told.viewers == pytest.approx(viewers, rel=tolerance, abs=0)
        for share, answer in ((0.5, told.startup_ms_p50), (0.95, told.startup_ms_p95)):
            assert answer == pytest.approx(true_quantile(startups.startups_ms, share), rel=0.01)
