"""Unmodified hls.js in Chromium plays real HLS, and the admin API answers with what the page itself measured."""

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.e2e.viewers import Cinema
from tests.servers.service_process import ServiceProcess

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FRESH_WITHIN_S = 30
ASK_INTERVAL_S = 0.2
TOLERANCE_S = 0.5


class StreamRow(msgspec.Struct, frozen=True):
    """The figures of a stream that are compared."""

    stream_id: str
    provider: str
    sessions: int
    attempts: int
    plays: int
    viewers: int
    playing_time_s: float
    startup_ms_p50: float | None
    rebuffer_count: int | None
    error_rate: float | None
    avg_bitrate_kbps: float | None
    peak_concurrent: int
    first_event_at: int
    last_event_at: int


class StreamList(msgspec.Struct, frozen=True):
    """The answer of GET /admin/analytics/streams."""

    total: int
    items: list[StreamRow]
    freshness_s: float


async def read_row(service: ServiceProcess, stream_id: str, last_reports: list[str]) -> StreamRow:
    """Return the stream's row once it holds the last records of all its viewers; fails when that takes too long.

    The last record alone does not tell that the other viewers' are there: freshness_s does, since all were answered.
    """
    reported_at = time.time()
    latest = max(int(record.partition(",ts=")[2].partition(",")[0]) for record in last_reports)
    now = datetime.now(UTC)
    span = {"from": (now - timedelta(hours=1)).isoformat(), "to": (now + timedelta(hours=1)).isoformat()}
    async with asyncio.timeout(FRESH_WITHIN_S):
        while True:
            asked_at = time.time()
            answer = await asyncio.to_thread(service.admin, "/admin/analytics/streams", q=stream_id, **span)
            streams = msgspec.json.decode(answer.content, type=StreamList)
            for row in streams.items:
                if row.stream_id == stream_id and asked_at - streams.freshness_s >= reported_at:
                    assert row.last_event_at >= latest, "freshness_s promised what is not there"
                    return row
            await asyncio.sleep(ASK_INTERVAL_S)


async def test_the_api_says_what_the_page_measured(service: ServiceProcess, cinema: Cinema) -> None:
    """One viewer who pauses, jumps ahead and stays to the end is one play with just the time that was played."""
    async with cinema.open_viewer("one-viewer") as viewer:
        measured = await viewer.watch_to_the_end(pauseAt=6, pauseMs=3000, seekAt=10, seekTo=24)
        last_report = await viewer.wait_for_report("sta=e")
    row = await read_row(service, "one-viewer", [last_report])

    assert abs(measured.playing_s - measured.played_s) < TOLERANCE_S, "the page's own two measures disagree"
    assert row.playing_time_s == pytest.approx(measured.playing_s, abs=TOLERANCE_S)
    assert row.startup_ms_p50 == pytest.approx(measured.startup_ms, abs=100)
    assert (row.provider, row.sessions, row.attempts, row.plays, row.viewers) == ("hls", 1, 1, 1, 1)
    assert (row.rebuffer_count, row.error_rate, row.peak_concurrent) == (0, 0, 1)
    assert row.avg_bitrate_kbps is not None
    assert row.avg_bitrate_kbps > 0


async def test_three_viewers_at_once_are_a_peak_of_three(service: ServiceProcess, cinema: Cinema) -> None:
    """Pages that play at the same time are counted together: the peak is 3, not 1 and not the sum of anything."""
    async with AsyncExitStack() as pages:
        viewers = [await pages.enter_async_context(cinema.open_viewer("three-viewers")) for _ in range(3)]
        await asyncio.gather(*(viewer.watch_until(3) for viewer in viewers))
        measured = [await viewer.pause() for viewer in viewers]
        last_reports = [await viewer.wait_for_report("sta=a") for viewer in viewers]
    row = await read_row(service, "three-viewers", last_reports)

    assert (row.plays, row.viewers, row.peak_concurrent) == (3, 3, 3)
    assert row.playing_time_s == pytest.approx(sum(each.playing_s for each in measured), abs=3 * TOLERANCE_S)
