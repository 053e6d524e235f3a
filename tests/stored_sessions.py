"""What the SQL made of events, by the oracle's names, so that the two can be compared figure by figure."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from playhead.events import EventRow
from playhead.rollup.refresh import refresh_sessions
from playhead.serve.queries import fetch_streams, fetch_summaries
from playhead.serve.questions import Page, View
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.oracle.metrics import Question
from tests.oracle.model import OracleEvent, row_fields
from tests.oracle.sessions import OracleSession
from tests.stores import insert_events

QUANTILES = frozenset({"startup_ms_p50", "startup_ms_p95"})
TOLERANCE = 1e-6
"""Of small fractions: scores are kept with nine digits."""

READ_SESSIONS = """
SELECT
    stream_id, toString(session_id) AS session_id, client_id, skew_ms,
    toUnixTimestamp64Milli(started_at) AS started_at, toUnixTimestamp64Milli(last_at) AS ended_at,
    playing_ms, playing_hidden_ms, startup_ms, can_report_rebuffering, bitrate_known_ms, bitrate_kbps_ms,
    rebuffer_episodes AS rebuffer_count, rebuffer_episodes_ms AS rebuffer_ms,
    arrayZip(span_starts_ms, span_ends_ms) AS active_spans,
    is_attempt, is_play, has_failure AS is_failure, has_business_error AS is_business_error,
    is_attempt AND has_error AS has_error, is_bot, qoe_score, error_codes,
    provider, player_name, country, if(device = 'unknown', '', device) AS device, os, browser,
    map('starting', starting_ms, 'playing', playing_ms, 'paused', paused_ms, 'rebuffering', rebuffering_ms,
        'seeking', seeking_ms) AS time_ms_by_state
FROM sessions FINAL
WHERE stream_id IN {streams:Array(String)}
"""


class StoredSession(msgspec.Struct, frozen=True):
    """A row of `sessions`, by the names of OracleSession."""

    stream_id: str
    session_id: str
    client_id: str
    skew_ms: int
    started_at: int
    ended_at: int
    playing_ms: int
    playing_hidden_ms: int
    startup_ms: int | None
    can_report_rebuffering: bool
    bitrate_known_ms: int
    bitrate_kbps_ms: int
    rebuffer_count: int
    rebuffer_ms: int
    active_spans: tuple[tuple[int, int], ...]
    is_attempt: bool
    is_play: bool
    is_failure: bool
    is_business_error: bool
    has_error: bool
    is_bot: bool
    qoe_score: float | None
    error_codes: tuple[str, ...]
    provider: str
    player_name: str
    country: str
    device: str
    os: str
    browser: str
    time_ms_by_state: dict[str, int]


def to_row(event: OracleEvent) -> EventRow:
    """Return an oracle's event as the row that ingest would insert."""
    return EventRow(**row_fields(event))  # type: ignore[arg-type]


async def store_batches(store: ClientStore, batches: Iterable[Sequence[OracleEvent]]) -> None:
    """Insert batches one by one, with a refresh after each, as a live service does."""
    for events in batches:
        if events:
            await insert_events(store, [to_row(event) for event in events])
        await refresh_sessions(store, Settings())


async def read_sessions(store: ClientStore, streams: Iterable[str]) -> dict[tuple[str, str], StoredSession]:
    """Return the newest rows of the streams' sessions by (stream, session)."""
    rows = await store.fetch(READ_SESSIONS, StoredSession, {"streams": sorted(streams)})
    return {(row.stream_id, row.session_id): row for row in rows}


def view_of(question: Question) -> View:
    """Return an oracle's question as the service asks it."""
    return View(
        from_ms=question.from_ms,
        to_ms=question.to_ms,
        include_bots=question.include_bots,
        stream_id=question.stream_id or "",
        organizer_id=question.organizer_id or "",
        provider=question.provider or "",
        country=question.country or "",
        device=question.device or "",
    )


async def ask_summary(store: ClientStore, question: Question) -> dict[str, Any]:
    """Return the metrics over all sessions in view."""
    _, summed, _ = await fetch_summaries(store, view_of(question))
    return msgspec.structs.asdict(summed)


async def ask_streams(store: ClientStore, question: Question) -> dict[str, dict[str, Any]]:
    """Return the metrics by stream."""
    _, _, rows = await fetch_streams(store, view_of(question), Page(limit=1000))
    return {row.stream_id: msgspec.structs.asdict(row) for row in rows}


def session_differences(stored: StoredSession, expected: OracleSession) -> dict[str, tuple[Any, Any]]:
    """Return (stored, expected) of every figure in which a session's row and the oracle's record differ."""
    names = [name for name in StoredSession.__struct_fields__ if name != "time_ms_by_state"]
    found = {name: (getattr(stored, name), getattr(expected, name)) for name in names}
    for state, ms in stored.time_ms_by_state.items():
        found[f"time in {state}"] = (ms, expected.time_ms_by_state.get(state, 0))
    return {name: pair for name, pair in found.items() if not agree(name, *pair)}


def metric_differences(answer: dict[str, Any], expected: Any) -> dict[str, tuple[Any, Any]]:
    """Return (answer, expected) of every metric in which they differ; `expected` is a record or a dict."""
    figures = expected if isinstance(expected, dict) else dataclasses.asdict(expected)
    found = {name: (answer[name], value) for name, value in figures.items()}
    return {name: pair for name, pair in found.items() if not agree(name, *pair)}


def agree(name: str, actual: Any, expected: Any) -> bool:
    """Tell whether two figures agree: quantiles to 1 % or 1 ms, other fractions to 1e-9, the rest exactly."""
    if actual is None or expected is None:
        return actual is expected
    if name in QUANTILES:
        return bool(abs(actual - expected) <= max(1, 0.01 * expected))
    if isinstance(expected, float):
        return math.isclose(actual, expected, rel_tol=1e-9, abs_tol=TOLERANCE)
    return bool(actual == expected)
