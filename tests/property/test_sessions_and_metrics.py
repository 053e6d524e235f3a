"""The SQL against the oracle: any world, split, shuffled, repeated and sent again at will, gives its figures."""

import dataclasses
import itertools
import random
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from playhead.store.clients import ClientStore
from tests.oracle.metrics import Question, metrics, metrics_by_stream
from tests.oracle.model import OracleEvent
from tests.oracle.sessions import OracleSession, fold_sessions
from tests.property.strategies import DAY_MS, World, questions, worlds
from tests.stored_sessions import (
    ask_streams,
    ask_summary,
    metric_differences,
    read_sessions,
    session_differences,
    store_batches,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FIRST_MIDNIGHT = 1_790_000_000_000 // DAY_MS * DAY_MS
DAYS_APART = 6
"""Far enough that no question about one world sees another."""
WORLDS_AT_ONCE = 6

_world_numbers = itertools.count()


@dataclasses.dataclass(frozen=True)
class PlacedWorld:
    """A world under names and at a time of its own, with the questions asked of it."""

    name: str
    base_ms: int
    events: tuple[OracleEvent, ...]
    organizers: dict[str, str]
    questions: tuple[Question, ...]


def place(world: World, asked: Sequence[Question]) -> PlacedWorld:
    """Return the world moved to where no other is, since all share one database."""
    number = next(_world_numbers)
    name, base_ms = f"world{number}", FIRST_MIDNIGHT + number * DAYS_APART * DAY_MS
    events = tuple(
        dataclasses.replace(
            event,
            stream_id=f"{name}-{event.stream_id}",
            session_id=str(uuid5(NAMESPACE_OID, f"{name}/{event.session_id}")),
        )
        for event in world.at(base_ms).events
    )
    organizers = {f"{name}-{stream}": f"{name}-{organizer}" for stream, organizer in world.organizers.items()}
    moved = tuple(
        dataclasses.replace(
            question,
            from_ms=question.from_ms + base_ms,
            to_ms=question.to_ms + base_ms,
            stream_id=question.stream_id and f"{name}-{question.stream_id}",
            organizer_id=question.organizer_id and f"{name}-{question.organizer_id}",
            organizers=organizers,
        )
        for question in asked
    )
    return PlacedWorld(name, base_ms, events, organizers, moved)


def deliver(events: Sequence[OracleEvent], chance: random.Random) -> list[list[OracleEvent]]:
    """Return the events in a few batches, in any order, some of them more than once, and at last some again."""
    parts: list[list[OracleEvent]] = [[] for _ in range(3)]
    for event in [*events, *chance.choices(events, k=len(events) // 3)]:
        chance.choice(parts).append(event)
    for part in parts:
        chance.shuffle(part)
    return [*parts, chance.sample(events, k=len(events) // 2)]


@hypothesis.settings(max_examples=8)
@hypothesis.given(
    told=st.lists(
        st.tuples(worlds(), st.lists(questions(), min_size=1, max_size=3)),
        min_size=WORLDS_AT_ONCE,
        max_size=WORLDS_AT_ONCE,
    ),
    chance=st.randoms(use_true_random=False),
)
async def test_the_sql_agrees_with_the_oracle(
    store: ClientStore, told: list[tuple[World, list[Question]]], chance: random.Random
) -> None:
    """Every session's figures and every metric, by stream and over all, are the oracle's."""
    placed = [place(world, asked) for world, asked in told]
    registry = [[stream, organizer] for world in placed for stream, organizer in world.organizers.items()]
    await store.insert("streams", ["stream_id", "organizer_id"], msgspec.json.Encoder().encode_lines(registry))
    await store_batches(store, deliver([event for world in placed for event in world.events], chance))
    stored = await read_sessions(store, {event.stream_id for world in placed for event in world.events})
    for world in placed:
        expected = fold_sessions(world.events)
        wrong: dict[Any, Any] = {
            session.session_id: differences
            for session in expected
            if (differences := session_differences(stored[session.stream_id, session.session_id], session))
        }
        assert wrong == {}
        for question in world.questions:
            assert await wrong_answers(store, expected, question) == {}, question


async def wrong_answers(store: ClientStore, sessions: list[OracleSession], question: Question) -> dict[str, Any]:
    """Return where the summary or the table of streams differs from the oracle, by stream."""
    expected = {"": metrics(sessions, question)} | metrics_by_stream(sessions, question)
    answers = {"": await ask_summary(store, question)} | await ask_streams(store, question)
    assert answers.keys() == expected.keys()
    pairs = {stream: metric_differences(answers[stream], expected[stream]) for stream in expected}
    return {stream: difference for stream, difference in pairs.items() if difference}
