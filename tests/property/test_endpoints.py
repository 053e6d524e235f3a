"""Every call about analytics against the oracle, over worlds of many days, as the outside sees it, on both engines."""

import asyncio
import pprint
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from playhead.ops.auth import Keys
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.marts import build_marts
from tests.oracle.sessions import fold_sessions
from tests.property import endpoints, session_endpoints
from tests.property.asking import PLACED_ON, Asking, Differences, WrongStatusError
from tests.property.placement import PlacedWorld, Places, deliver
from tests.property.wide_worlds import DAYS_APART, Asked, Told, told
from tests.service import ADMIN_KEY, RunningService, run_service
from tests.stored_sessions import to_row
from tests.stores import insert_events

pytestmark = [pytest.mark.anyio, pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

FIRST_DAY = 11_323
"""2001-01-01: marts answer for days that are over, and there is room for many worlds before today."""
WORLDS_AT_ONCE = 8
EXAMPLES = 4
COMPARISONS: Mapping[str, Callable[[Asking], Awaitable[Differences]]] = {
    "streams": endpoints.compare_streams,
    "summary": endpoints.compare_summary,
    "one stream": endpoints.compare_stream,
    "timeseries": endpoints.compare_timeseries,
    "concurrency": endpoints.compare_concurrency,
    "breakdown": endpoints.compare_breakdown,
    "sessions of a stream": session_endpoints.compare_sessions,
    "one session": session_endpoints.compare_session,
}

_places = Places(FIRST_DAY, DAYS_APART)


@pytest.fixture(scope="module")
async def service(store: ClientStore, embedded_settings: Settings) -> AsyncIterator[RunningService]:
    """Give a service."""
    async with run_service(msgspec.structs.replace(embedded_settings, admin_key=ADMIN_KEY), store) as running:
        yield running


# Without shrinking, since every smaller example would cost as much again.
@hypothesis.settings(max_examples=EXAMPLES, phases=[hypothesis.Phase.generate])
@hypothesis.given(
    every=st.lists(told(), min_size=WORLDS_AT_ONCE, max_size=WORLDS_AT_ONCE),
    seed=st.integers(0, 2**32 - 1),
    builds_after=st.sampled_from([(), (0,), (), (2,), (), (0, 1)]),
)
async def test_every_answer_is_the_oracles(
    service: RunningService,
    store: ClientStore,
    every: list[Told],
    seed: int,
    builds_after: Collection[int],
) -> None:
    """Every figure of every call is the oracle's, whether it comes from sessions, from marts or from both."""
    hypothesis.assume(any(one.world != every[0].world for one in every))  # The first example is the simplest, always.
    chance = random.Random(seed)
    placed = [_places.place(one.world) for one in every]
    moving = chance.sample(placed, k=len(placed) // 2)
    for world in placed:
        await register(service, world, "elsewhere" if world in moving else "")
    parts = deliver([event for world in placed for event in world.events], chance, batches=2)
    for number, part in enumerate(parts):
        await insert_events(store, [to_row(event) for event in part])
        await service.refresh()
        if number in builds_after:
            await build_marts(store)
        if number == 0:
            await asyncio.gather(*(register(service, world) for world in moving))
    for world, one in zip(placed, every, strict=True):
        key = await key_of(service, world, one.asked)
        wrong = await wrong_answers(Asking(service, world, fold_sessions(world.events), one.asked, key))
        assert not wrong, told_of(wrong, world, one.asked, builds_after)


async def key_of(service: RunningService, world: PlacedWorld, asked: Asked) -> str:
    """Return the key by which the question is asked: the platform's, or one of the organizer's whose answer it is."""
    organizer_id = world.question(asked.question).organizer_id
    if not (asked.is_asked_by_key and organizer_id):
        return ADMIN_KEY
    return (await Keys(service.store, ADMIN_KEY).make(world.name, organizer_id)).key


async def wrong_answers(asking: Asking) -> dict[str, Any]:
    """Return the calls whose answers are not the oracle's, and in what."""
    answers = await asyncio.gather(*(differences(compare, asking) for compare in COMPARISONS.values()))
    return {name: wrong for name, wrong in zip(COMPARISONS, answers, strict=True) if wrong}


def told_of(wrong: Mapping[str, Differences], world: PlacedWorld, asked: Asked, builds_after: Collection[int]) -> str:
    """Return the text of a failure: what was answered where something else was expected, and to which question."""
    lines = [f"{world.name} at {world.base_ms}, marts built after {builds_after}: (answered, expected)", str(asked)]
    lines += [f"{call}\n{pprint.pformat(found, width=120)}" for call, found in wrong.items()]
    return "\n".join(lines)


async def differences(compare: Callable[[Asking], Awaitable[Differences]], asking: Asking) -> Differences:
    """Return what `compare` finds, or the answer that was none."""
    try:
        return await compare(asking)
    except WrongStatusError as error:
        return {"status": str(error)}


async def register(service: RunningService, world: PlacedWorld, instead: str = "") -> None:
    """Put the world's streams under their organizers, or all of them under another."""
    for stream, organizer in world.organizers.items():
        provider = PLACED_ON.get(stream.removeprefix(world.stream("")))
        entry = {
            "title": f"Title of {stream}",
            "organizer_id": instead or organizer,
            "live": False,
            "providers": [{"provider": provider, "ref": {"video_id": "v"}}] if provider else [],
        }
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        response = await service.client.put(f"/admin/streams/{stream}", json=entry, headers=headers)
        assert response.status_code in {200, 201}, response.text
