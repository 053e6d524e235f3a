"""Token buckets: no more than the burst and the rate, for each key by itself, in bounded memory."""

import hypothesis
import pytest
from hypothesis import strategies as st

from playhead.buckets import TokenBuckets


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_bucket_runs_empty_and_fills_up() -> None:
    """Who has to wait is told how long, and nothing is taken."""
    clock = Clock()
    buckets = TokenBuckets(rate=2, burst=4, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0]
    assert (buckets.take("a"), buckets.take("a"), buckets.wait_s("a")) == (0.5, 0.5, 0.5)
    clock.now += 0.5
    assert buckets.wait_s("a") == 0
    assert (buckets.take("a"), buckets.take("a")) == (0, 0.5)


def test_each_key_has_its_own() -> None:
    """One that is empty hinders no other."""
    buckets = TokenBuckets(rate=1, burst=1, clock=Clock())
    assert (buckets.take("a"), buckets.take("b"), buckets.take("a") > 0) == (0, 0, True)


def test_more_than_a_bucket_is_taken_from_a_full_one() -> None:
    """It is paid off afterwards."""
    clock = Clock()
    buckets = TokenBuckets(rate=10, burst=10, clock=clock)
    assert buckets.take("a", 50) == 0
    assert buckets.take("a", 1) == pytest.approx(4.1)
    clock.now += 5
    assert buckets.take("a", 10) == 0


def test_memory_is_bounded() -> None:
    """Whatever number of keys there is; those asked for lately are not forgotten."""
    buckets = TokenBuckets(rate=1, burst=1, capacity=100, clock=Clock())
    for key in range(10_000):
        buckets.take(key)
        assert len(buckets) <= 100
        assert buckets.take(key) > 0


@hypothesis.given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 8)), max_size=60))
def test_no_run_takes_more_than_burst_and_rate(asked: list[tuple[float, int]]) -> None:
    """From any instant on."""
    clock = Clock()
    buckets = TokenBuckets(rate=2, burst=8, clock=clock)
    taken: list[tuple[float, int]] = []
    for pause_s, tokens in asked:
        clock.now += pause_s
        if not buckets.take("a", tokens):
            taken.append((clock.now, tokens))
    for at, (began, _) in enumerate(taken):
        for until in range(at, len(taken)):
            assert sum(tokens for _, tokens in taken[at : until + 1]) <= 8 + 2 * (taken[until][0] - began) + 1e-6
