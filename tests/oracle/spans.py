"""Contract 4: when a session is active, and how many are at once. Spans are [start, end) in ms, half-open."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.oracle.fold import Step, rebuffer_runs

ACTIVE_STATES = frozenset({"starting", "playing", "rebuffering", "seeking"})
MAX_REBUFFER_ACTIVE_MS = 300_000

Span = tuple[int, int]


def active_spans(steps: Sequence[Step], skew_ms: int) -> tuple[Span, ...]:
    """Give the instants at which a session is active, as disjoint spans in order."""
    limits = {id(step): run[0].event.ts + MAX_REBUFFER_ACTIVE_MS for run in rebuffer_runs(steps) for step in run}
    spans = []
    for step in steps:
        if step.state in ACTIVE_STATES:
            end = step.event.ts + step.time_ms + 1
            spans.append((step.event.ts + skew_ms, min(end, limits.get(id(step), end)) + skew_ms))
    return _merged(span for span in spans if span[0] < span[1])


def clipped(spans: Iterable[Span], from_ms: int, to_ms: int) -> list[Span]:
    """Give the parts of `spans` inside [from_ms, to_ms)."""
    inside = [(max(start, from_ms), min(end, to_ms)) for start, end in spans]
    return [(start, end) for start, end in inside if start < end]


def peak(spans: Iterable[Span]) -> tuple[int, int | None]:
    """Give the largest number of spans over one instant and the first such instant; (0, None) without any."""
    change: Counter[int] = Counter()
    for start, end in spans:
        change[start] += 1
        change[end] -= 1
    now, highest, highest_at = 0, 0, None
    for at in sorted(change):
        now += change[at]
        if now > highest:
            highest, highest_at = now, at
    return highest, highest_at


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
