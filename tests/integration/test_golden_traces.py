"""The golden traces of tests/golden through the real tables and views, on both engines."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from playhead.store.clients import ClientStore
from tests.golden_traces import DAY_MS, golden_paths, load_golden_trace
from tests.stored_sessions import agree, ask_summary, metric_differences, read_sessions, store_batches

pytestmark = pytest.mark.anyio

FIRST_MIDNIGHT = 1_790_000_000_000 // DAY_MS * DAY_MS
DAYS_APART = 5
"""Questions about all that is in a range must not see another file's sessions."""


@pytest.mark.parametrize("path", golden_paths(), ids=lambda path: path.stem)
async def test_golden_trace(store: ClientStore, path: Path) -> None:
    """The figures are those worked out by hand in the file."""
    base_ms = FIRST_MIDNIGHT + int(path.stem[:2]) * DAYS_APART * DAY_MS
    trace = load_golden_trace(path, base_ms)
    registry = [[stream, "", organizer] for stream, organizer in trace.organizers.items()]
    if registry:
        lines = msgspec.json.Encoder().encode_lines(registry)
        await store.insert("streams", ["stream_id", "title", "organizer_id"], lines)
    await store_batches(store, [batch.events for batch in trace.batches])
    assert await _wrong_sessions(store, trace.sessions) == {}
    for answer in trace.answers:
        got = await ask_summary(store, answer.question)
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
