"""From a viewer's events to the requests that carry them, with what networks and tabs do to them."""

import random
from collections.abc import Iterator

import msgspec

from playhead.simulate.viewer import Fate
from playhead.simulate.wire import Batch, SentEvent, Session, Speech

FIRST_BATCH_MS = 2_000
"""The first batch goes early, so that a viewer is seen soon after the first frame."""
MAX_EVENTS = 200
"""Keeps a body below the 48 KiB that a beacon may have."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """How batches travel: the shares of batches that come late, twice, or with their events shuffled.

    `queued_until_ms` says that all of it was kept and is sent only then: the past, played back. Clients
    whose clock is wrong stamp that instant as `sent_at`, the others none, so that instants stay right.
    """

    batch_ms: int = 10_000
    late: float = 0.01
    repeated: float = 0.015
    shuffled: float = 0.02
    queued_until_ms: int | None = None

    def send(self, session: Session, events: list[SentEvent], chance: random.Random) -> Iterator[Batch]:
        """Yield the session's batches; not in order of arrival, and without what a vanished tab never sent."""
        speech = Speech(session)
        skew_ms = session.client.skew_ms
        for part, (flushed_ms, group) in enumerate(self._group(events, is_lost=session.fate == Fate.vanished)):
            if chance.random() < self.shuffled:
                chance.shuffle(group)
            at_ms = flushed_ms - skew_ms + self._travel_ms(chance)
            batch = speech.batch(part, group, at_ms=at_ms, sent_at=self._sent_at(session, flushed_ms))
            if batch is None:
                continue
            yield batch
            if chance.random() < self.repeated:
                yield msgspec.structs.replace(batch, at_ms=at_ms + chance.randint(900, 30_000), is_copy=True)

    def _group(self, events: list[SentEvent], *, is_lost: bool) -> Iterator[tuple[int, list[SentEvent]]]:
        """Yield (instant of the flush by the client's clock, events): each `batch_ms`, at once what cannot wait."""
        group: list[SentEvent] = []
        due_ms, wait_ms = 0, min(FIRST_BATCH_MS, self.batch_ms)
        for event in events:
            if group and (event.ts > due_ms or len(group) == MAX_EVENTS):
                yield min(due_ms, event.ts), group
                group = []
            if not group:
                due_ms, wait_ms = event.ts + wait_ms, self.batch_ms
            group.append(event)
            if is_urgent(event):
                yield event.ts + 1, group
                group = []
        if group and not is_lost:
            yield due_ms, group

    def _travel_ms(self, chance: random.Random) -> int:
        late_ms = chance.randint(3_000, 90_000) if chance.random() < self.late else 0
        return 15 + int(chance.expovariate(1 / 40)) + late_ms

    def _sent_at(self, session: Session, flushed_ms: int) -> int | None:
        client = session.client
        if self.queued_until_ms is None:
            return flushed_ms if client.tells_sent_at else None
        return self.queued_until_ms + client.skew_ms if client.skew_ms else None


def is_urgent(event: SentEvent) -> bool:
    """Tell whether a player sends `event` at once: it may be the last it can send."""
    is_going = event.type in {"quit", "ended"} or (event.type == "visibility" and event.visible is False)
    return is_going or (event.error is not None and event.error.fatal is True)
