"""The golden traces of tests/golden through the real tables and views, on both engines."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from playhead.store.clients import ClientStore
from tests.golden_traces import DAY_MS, GoldenTrace, golden_paths, load_golden_trace
from tests.stored_sessions import agree, ask_summary, metric_differences, read_sessions, store_batches

pytestmark = pytest.mark.anyio

FIRST_MIDNIGHT = 1_790_000_000_000 // DAY_MS * DAY_MS
DAYS_APART = 5
"""Questions about all that is in a range must not see another file's sessions."""


def load(path: Path) -> GoldenTrace:
    """Return the trace of a file, at the file's own place in time."""
    return load_golden_trace(path, FIRST_MIDNIGHT + int(path.stem[:2]) * DAYS_APART * DAY_MS)


@pytest.fixture(scope="module")
async def golden_store(store: ClientStore) -> ClientStore:
    """Give a store with the events and the registry of all files: first half of each, a refresh, then the rest."""
    traces = [load(path) for path in golden_paths()]
    registry = [[stream, organizer] for trace in traces for stream, organizer in trace.organizers.items()]
    await store.insert("streams", ["stream_id", "organizer_id"], msgspec.json.Encoder().encode_lines(registry))
    halves = [
        [event for trace in traces for batch in trace.batches[half::2] for event in batch.events] for half in (0, 1)
    ]
    await store_batches(store, halves)
    return store


@pytest.mark.parametrize("path", golden_paths(), ids=lambda path: path.stem)
async def test_golden_trace(golden_store: ClientStore, path: Path) -> None:
    """The figures are those worked out by hand in the file."""
    trace = load(path)
    assert await _wrong_sessions(golden_store, trace.sessions) == {}
    answered = await asyncio.gather(*(ask_summary(golden_store, answer.question) for answer in trace.answers))
    for answer, got in zip(trace.answers, answered, strict=True):
        assert metric_differences(got, dict(answer.metrics)) == {}, answer.question


async def _wrong_sessions(store: ClientStore, expected: Any) -> dict[str, Any]:
    stored = await read_sessions(store, {session.stream_id for session in expected})
    wrong = {}
    for session in expected:
        row = msgspec.structs.asdict(stored[session.stream_id, session.session_id])
        pairs = {name: (row[name], value) for name, value in session.figures.items() if name in row}
        pairs.pop("time_ms_by_state", None)
        if different := {name: pair for name, pair in pairs.items() if not agree(name, *pair)}:
            wrong[session.session_id] = different
    return wrong
