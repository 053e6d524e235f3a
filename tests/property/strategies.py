"""Hypothesis strategies for what players may send: small worlds full of the values where rules change.

All times are relative to a base instant T = 0, a midnight UTC; `World.at` moves a world to another. Batches have
distinct received_ms, and no batch holds two copies of one event, so the contract always names the copy that counts.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.oracle.metrics import Question
from tests.oracle.model import EVENT_TYPES, OracleBatch, OracleError, OracleEvent, batch_offset_ms, shift_batch

DAY_MS = 86_400_000
STREAMS = ("a", "b", "x")
ORGANIZERS: Mapping[str, str] = {"a": "o1", "b": "o1"}
CLIENTS = ("c1", "c2", "c3")
SESSION_IDS = tuple(f"01900000-0000-7000-8000-00000000000{digit}" for digit in range(4))

STARTS_MS = (0, 0, 1, 500, 30_000, DAY_MS // 2, DAY_MS - 60_001, DAY_MS - 1000, DAY_MS - 1, DAY_MS)
STEPS_MS = (0, 0, 1, 100, 249, 250, 251, 999, 1000, 1001, 5000, 30_000, 59_999, 60_000, 60_001, 120_000)
OFFSETS_MS = (None, 0, 0, 1, -1, 700, 3_600_000, -7_200_000, DAY_MS, DAY_MS + 1, -DAY_MS, -DAY_MS - 1)
"""What received_at is later than sent_at; None is no sent_at, those beyond a day count as none."""

ERRORS = (
    OracleError("net"),
    OracleError("net", fatal=True),
    OracleError("geo", fatal=True, business=True),
    OracleError("geo", business=True),
)
OPENINGS: tuple[tuple[tuple[str, int], ...], ...] = (
    (("play", 0), ("playing", 1200)),
    (("play", 0), ("visibility", 10), ("playing", 990)),
    (("play", 0), ("pause", 400), ("play", 400), ("playing", 700)),
    (("playing", 0),),
    (("play", 0),),
    (),
)
STRETCHES: tuple[tuple[tuple[str, int], ...], ...] = (
    (("play", 0), ("playing", 1200)),
    (("rebuffer_start", 0), ("rebuffer_end", 249)),
    (("rebuffer_start", 0), ("rebuffer_end", 250)),
    (("rebuffer_start", 0), ("heartbeat", 125), ("rebuffer_end", 125)),
    (("rebuffer_start", 0), ("heartbeat", 1000), ("heartbeat", 60_001), ("rebuffer_end", 300)),
    (("rebuffer_start", 0), *(("heartbeat", 60_000),) * 5, ("rebuffer_end", 1)),
    (("rebuffer_start", 0), *(("heartbeat", 59_999),) * 5, ("rebuffer_end", 5)),
    (("rebuffer_start", 0), *(("heartbeat", 50_000),) * 7),
    (("seek_start", 0), ("seek_end", 800)),
    (("rebuffer_start", 0), ("seek_start", 300), ("seek_end", 300)),
    (("seek_start", 0), ("rebuffer_start", 10), ("rebuffer_end", 400), ("seek_end", 10)),
    (("pause", 0), ("playing", 2000)),
    (("heartbeat", 10_000), ("heartbeat", 60_000), ("heartbeat", 60_001)),
    (("quality_change", 5000), ("visibility", 5000), ("heartbeat", 5000)),
)
"""Runs of (type, ms since the event before): what players do."""
FRAGMENTS = (*STRETCHES, *(((name, 0),) for name in EVENT_TYPES))
"""The same, and each type alone, which they should not."""

FIELDS: tuple[Mapping[str, int | bool], ...] = (
    {},
    {},
    {},
    {"visible": False},
    {"visible": True},
    {"bitrate_kbps": 0},
    {"bitrate_kbps": 800},
    {"bitrate_kbps": 2_500},
    {"width": 640, "height": 360},
    {"width": 1920, "height": 1080, "bitrate_kbps": 6_000},
    {"player_width": 1280, "player_height": 720},
    {"player_width": 333, "height": 0},
    {"width": 426, "height": 240, "player_width": 1920, "player_height": 1080, "visible": True},
)
DIMENSIONS: tuple[Mapping[str, str], ...] = (
    {"provider": "hls", "device": "desktop", "country": "SE", "browser": "Firefox", "os": "Linux"},
    {"provider": "hls", "device": "desktop", "country": "SE", "player_name": "hls.js"},
    {"provider": "bunny", "device": "mobile", "country": "NO"},
    {"provider": "other", "device": "unknown"},
    {"device": "bot", "country": "US"},
    {},
)


@dataclass(frozen=True)
class Pace:
    """What sessions are made of: when they begin after T, what happens in them, and how far apart.

    Nothing begins later than `last_step_ms` after the begin; `first_received_ms` is after T, and late enough for all.
    """

    starts_ms: Sequence[int]
    fragments: Sequence[Sequence[tuple[str, int]]]
    steps_ms: Sequence[int]
    last_step_ms: int
    first_received_ms: int


WITHIN_A_DAY = Pace(STARTS_MS, FRAGMENTS, STEPS_MS, last_step_ms=DAY_MS, first_received_ms=2 * DAY_MS)


@dataclass(frozen=True)
class World:
    """What a service received, in the order of receipt, and which stream is which organizer's."""

    batches: tuple[OracleBatch, ...]
    organizers: Mapping[str, str]

    @property
    def events(self) -> tuple[OracleEvent, ...]:
        """Every received copy of every event."""
        return tuple(event for batch in self.batches for event in batch.events)

    def at(self, base_ms: int) -> "World":
        """Give this world with T = `base_ms`."""
        return World(tuple(shift_batch(batch, base_ms) for batch in self.batches), self.organizers)


