"""What is sent at one point: the batches of a few simulated viewers, and their events as the oracle takes them."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from playhead.simulate.delivery import Delivery
from playhead.simulate.traffic import Traffic
from tests.oracle.model import EVENT_TYPES, TYPE_RANK, OracleError, OracleEvent

VIEWERS = 24
ABREAST = 12
BEGAN_BEFORE_MS = 3 * 3_600_000
WITHIN_MS = 3_600_000
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_CARRIED = ("position_ms", "bitrate_kbps", "width", "height", "player_width", "player_height", "visible")


class EventKey(NamedTuple):
    """An event, whatever session the service gives it: no viewer here sends one twice as two."""

    stream_id: str
    client_id: str
    ts: int
    seq: int
    type: str


@dataclass(frozen=True)
class SentBatch:
    """One request: `viewer` sends its batches in the order of their numbers."""

    number: int
    viewer: int
    body: bytes
    events: Mapping[EventKey, OracleEvent]
    """A session_id of "" is the service's to give."""


@dataclass(frozen=True)
class World:
    """The batches of one point, on streams that no other point has."""

    name: str
    batches: tuple[SentBatch, ...]

    @cached_property
    def events(self) -> dict[EventKey, OracleEvent]:
        """Every event, once."""
        return {key: event for batch in self.batches for key, event in batch.events.items()}


def make_world(name: str, seed: int, viewers: int = VIEWERS) -> World:
    """Return a world whose viewers came some hours ago and send everything now; one in four names no session."""
    now_ms = time.time_ns() // 1_000_000
    traffic = Traffic(
        seed=seed,
        viewers=viewers,
        from_ms=now_ms - BEGAN_BEFORE_MS,
        to_ms=now_ms - BEGAN_BEFORE_MS + WITHIN_MS,
        streams=4,
        nameless=0.25,
        returning=0.1,
        abreast=ABREAST,
        delivery=Delivery(batch_ms=60_000, queued_until_ms=now_ms),
    )
    batches = []
    for number, batch in enumerate(traffic.batches()):
        told = json.loads(batch.body)
        told["stream_id"] = f"{name}-{told['stream_id']}"
        batches.append(SentBatch(number, batch.session.viewer, json.dumps(told).encode(), _events(told)))
    return World(name, tuple(batches))


def as_stored(event: OracleEvent, *, session_id: str, offset_ms: int | None, received_ms: int) -> OracleEvent:
    """Return the copy of an event that the service received."""
    return replace(event, session_id=session_id, offset_ms=offset_ms, received_ms=received_ms)


def _events(told: Mapping[str, Any]) -> dict[EventKey, OracleEvent]:
    events = {}
    for event in told["events"]:
        key = EventKey(told["stream_id"], told["client_id"], event["ts"], event["seq"], event["type"])
        error = event.get("error")
        events[key] = OracleEvent(
            stream_id=told["stream_id"],
            session_id=told.get("session_id", ""),
            client_id=told["client_id"],
            ts=event["ts"],
            seq=event["seq"],
            type=event["type"],
            received_ms=0,
            error=error and OracleError(error["code"], error.get("fatal", False), error.get("business", False)),
            provider=told["player"]["provider"],
            player_name=told["player"]["name"],
            **{name: event.get(name) for name in _CARRIED},
        )  # fmt: skip
    return events


def key_of(event: OracleEvent) -> EventKey:
    """Return what an event is known by here."""
    return EventKey(event.stream_id, event.client_id, event.ts, event.seq, event.type)


def type_of(number: int) -> str:
    """Return the name of a stored type."""
    return EVENT_TYPES[number - 1]


assert all(type_of(rank) == name for name, rank in TYPE_RANK.items())
