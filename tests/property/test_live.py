"""Who watches now, against the oracle: worlds of which one session ends about now, on both engines."""

import dataclasses
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from playhead.ops.auth import Keys
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.oracle.answers import live
from tests.oracle.metrics import Question
from tests.oracle.sessions import fold_sessions
from tests.property.placement import PlacedWorld, deliver, place
from tests.property.strategies import World, questions, worlds
from tests.service import ADMIN_KEY, RunningService, run_service
from tests.stored_sessions import to_row
from tests.stores import insert_events

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WORLDS_AT_ONCE = 8
AGES_MS = (-20_000, 5_000, 5_000, 40_000, 40_000, 70_000, 70_000, 100_000)
"""How long ago the last event of one of a world's sessions is; the rest lies around it."""


class Told:
    """A world, and what is asked of it. Of a dataclass hypothesis would print all, where an answer is wrong."""

    def __init__(self, world: World, question: Question, age_ms: int, *, has_own_key: bool) -> None:
        self.world = world
        self.question = question
        self.age_ms = age_ms
        self.has_own_key = has_own_key

    def __repr__(self) -> str:
        return f"Told({len(self.world.events)} events, {self.question}, {self.age_ms}, {self.has_own_key})"


@pytest.fixture(scope="module")
async def service(store: ClientStore, embedded_settings: Settings) -> AsyncIterator[RunningService]:
    """Give a service."""
    async with run_service(msgspec.structs.replace(embedded_settings, admin_key=ADMIN_KEY), store) as running:
        yield running


@hypothesis.settings(max_examples=4, phases=[hypothesis.Phase.generate])
@hypothesis.given(
    told=st.lists(
        st.builds(Told, worlds(), questions(), st.sampled_from(AGES_MS), has_own_key=st.booleans()),
        min_size=WORLDS_AT_ONCE,
        max_size=WORLDS_AT_ONCE,
    ),
    seed=st.integers(0, 2**32 - 1),
)
async def test_who_watches_now_is_the_oracles(
    service: RunningService, store: ClientStore, told: list[Told], seed: int
) -> None:
    """By stream, for every filter, of the platform and of an organizer; at the instant that the answer names."""
    now_ms = time.time_ns() // 1_000_000
    chance = random.Random(seed)
    placed = [ends_at(one.world, f"world{time.time_ns()}", now_ms - one.age_ms) for one in told]
    registry = [[stream, organizer] for world in placed for stream, organizer in world.organizers.items()]
    await store.insert("streams", ["stream_id", "organizer_id"], msgspec.json.Encoder().encode_lines(registry))
    for part in deliver([event for world in placed for event in world.events], chance):
        await insert_events(store, [to_row(event) for event in part])
        await service.refresh()
    for world, one in zip(placed, told, strict=True):
        question = world.question(one.question)
        answer = await ask(service, question, has_own_key=one.has_own_key)
        expected = live(fold_sessions(world.events), question_of_all_streams(question), answer["at"])
        of_world = [row for row in answer["streams"] if row["stream_id"].startswith(world.stream(""))]
        assert {row["stream_id"]: row["concurrent"] for row in of_world} == expected, question
        assert {row["organizer_id"] for row in of_world} <= {*world.organizers.values(), None}
        assert answer["concurrent"] == sum(row["concurrent"] for row in answer["streams"])


def ends_at(world: World, name: str, instant: int) -> PlacedWorld:
    """Return the world with the last event of one of its sessions, if possible an active one, at `instant`."""
    ends = {one.ended_at: any(end > one.ended_at for _, end in one.active_spans) for one in fold_sessions(world.events)}
    return place(world, name, instant - max(ends, key=lambda at: ends[at]))


def question_of_all_streams(question: Question) -> Question:
    """Return the question without its stream: the call is about all of them."""
    return dataclasses.replace(question, stream_id=None)


async def ask(service: RunningService, question: Question, *, has_own_key: bool) -> dict[str, Any]:
    """Return the answer, asked by a key of the organizer in question or with its id as a filter."""
    names = ("organizer_id", "provider", "country", "device")
    filters = {name: getattr(question, name) for name in names if getattr(question, name)}
    key = ADMIN_KEY
    if has_own_key and "organizer_id" in filters:
        key = (await Keys(service.store, ADMIN_KEY).make("organizer's", filters.pop("organizer_id"))).key
    bots = str(question.include_bots).lower()
    answer = await service.ask("/admin/analytics/live", key, include_bots=bots, **filters)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body