@dataclass(frozen=True)
class _Delivery:
    """How one batch came: from where, and how much later than the client says it sent it."""

    offset_ms: int | None
    client_id: str
    dimensions: Mapping[str, str]


def worlds(max_sessions: int = 4) -> st.SearchStrategy[World]:
    """Give worlds of 1 to `max_sessions` sessions on up to three streams, some with one session_id on two streams."""
    keys = st.lists(
        st.tuples(st.sampled_from(STREAMS), st.sampled_from(SESSION_IDS)),
        min_size=1,
        max_size=max_sessions,
        unique=True,
    )
    told = keys.flatmap(lambda chosen: st.tuples(*(sessions(*key, at) for at, key in enumerate(chosen))))
    return told.map(lambda every: World(tuple(batch for one in every for batch in one), ORGANIZERS))


@st.composite
def sessions(
    draw: st.DrawFn,
    stream_id: str = STREAMS[0],
    session_id: str = SESSION_IDS[0],
    place: int = 0,
    pace: Pace = WITHIN_A_DAY,
) -> tuple[OracleBatch, ...]:
    """Give the batches of one session, cut anywhere, some of them again in copies that differ.

    Those of different `place` in a world share no received_ms.
    """
    told = draw(_stories(stream_id, session_id, pace))
    size = draw(st.integers(1, len(told)))
    parts = [told[at : at + size] for at in range(0, len(told), size)]
    for again in draw(st.lists(st.integers(0, len(parts) - 1), max_size=2)):
        parts.append([draw(_changed(event)) for event in parts[again]])
    return tuple(
        _delivered(part, draw(_deliveries()), pace.first_received_ms + 1000 * place + at)
        for at, part in enumerate(parts)
    )


def questions() -> st.SearchStrategy[Question]:
    """Give questions about a world at T = 0: ranges that cut through its sessions, filters, with bots and without."""
    edges = st.one_of(st.sampled_from((-DAY_MS, *STARTS_MS, 2 * DAY_MS, 3 * DAY_MS)), st.integers(0, 400_000))
    ranges = st.lists(edges, min_size=2, max_size=2, unique=True).map(sorted)
    return st.builds(
        lambda span, **asked: Question(from_ms=span[0], to_ms=span[1], organizers=ORGANIZERS, **asked),
        ranges,
        include_bots=st.booleans(),
        stream_id=st.sampled_from((None, None, *STREAMS)),
        organizer_id=st.sampled_from((None, None, "o1")),
        provider=st.sampled_from((None, None, "hls", "bunny")),
        country=st.sampled_from((None, None, None, "SE")),
        device=st.sampled_from((None, None, None, "desktop", "mobile")),
    )


@st.composite
def _stories(draw: st.DrawFn, stream_id: str, session_id: str, pace: Pace) -> list[OracleEvent]:
    ts = draw(st.sampled_from(pace.starts_ms)) + draw(st.sampled_from((0, 0, 1, 250, 60_000)))
    last = ts + pace.last_step_ms
    rank_of_seq = draw(st.sampled_from((1, 1, 1, -1, 0)))
    told: dict[tuple[int, int, str], OracleEvent] = {}
    opening = draw(st.sampled_from(OPENINGS))
    for fragment in [
        opening,
        *draw(st.lists(st.sampled_from(pace.fragments), min_size=0 if opening else 1, max_size=6)),
    ]:
        ts += draw(st.sampled_from([step for step in pace.steps_ms if not step or ts + step <= last]))
        fields = draw(st.sampled_from(FIELDS))
        error = draw(st.sampled_from(ERRORS))
        for name, step in fragment:
            ts += step
            event = OracleEvent(
                stream_id=stream_id,
                session_id=session_id,
                client_id="",
                ts=ts,
                seq=1000 + rank_of_seq * len(told),
                type=name,
                received_ms=0,
                error=error if name == "error" else None,
                **fields,  # type: ignore[arg-type]  # Counts, and visible.
            )
            told[event.ts, event.seq, event.type] = event
    return list(told.values())


@st.composite
def _changed(draw: st.DrawFn, event: OracleEvent) -> OracleEvent:
    error = draw(st.sampled_from(ERRORS)) if event.type == "error" else None
    return dataclasses.replace(
        event,
        error=error,
        **draw(st.sampled_from(FIELDS)),  # type: ignore[arg-type]  # Counts, and visible.
    )


def _deliveries() -> st.SearchStrategy[_Delivery]:
    clients = st.sampled_from((*CLIENTS[:1] * 3, *CLIENTS))
    return st.builds(_Delivery, st.sampled_from(OFFSETS_MS), clients, st.sampled_from(DIMENSIONS))


def _delivered(events: Sequence[OracleEvent], delivery: _Delivery, received_ms: int) -> OracleBatch:
    sent_at = None if delivery.offset_ms is None else received_ms - delivery.offset_ms
    return OracleBatch(
        received_ms,
        sent_at,
        tuple(
            dataclasses.replace(
                event,
                client_id=delivery.client_id,
                received_ms=received_ms,
                offset_ms=batch_offset_ms(received_ms, sent_at),
                **delivery.dimensions,  # type: ignore[arg-type]  # Names of the event's dimensions.
            )
            for event in events
        ),
    )
