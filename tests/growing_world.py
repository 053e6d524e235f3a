"""One world whose events come in over three rounds: late, again, out of order, so that sessions change their day."""

import dataclasses
import random
import time
from collections.abc import Iterator
from uuid import NAMESPACE_OID, uuid5

from tests.oracle.model import OracleError, OracleEvent

DAY_MS = 86_400_000
DAYS = 5
"""The days on which something happens."""
STREAMS = ("a", "b", "c", "x")
ORGANIZERS = ({"a": "o1", "b": "o1", "c": "o2"}, {"a": "o1", "b": "o2", "c": "o2"})
"""Whose the streams are before and after b changes hands; x is nobody's."""
_SESSIONS = 60
_CLIENTS = 14
_LEADING = (("play", 0), ("playing", 800))
_STRETCHES = (
    (("heartbeat", 20_000), ("heartbeat", 30_000)),
    (("rebuffer_start", 4_000), ("rebuffer_end", 2_500)),
    (("pause", 9_000), ("playing", 70_000)),
    (("seek_start", 3_000), ("seek_end", 400)),
    (("error", 5_000),),
    (("heartbeat", 60_001), ("heartbeat", 10_000)),
)


@dataclasses.dataclass(frozen=True)
class GrowingWorld:
    """`rounds` of events, each with what came before it, in the order of receipt; `base_ms` is the first midnight."""

    base_ms: int
    rounds: tuple[tuple[OracleEvent, ...], ...]

    def until(self, last: int) -> list[OracleEvent]:
        """Return all events of the rounds up to and with `last`, counted from 0."""
        return [event for events in self.rounds[: last + 1] for event in events]


def growing_world(seed: int) -> GrowingWorld:
    """Return the world of `seed`, over whole days that are past."""
    chance = random.Random(seed)
    base_ms = (time.time_ns() // 1_000_000 // DAY_MS - DAYS - 2) * DAY_MS
    rounds: tuple[list[OracleEvent], ...] = ([], [], [])
    for number in range(_SESSIONS):
        events = list(_session(chance, number, base_ms))
        first_round = chance.choices((0, 1, 2), (70, 15, 15))[0]
        for event in events:
            is_late = first_round < 2 and chance.random() < 0.2
            rounds[first_round + is_late].append(event)
    rounds[1].extend(chance.sample(rounds[0], len(rounds[0]) // 3))
    # A copy of a smaller offset moves a whole session, for some to the day before.
    rounds[2].extend(_earlier(event, 3_600_000) for event in chance.sample(rounds[0], 12))
    lone = list(_lone_session(base_ms))
    rounds[0].extend(lone)
    rounds[2].append(_earlier(lone[0], 60_000))
    for events in rounds:
        chance.shuffle(events)
    return GrowingWorld(base_ms, tuple(tuple(events) for events in rounds))


def _session(chance: random.Random, number: int, base_ms: int) -> Iterator[OracleEvent]:
    begin_ms = chance.choice((chance.randrange((DAYS - 1) * DAY_MS), chance.randrange(1, DAYS) * DAY_MS - 30_000))
    first = OracleEvent(
        stream_id=chance.choice(STREAMS),
        session_id=str(uuid5(NAMESPACE_OID, f"growing/{number}")),
        client_id=f"c{chance.randrange(_CLIENTS)}",
        ts=base_ms + begin_ms,
        seq=0,
        type="play",
        received_ms=base_ms + DAYS * DAY_MS + number,
        offset_ms=0,
        bitrate_kbps=chance.choice((None, 1500, 4000)),
        visible=chance.choice((None, True, False)),
        provider=chance.choice(("hls", "dash", "bunny", "")),
        player_name=chance.choice(("hls.js", "")),
        country=chance.choice(("DE", "FR", "")),
        device=chance.choice(("desktop", "mobile", "tv", "bot")),
        os=chance.choice(("Linux", "")),
        browser=chance.choice(("Firefox", "Chrome")),
    )
    ts = first.ts
    stretches = [_LEADING, *chance.choices(_STRETCHES, k=chance.randrange(6))]
    for seq, (name, step_ms) in enumerate(step for stretch in stretches for step in stretch):
        ts += step_ms
        error = OracleError(chance.choice(("E1", "E2")), fatal=chance.random() < 0.3) if name == "error" else None
        yield dataclasses.replace(first, ts=ts, seq=seq, type=name, error=error)


def _lone_session(base_ms: int) -> Iterator[OracleEvent]:
    """Yield a session just after midnight, the only one of its stream and country."""
    for seq, name in enumerate(("play", "playing", "ended")):
        yield OracleEvent(
            stream_id="lone", session_id=str(uuid5(NAMESPACE_OID, "growing/lone")), client_id="lone",
            ts=base_ms + 2 * DAY_MS + 10_000 + 4_000 * seq, seq=seq, type=name, received_ms=base_ms + DAYS * DAY_MS,
            offset_ms=0, country="IS", device="desktop",
        )  # fmt: skip


def _earlier(event: OracleEvent, by_ms: int) -> OracleEvent:
    """Return a copy whose batch says that the client's clock is ahead by so much."""
    return dataclasses.replace(event, offset_ms=-by_ms)
