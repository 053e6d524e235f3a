"""The benchmarks' history is what the simulator sends, many times over."""

import itertools
import statistics
from collections import Counter

import msgspec
import pytest

from benchmarks.history import DAY_MS, DAYS, Plan, last_midnight_ms, make_history
from benchmarks.templates import make_templates
from playhead.events import EventType
from playhead.rollup.refresh import refresh_sessions
from playhead.settings import Settings
from playhead.store.clients import ClientStore

SESSIONS = 200
PLAN = Plan(events=40_000, midnight_ms=last_midnight_ms(), templates=SESSIONS, streams=40)
READ_SESSIONS = """
SELECT toString(session_id) AS session_id, client_id, groupArray(ts) AS ts, groupArray(toInt8(type)) AS types
FROM (SELECT session_id, client_id, ts, type FROM playback_events FINAL ORDER BY session_id, ts, seq)
GROUP BY session_id, client_id
"""
COUNT_FOLDED = """
SELECT count() AS sessions, countIf(started_at < fromUnixTimestamp64Milli({from_ms:Int64})) AS early,
    countIf(last_at >= fromUnixTimestamp64Milli({to_ms:Int64})) AS late
FROM sessions FINAL
"""

pytestmark = pytest.mark.anyio


class Session(msgspec.Struct, frozen=True):
    """One session's distinct events, in order."""

    session_id: str
    client_id: str
    ts: list[int]
    types: list[int]


class Folded(msgspec.Struct, frozen=True):
    """How many sessions there are, and how many outside the days that were asked for."""

    sessions: int
    early: int
    late: int


class Looks(msgspec.Struct, frozen=True):
    """What traffic looks like: shares of the types, and quantiles of the time between neighbouring events."""

    events_per_session: float
    shares: dict[int, float]
    gaps_ms: list[float]


def look_at(sessions: list[tuple[list[int], list[int]]]) -> Looks:
    """Return the looks of sessions given as (ts, types)."""
    types = Counter(itertools.chain.from_iterable(types for _, types in sessions))
    gaps = [after - before for ts, _ in sessions for before, after in itertools.pairwise(ts)]
    return Looks(
        events_per_session=types.total() / len(sessions),
        shares={kind: types[kind] / types.total() for kind in EventType},
        gaps_ms=statistics.quantiles(gaps, n=10),
    )


async def test_a_history_looks_like_a_run_of_the_simulator_with_other_chance(store: ClientStore) -> None:
    """Events a session, shares of types and the spacing of events are those of sessions simulated anew."""
    made = await make_history(store, PLAN)
    while await refresh_sessions(store, Settings()):
        pass
    sessions = await store.fetch(READ_SESSIONS, Session)
    [folded] = await store.fetch(COUNT_FOLDED, Folded, {"from_ms": PLAN.from_ms - DAY_MS, "to_ms": PLAN.midnight_ms})

    fresh = []
    for template in make_templates(3 * SESSIONS, PLAN.streams, seed=2):
        events = sorted({(row.ts, row.seq, row.type) for row in template.rows})
        fresh.append(([ts for ts, _, _ in events], [kind for _, _, kind in events]))
    history, simulated = look_at([(session.ts, session.types) for session in sessions]), look_at(fresh)

    assert history.events_per_session == pytest.approx(simulated.events_per_session, rel=0.25)
    assert history.shares == pytest.approx(simulated.shares, abs=0.04)
    assert history.gaps_ms == pytest.approx(simulated.gaps_ms, rel=0.25, abs=30)
    assert (folded.sessions, folded.early, folded.late) == (made.sessions, 0, 0)
    assert made.events == sum(len(session.ts) for session in sessions)


async def test_every_visit_has_a_session_and_mostly_a_client_of_its_own(store: ClientStore) -> None:
    """Session ids are UUIDs of version 7 of their first event, some 15 % of the visits are by a client seen before."""
    sessions = await store.fetch(READ_SESSIONS, Session)
    assert len({session.session_id for session in sessions}) == len(sessions)
    for session in sessions:
        assert session.session_id[14] == "7"
        assert int(session.session_id.replace("-", "")[:12], 16) == session.ts[0]
    returning = 1 - len({session.client_id for session in sessions}) / len(sessions)
    assert 0.05 < returning < 0.2
    assert {session.ts[0] // DAY_MS for session in sessions} <= {
        *range(PLAN.midnight_ms // DAY_MS - DAYS - 1, PLAN.midnight_ms // DAY_MS + 1)
    }
