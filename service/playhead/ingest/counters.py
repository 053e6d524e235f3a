"""How ingest went since the process started."""

from collections import Counter
from typing import Literal

import msgspec

ProtocolName = Literal["native", "cmcd"]


class CounterSnapshot(msgspec.Struct, frozen=True):
    """Counts by (protocol, outcome).

    `events`: "accepted", or why an event was refused. `requests`: "answered", or the code of the problem it was told.
    """

    events: dict[tuple[ProtocolName, str], int]
    requests: dict[tuple[ProtocolName, str], int]


class IngestCounters:
    """Counts events and requests by protocol and outcome."""

    def __init__(self) -> None:
        self._events: Counter[tuple[ProtocolName, str]] = Counter()
        self._requests: Counter[tuple[ProtocolName, str]] = Counter()

    def count_events(self, protocol: ProtocolName, outcome: str, events: int = 1) -> None:
        """Add `events` of one outcome."""
        self._events[protocol, outcome] += events

    def count_request(self, protocol: ProtocolName, outcome: str) -> None:
        """Add one request."""
        self._requests[protocol, outcome] += 1

    def snapshot(self) -> CounterSnapshot:
        """Return the counts as they are now."""
        return CounterSnapshot(events=dict(self._events), requests=dict(self._requests))
