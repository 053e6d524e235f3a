"""Every golden trace, worked out by hand, against the oracle."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.golden_traces import DAY_MS, differences, golden_paths, load_golden_trace
from tests.oracle.metrics import metrics, metrics_by_stream
from tests.oracle.sessions import OracleSession, fold_sessions

T = 20_000 * DAY_MS


@pytest.mark.parametrize("path", golden_paths(), ids=lambda path: path.stem)
def test_the_oracle_gives_what_was_worked_out_by_hand(path: Path) -> None:
    """Sessions and metrics of a golden trace are those of its comments."""
    trace = load_golden_trace(path, T)
    sessions = fold_sessions(trace.events)
    by_key = {(session.stream_id, session.session_id): session for session in sessions}
    for golden in trace.sessions:
        assert differences(record(by_key[golden.stream_id, golden.session_id]), golden.figures) == {}
    for answer in trace.answers:
        assert differences(vars(metrics(sessions, answer.question)), answer.metrics) == {}, answer.question


@pytest.mark.parametrize("path", golden_paths(), ids=lambda path: path.stem)
def test_a_stream_alone_is_answered_as_among_all(path: Path) -> None:
    """The metrics by stream are those of a question for each stream."""
    trace = load_golden_trace(path, T)
    sessions = fold_sessions(trace.events)
    for answer in trace.answers:
        for stream_id, figures in metrics_by_stream(sessions, answer.question).items():
            alone = dataclasses.replace(answer.question, stream_id=stream_id)
            assert metrics(sessions, alone) == figures


def test_there_are_golden_traces() -> None:
    """Each of at least thirty files has a case, events and a question."""
    traces = [load_golden_trace(path) for path in golden_paths()]
    assert len(traces) >= 30
    assert all(trace.case and trace.events and trace.answers for trace in traces)
    assert len({trace.name.split("_")[0] for trace in traces}) == len(traces)


def record(session: OracleSession) -> dict[str, Any]:
    """Give the fields of `session`, and what follows from them, by name."""
    return vars(session) | {
        "rebuffer_count": session.rebuffer_count,
        "rebuffer_ms": session.rebuffer_ms,
        "is_bot": session.is_bot,
    }
