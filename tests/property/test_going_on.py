"""A session that goes on from its row, piece by piece, is what it would be worked out whole from all its events."""

import random
import time
from collections.abc import Sequence
from uuid import uuid4

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from playhead.rollup.refresh import refresh_sessions
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.oracle.model import OracleEvent
from tests.property.placement import Places
from tests.property.strategies import DAY_MS, World, worlds
from tests.stored_sessions import to_row
from tests.stores import insert_events

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WORLDS_AT_ONCE = 8
NO_BATCH = "00000000-0000-0000-0000-000000000000"
FIRST_DAY = int(time.time() * 1000) // DAY_MS - 4
"""Rows are gone on from for a week; no session of a world lasts more than two days."""

_places = Places(FIRST_DAY, 0)

SCOPE_ALL = """
INSERT INTO refold_scope (batch_id, session_id, stream_id, days, inserted_rows, version)
SELECT {batch_id:UUID}, session_id, stream_id, groupUniqArrayArray(days), sum(inserted_rows), 1
FROM session_index GROUP BY session_id, stream_id
"""
DIFFERENCES = """
SELECT stream_id, toString(session_id) AS session_id, groupUniqArray(figures) AS versions
FROM (
    SELECT stream_id, session_id, toString(tuple(* EXCEPT (stream_id, session_id))) AS figures
    FROM (
        SELECT * EXCEPT (version, changed_from, changed_to) FROM sessions FINAL
        UNION ALL
        SELECT * EXCEPT (version, changed_from, changed_to)
        FROM session_fold(
            batch_id = {batch_id:UUID}, max_events = 20000, arrived_after = 0, arrived_until = 0, slice = 0, slices = 1
        )
    )
)
GROUP BY stream_id, session_id
HAVING count() != 2 OR uniqExact(figures) != 1
"""


class Difference(msgspec.Struct, frozen=True):
    """A session whose row is not what its events give, and both."""

    stream_id: str
    session_id: str
    versions: list[str]


def pieces(events: Sequence[OracleEvent], chance: random.Random) -> list[list[OracleEvent]]:
    """Return the events in their order, cut anywhere; now and then a piece comes late, or twice."""
    told = sorted(events, key=lambda event: (event.ts, event.seq))
    cuts = sorted(chance.sample(range(1, len(told)), min(len(told) - 1, chance.randint(0, 6))))
    cut = [told[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(told)], strict=True)]
    while len(cut) > 1 and chance.random() < 0.25:
        cut.insert(chance.randrange(len(cut)), cut.pop(chance.randrange(len(cut))))
    if chance.random() < 0.2:
        cut.insert(chance.randrange(len(cut)), chance.choice(cut))
    return cut


@hypothesis.settings(max_examples=6, phases=[hypothesis.Phase.generate])
@hypothesis.given(
    told=st.lists(worlds(), min_size=WORLDS_AT_ONCE, max_size=WORLDS_AT_ONCE),
    seed=st.integers(0, 2**32),
)
async def test_going_on_is_folding_whole(store: ClientStore, told: list[World], seed: int) -> None:
    """Whatever the cuts, and whatever comes late or twice, every column of every row is that of the whole refold."""
    chance = random.Random(seed)
    placed = [_places.place(world) for world in told]
    left = [pieces(events, chance) for world in placed for events in by_session(world.events)]
    while left:
        chance.shuffle(left)
        sent = [left[at].pop(0) for at in range(chance.randint(1, len(left)))]
        left = [rest for rest in left if rest]
        await insert_events(store, [to_row(event) for piece in sent for event in piece])
        if chance.random() < 0.7:
            await refresh_sessions(store, Settings())
    await refresh_sessions(store, Settings())
    batch = {"batch_id": str(uuid4())}
    await store.execute(SCOPE_ALL, batch)
    assert await store.fetch(DIFFERENCES, Difference, batch) == []


def by_session(events: Sequence[OracleEvent]) -> list[list[OracleEvent]]:
    """Return the events of each session."""
    sessions: dict[tuple[str, str], list[OracleEvent]] = {}
    for event in events:
        sessions.setdefault((event.stream_id, event.session_id), []).append(event)
    return list(sessions.values())
