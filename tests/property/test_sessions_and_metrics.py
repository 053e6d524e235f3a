"""The SQL against the oracle: any world, split, shuffled, repeated and sent again at will, gives its figures."""

import random
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from playhead.store.clients import ClientStore
from tests.oracle.metrics import Question, metrics, metrics_by_stream
from tests.oracle.sessions import OracleSession, fold_sessions
from tests.property.placement import Places, deliver
from tests.property.strategies import World, questions, worlds
from tests.stored_sessions import (
    ask_streams,
    ask_summary,
    metric_differences,
    read_sessions,
    session_differences,
    store_batches,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FIRST_DAY = 20_717
DAYS_APART = 6
"""Far enough that no question about one world sees another."""
WORLDS_AT_ONCE = 6

_places = Places(FIRST_DAY, DAYS_APART)


@hypothesis.settings(max_examples=4)
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
    placed = [_places.place(world) for world, _ in told]
    registry = [[stream, organizer] for world in placed for stream, organizer in world.organizers.items()]
    await store.insert("streams", ["stream_id", "organizer_id"], msgspec.json.Encoder().encode_lines(registry))
    await store_batches(store, deliver([event for world in placed for event in world.events], chance))
    stored = await read_sessions(store, {event.stream_id for world in placed for event in world.events})
    for world, (_, asked) in zip(placed, told, strict=True):
        expected = fold_sessions(world.events)
        wrong: dict[Any, Any] = {
            session.session_id: differences
            for session in expected
            if (differences := session_differences(stored[session.stream_id, session.session_id], session))
        }
        assert wrong == {}
        for question in map(world.question, asked):
            assert await wrong_answers(store, expected, question) == {}, question


async def wrong_answers(store: ClientStore, sessions: list[OracleSession], question: Question) -> dict[str, Any]:
    """Return where the summary or the table of streams differs from the oracle, by stream."""
    expected = {"": metrics(sessions, question)} | metrics_by_stream(sessions, question)
    answers = {"": await ask_summary(store, question)} | await ask_streams(store, question)
    assert answers.keys() == expected.keys()
    pairs = {stream: metric_differences(answers[stream], expected[stream]) for stream in expected}
    return {stream: difference for stream, difference in pairs.items() if difference}
