"""Many worlds in one database: each under names and at a time of its own, and how its events come in."""

import dataclasses
import random
from collections.abc import Sequence
from uuid import NAMESPACE_OID, uuid5

from tests.oracle.metrics import Question
from tests.oracle.model import OracleEvent
from tests.property.strategies import DAY_MS, World


@dataclasses.dataclass(frozen=True)
class PlacedWorld:
    """A world at `base_ms`, all of whose streams, sessions and organizers are named after it."""

    name: str
    base_ms: int
    events: tuple[OracleEvent, ...]
    organizers: dict[str, str]

    def stream(self, label: str) -> str:
        """Give the name that stream `label` has here."""
        return f"{self.name}-{label}"

    def question(self, asked: Question) -> Question:
        """Give a question about the world at T = 0 as it must be asked of it here."""
        return dataclasses.replace(
            asked,
            from_ms=asked.from_ms + self.base_ms,
            to_ms=asked.to_ms + self.base_ms,
            stream_id=asked.stream_id and self.stream(asked.stream_id),
            organizer_id=asked.organizer_id and f"{self.name}-{asked.organizer_id}",
            organizers=self.organizers,
        )


def place(world: World, name: str, base_ms: int) -> PlacedWorld:
    """Return `world` with T = `base_ms`, under `name`."""
    events = tuple(
        dataclasses.replace(
            event,
            stream_id=f"{name}-{event.stream_id}",
            session_id=str(uuid5(NAMESPACE_OID, f"{name}/{event.session_id}")),
        )
        for event in world.at(base_ms).events
    )
    organizers = {f"{name}-{stream}": f"{name}-{organizer}" for stream, organizer in world.organizers.items()}
    return PlacedWorld(name, base_ms, events, organizers)


class Places:
    """Gives each world of a database a name and a time that no other has."""

    def __init__(self, first_day: int, days_apart: int) -> None:
        self._first_day = first_day
        self._days_apart = days_apart
        self._given = 0

    def place(self, world: World) -> PlacedWorld:
        """Return `world` at the next free midnight."""
        number = self._given
        self._given += 1
        return place(world, f"world{number}", (self._first_day + number * self._days_apart) * DAY_MS)


def deliver(events: Sequence[OracleEvent], chance: random.Random, batches: int = 3) -> list[list[OracleEvent]]:
    """Return the events in a few batches, in any order, some of them more than once, and at last some again."""
    parts: list[list[OracleEvent]] = [[] for _ in range(batches)]
    for event in [*events, *chance.choices(events, k=len(events) // 3)]:
        chance.choice(parts).append(event)
    for part in parts:
        chance.shuffle(part)
    return [*parts, chance.sample(events, k=len(events) // 2)]
