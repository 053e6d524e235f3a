"""Peaks, quantiles, parts of the score, and groups, by small numbers."""

import math
from fractions import Fraction

import pytest

from tests.oracle.fold import Carried, fold_steps
from tests.oracle.metrics import Question, mean, metrics_by, metrics_by_stream, quantile, ratio
from tests.oracle.model import OracleEvent, row_fields
from tests.oracle.quality import quality_part, smoothness_part, startup_part, upscaling, weighted
from tests.oracle.sessions import fold_sessions
from tests.oracle.spans import clipped, peak


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], (0, None)),
        ([(0, 1)], (1, 0)),
        ([(0, 5), (5, 9)], (1, 0)),
        ([(0, 6), (5, 9)], (2, 5)),
        ([(3, 4), (0, 10), (7, 8)], (2, 3)),
        ([(0, 10), (0, 10), (0, 10)], (3, 0)),
    ],
)
def test_a_peak_is_the_most_at_once_and_its_first_instant(
    spans: list[tuple[int, int]], expected: tuple[int, int | None]
) -> None:
    """Spans are half-open, so one that ends where another starts is not with it."""
    assert peak(spans) == expected


def test_spans_are_clipped_to_a_range() -> None:
    """What lies outside is cut, what only touches it is gone."""
    assert clipped([(0, 10), (5, 15), (10, 12), (20, 30)], 10, 20) == [(10, 15), (10, 12)]


@pytest.mark.parametrize(
    ("n", "p50", "p95"), [(1, 0, 0), (2, 0, 0), (3, 1, 1), (20, 9, 18), (21, 10, 19), (22, 10, 19)]
)
def test_a_quantile_is_a_value_at_an_index(n: int, p50: int, p95: int) -> None:
    """Of 0 .. n - 1 the value is its own index, floor(q (n - 1))."""
    assert (quantile(range(n), Fraction(1, 2)), quantile(range(n), Fraction(95, 100))) == (p50, p95)


def test_nothing_has_no_quantile_mean_or_ratio() -> None:
    """What cannot be known is None."""
    assert (quantile([], Fraction(1, 2)), mean([]), ratio(0, 0)) == (None, None, None)


def test_parts_of_the_score() -> None:
    """Each part by its formula at points that are easily worked out."""
    assert (startup_part(None), startup_part(0), startup_part(8000)) == (None, 100.0, 50.0)
    assert smoothness_part(0, 0, 0) == 100.0
    assert smoothness_part(0, 0, 5000) == 100.0
    assert smoothness_part(2, 1000, 9000) == pytest.approx((100 / math.sqrt(2) + 100 / math.e) / 2)
    assert smoothness_part(2, 1000, 0) == pytest.approx((100 / math.sqrt(2) + 100) / 2)


def test_upscaling_is_by_the_smaller_ratio_above_one() -> None:
    """A player smaller than the video has 0; any unknown size makes it unknown."""
    assert upscaling(Carried(width=2, height=2, player_width=6, player_height=5)) == Fraction(3, 2)
    assert upscaling(Carried(width=4, height=4, player_width=2, player_height=9)) == 0
    assert upscaling(Carried(width=4, height=4, player_width=2)) is None


def test_quality_needs_playing_time() -> None:
    """Sizes known while nothing is played give no quality."""
    sized = {"width": 1, "height": 1, "player_width": 1, "player_height": 1}
    paused = fold_steps([played("pause", 0, **sized), played("quit", 10)])
    assert quality_part(paused) is None
    assert quality_part(fold_steps([played("playing", 0, **sized), played("quit", 10)])) == 100.0


def test_weights_are_rescaled_over_the_parts_known() -> None:
    """0.30, 0.45 and 0.25 of those known; of none there is no score."""
    assert weighted(100.0, 0.0, 0.0) == pytest.approx(30)
    assert weighted(100.0, None, 0.0) == pytest.approx(100 * 0.30 / 0.55)
    assert weighted(None, 70.0, None) == pytest.approx(70)
    assert weighted(None, None, None) is None


def test_groups_hold_sessions_that_started_or_were_active_in_the_range() -> None:
    """A group whose sessions are all elsewhere, or of bots, is not there."""
    sessions = fold_sessions(
        [
            played("playing", 0, stream_id="before"),
            played("playing", 50, stream_id="until"),
            played("quit", 100, stream_id="until"),
            played("heartbeat", 100, stream_id="in"),
            played("playing", 150, stream_id="bot", device="bot"),
            played("playing", 200, stream_id="after"),
        ]
    )
    question = Question(from_ms=100, to_ms=200)
    by_stream = metrics_by_stream(sessions, question)
    assert {name: (one.sessions, one.peak_concurrent) for name, one in by_stream.items()} == {
        "in": (1, 0),
        "until": (0, 1),
    }
    assert set(metrics_by(sessions, question, lambda session: session.device)) == {""}


def test_a_row_has_the_wires_codes() -> None:
    """Unknown counts are 0, types and visibility are numbers, an absent error is empty."""
    row = row_fields(played("quit", 7, offset_ms=-3, visible=False))
    expected = {"ts": 7, "type": 13, "sent_offset_ms": -3, "visible": 1, "width": 0, "error_code": ""}
    assert {name: row[name] for name in expected} == expected


def played(name: str, at: int, **fields: object) -> OracleEvent:
    """Give an event of type `name` at the client's ms `at`, of stream a unless `fields` say otherwise."""
    given = {"stream_id": "a", "session_id": "s", "client_id": "c", "received_ms": 0} | fields
    return OracleEvent(ts=at, seq=at, type=name, **given)  # type: ignore[arg-type]  # Any of its fields.
