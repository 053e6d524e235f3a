"""The reader of golden traces."""

from pathlib import Path

import pytest

from tests.golden_traces import DAY_MS, differences, load_golden_trace

LINES = """# a comment
{"case": "words", "registry": {"a": "o"}}
{"received_ms": 50, "sent_at": 40}

{"type": "play", "ts": 10}
{"type": "error", "ts": 20, "seq": 5, "error": {"code": "e", "fatal": true}}
{"received_ms": 60, "country": "SE"}
{"type": "quit", "ts": 30}
{"ask": {"organizer_id": "o", "range": [0, 9]}, "expect": {"peak_at": 10, "peak_concurrent": 1, "error_rate": "1/3"}}
{"session": "s", "expect": {"active_spans": [[10, 21]], "started_at": 10, "skew_ms": 10}}
"""


def test_every_instant_is_moved_by_the_base(tmp_path: Path) -> None:
    """Clocks, ranges, spans and instants move; offsets, counts and fractions do not."""
    path = tmp_path / "07_words.ndjson"
    path.write_text(LINES, encoding="utf-8")
    trace = load_golden_trace(path, DAY_MS)
    assert [(one.received_ms - DAY_MS, one.sent_at) for one in trace.batches] == [(50, DAY_MS + 40), (60, None)]
    assert [(one.ts - DAY_MS, one.seq, one.offset_ms) for one in trace.events] == [
        (10, 0, 10),
        (20, 5, 10),
        (30, 6, None),
    ]
    assert [one.country for one in trace.events] == ["", "", "SE"]
    assert trace.organizers == {"golden-07-a": "golden-07-o"}
    question = trace.answers[0].question
    assert (question.from_ms, question.to_ms, question.organizer_id) == (DAY_MS, DAY_MS + 9, "golden-07-o")
    assert trace.answers[0].metrics == {"peak_at": DAY_MS + 10, "peak_concurrent": 1, "error_rate": 1 / 3}
    spans = ((DAY_MS + 10, DAY_MS + 21),)
    assert trace.sessions[0].figures == {"active_spans": spans, "started_at": DAY_MS + 10, "skew_ms": 10}
    assert trace.sessions[0].session_id == trace.events[0].session_id


@pytest.mark.parametrize("line", ["{", "{}", '{"type": "play"}', '{"ask": {"colour": 1}, "expect": {}}'])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    """What cannot be read is refused with the file and the number of the line."""
    path = tmp_path / "01_bad.ndjson"
    path.write_text(f'{{"case": "words"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"01_bad\.ndjson:2"):
        load_golden_trace(path)


def test_figures_agree_to_six_places_and_null_agrees_with_null_alone() -> None:
    """A difference names both figures."""
    actual = {"a": 0.3333333, "b": None, "c": 0.0, "d": 1}
    assert differences(actual, {"a": 1 / 3, "b": None, "d": 1}) == {}
    assert differences(actual, {"a": 0.33, "b": 0.0, "c": None}) == {
        "a": (0.3333333, 0.33),
        "b": (None, 0.0),
        "c": (0.0, None),
    }
