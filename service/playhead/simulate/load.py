"""A steady load: long sessions, most of them in their middle, whose heartbeats come in batches at an even pace."""

import hashlib
import random
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from playhead.simulate.audience import Catalogue, Client, Protocol, Stream, make_client, make_uuid7
from playhead.simulate.viewer import HEARTBEAT_MS, RENDITIONS
from playhead.simulate.wire import Batch, SentEvent, Session, Speech

CLIENTS = 1_000
"""Devices to draw habits from; each viewer still has a client id of its own."""


class _Place(NamedTuple):
    """Where one viewer stands: at the `step`-th batch of its `session_number`-th session, begun at `start_ms`."""

    viewer: int
    session_number: int
    start_ms: int
    step: int


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """`events_per_second` from viewers that each send `batch_s / 10` heartbeats every `batch_s` seconds.

    A session met in its middle first says how it began, then goes on; so the rest of its past is a gap.
    Ages are spread evenly over `session_s`, and who comes to the end begins anew. Clocks are right here.
    """

    seed: int
    base_ms: int
    events_per_second: float
    until_ms: int
    session_s: int = 3 * 3600
    batch_s: int = 60
    protocol: Protocol = "native"
    streams: int = 8

    @property
    def beats(self) -> int:
        """Heartbeats in a batch."""
        return max(self.batch_s * 1000 // HEARTBEAT_MS, 1)

    @property
    def batch_ms(self) -> int:
        """From one batch of a viewer to the next."""
        return self.beats * HEARTBEAT_MS

    @property
    def steps(self) -> int:
        """Batches in a session."""
        return max(self.session_s * 1000 // self.batch_ms, 1)

    @property
    def viewers(self) -> int:
        """Viewers at any instant."""
        return max(round(self.events_per_second * HEARTBEAT_MS / 1000), 1)

    def batches(self) -> Iterator[Batch]:
        """Yield batches by `at_ms`, evenly spaced, up to `until_ms`."""
        chance = random.Random(f"load:{self.seed}")
        catalogue = Catalogue(self.streams, self.seed)
        clients = [make_client(f"load:{number}", self.seed) for number in range(CLIENTS)]
        first_steps = [chance.randrange(self.steps) for _ in range(self.viewers)]
        streams = [catalogue.choose(chance) for _ in range(self.viewers)]
        cycle = 0
        while True:
            for viewer in range(self.viewers):
                at_ms = self.base_ms + cycle * self.batch_ms + viewer * self.batch_ms // self.viewers
                if at_ms > self.until_ms:
                    return
                place = self._place(viewer, first_steps[viewer], cycle, at_ms)
                session = self._session(place, streams[viewer], clients[viewer % CLIENTS])
                yield self._batch(session, place, at_ms, is_first=cycle == 0 or place.step == 0, chance=chance)
            cycle += 1

    def _place(self, viewer: int, first_step: int, cycle: int, at_ms: int) -> _Place:
        session_number, step = divmod(first_step + cycle, self.steps)
        return _Place(viewer, session_number, at_ms - (step + 1) * self.batch_ms, step)

    def _session(self, place: _Place, stream: Stream, like: Client) -> Session:
        name = f"{self.seed}:{place.viewer}:{place.session_number}".encode()
        bits = int.from_bytes(hashlib.blake2b(name, digest_size=10).digest(), "big")
        return Session(
            viewer=place.viewer + place.session_number * self.viewers,
            stream=stream,
            client=msgspec.structs.replace(like, client_id=f"load-{self.seed}-{place.viewer}", skew_ms=0),
            session_id=make_uuid7(place.start_ms, bits),
            protocol=self.protocol,
            fate="watched",
        )

    def _batch(self, session: Session, place: _Place, at_ms: int, *, is_first: bool, chance: random.Random) -> Batch:
        beats = range(place.step * self.beats, (place.step + 1) * self.beats)
        events = _opening(session, place.start_ms) if is_first else []
        events += [_beat(number, place.start_ms, chance) for number in beats]
        if place.step == self.steps - 1:
            events.append(SentEvent(type="quit", ts=at_ms, seq=self.steps * self.beats + 2))
        batch = Speech(session).batch(place.step, events, at_ms=at_ms, sent_at=at_ms)
        assert batch is not None  # noqa: S101 - every protocol has a word for a heartbeat.
        return batch


def _opening(session: Session, start_ms: int) -> list[SentEvent]:
    bitrate_kbps, width, height = RENDITIONS[session.viewer % len(RENDITIONS)]
    first_frame_ms = 300 + session.viewer * 37 % 2_000
    return [
        SentEvent(type="play", ts=start_ms, seq=0, visible=True),
        SentEvent(
            type="playing", ts=start_ms + first_frame_ms, seq=1, bitrate_kbps=bitrate_kbps, width=width, height=height
        ),
    ]


def _beat(number: int, start_ms: int, chance: random.Random) -> SentEvent:
    ts = start_ms + (number + 1) * HEARTBEAT_MS - int(chance.random() * 90)
    return SentEvent(type="heartbeat", ts=ts, seq=number + 2, position_ms=ts - start_ms)
