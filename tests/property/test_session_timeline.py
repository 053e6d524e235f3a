"""A session's timeline against the oracle's fold and against its row: there is one fold, however it is asked."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from playhead.serve.session_answers import StateInterval
from playhead.serve.session_timeline import TimelineRow, fetch_timeline, state_intervals
from playhead.store.clients import ClientStore
from tests.oracle.copies import ordered_sessions
from tests.oracle.fold import Step, fold_steps
from tests.property.placement import PlacedWorld, deliver, place
from tests.property.strategies import DAY_MS, World, worlds
from tests.stored_sessions import read_sessions, store_batches

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FIRST_MIDNIGHT = 1_790_000_000_000 // DAY_MS * DAY_MS
WORLDS_AT_ONCE = 4
CARRIED = ("position_ms", "bitrate_kbps", "width", "height", "player_width", "player_height", "visible")

_names = (f"world{number}" for number in itertools.count())


@hypothesis.settings(max_examples=4)
@hypothesis.given(
    told=st.lists(worlds(), min_size=WORLDS_AT_ONCE, max_size=WORLDS_AT_ONCE),
    max_events=st.sampled_from((1000, 1000, 5)),
    chance=st.randoms(use_true_random=False),
)
async def test_the_timeline_agrees_with_the_oracle_and_the_row(
    store: ClientStore, told: list[World], max_events: int, chance: random.Random
) -> None:
    """Every event of every session has the oracle's state, and the intervals add up to the times of the row."""
    placed = [place(world, next(_names), FIRST_MIDNIGHT) for world in told]
    await store_batches(store, deliver([event for world in placed for event in world.events], chance))
    stored = await read_sessions(store, {event.stream_id for world in placed for event in world.events})
    for key, steps in expected_steps(placed):
        rows = await fetch_timeline(store, *key, max_events)
        assert [seen(row) for row in rows] == [told_of(step, stored[key].skew_ms) for step in steps[:max_events]]
        assert rows[-1].until_next_ms is None
        intervals = state_intervals(rows)
        check_intervals(intervals, rows)
        if len(steps) <= max_events:
            times = state_times(intervals)
            assert times == oracle_times(steps)
            assert {state: times.get(state, 0) for state in stored[key].time_ms_by_state} == stored[
                key
            ].time_ms_by_state


def expected_steps(placed: Sequence[PlacedWorld]) -> Iterator[tuple[tuple[str, str], tuple[Step, ...]]]:
    """Yield (stream, session) and the oracle's fold of each session."""
    for world in placed:
        for key, events in ordered_sessions(world.events).items():
            yield key, fold_steps(events)


def seen(row: TimelineRow) -> dict[str, Any]:
    """Return what the answer says of an event."""
    event = row.event()
    error = event.error and (event.error.code, event.error.fatal, event.error.business)
    told = {name: getattr(event, name) for name in ("at", "ts", "seq", "type", "state", "received_at", *CARRIED)}
    return told | {"error": error}


def told_of(step: Step, skew_ms: int) -> dict[str, Any]:
    """Return the same of the oracle's step."""
    event = step.event
    carried = {name: getattr(event, name) for name in CARRIED}
    carried |= {name: value or None for name, value in carried.items() if name not in {"visible", "position_ms"}}
    return {
        "at": event.ts + skew_ms,
        "ts": event.ts,
        "seq": event.seq,
        "type": event.type,
        "state": step.state,
        "received_at": event.received_ms,
        **carried,
        "error": event.error and (event.error.code, event.error.fatal, event.error.business),
    }


def state_times(intervals: Sequence[StateInterval]) -> dict[str, int]:
    """Return how long each state lasted, gaps left out."""
    times: Counter[str] = Counter()
    for interval in intervals:
        times[interval.state] += (interval.to - interval.from_) * interval.is_counted
    return dict(+times)


def oracle_times(steps: Sequence[Step]) -> dict[str, int]:
    """Return the same by the oracle."""
    times: Counter[str] = Counter()
    for step in steps:
        times[step.state] += step.time_ms
    return dict(+times)


def check_intervals(intervals: Sequence[StateInterval], rows: Sequence[TimelineRow]) -> None:
    """Check that intervals are in order, not empty, without holes between the first event and the last."""
    edges = [rows[0].at, *(edge for interval in intervals for edge in (interval.from_, interval.to)), rows[-1].at]
    assert edges[::2] == edges[1::2]
    assert all(interval.from_ < interval.to for interval in intervals)
    assert all(interval.is_counted == (interval.state != "gap") for interval in intervals)
