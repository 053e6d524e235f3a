"""Figures of a run."""

from playhead.simulate.report import AckTimes


def test_quantiles_are_within_two_percent() -> None:
    """Quantiles of 1..1000 ms by the sorted value at floor(q (n - 1)), within the width of a bin."""
    times = AckTimes()
    for ms in range(1, 1001):
        times.add(float(ms))
    for share in (0.5, 0.99, 1.0):
        told = times.quantile(share)
        assert told is not None
        assert abs(told / (int(share * 999) + 1) - 1) < 0.022


def test_without_requests_there_is_no_quantile() -> None:
    """None, never 0."""
    assert AckTimes().quantile(0.5) is None
