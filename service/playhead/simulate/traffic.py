"""Many viewers: who arrives when, and all their batches in order of arrival at the service."""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Iterator
from typing import Literal

import msgspec

from playhead.simulate.audience import Catalogue, Protocol, make_client, make_uuid7
from playhead.simulate.delivery import Delivery
from playhead.simulate.viewer import Mix, Viewer
from playhead.simulate.wire import Batch, Session

ProtocolChoice = Literal["native", "cmcd", "mixed"]

LATEST_MS = 2**53


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Viewers that arrive in `[from_ms, to_ms)`, by count or as a Poisson process of `rate` a second.

    Batches that would arrive after `until_ms` are not made. The same values give the same batches.
    """

    seed: int
    from_ms: int
    to_ms: int = LATEST_MS
    until_ms: int = LATEST_MS
    viewers: int | None = None
    rate: float = 1.0
    protocol: ProtocolChoice = "native"
    streams: int = 8
    returning: float = 0.15
    nameless: float = 0.1
    """The share of native sessions that leave it to the service to name them."""
    mix: Mix = Mix()
    delivery: Delivery = Delivery()
    abreast: int = 0
    """So many viewers take turns, whenever they came, each with its batches in order; 0: all batches by `at_ms`."""

    def batches(self) -> Iterator[Batch]:
        """Yield all batches; memory holds only those of viewers under way."""
        return self._take_turns() if self.abreast else self._in_order()

    def _take_turns(self) -> Iterator[Batch]:
        catalogue = Catalogue(self.streams, self.seed)
        visits = (
            iter(sorted(self._visit_in_time(viewer, arrived_ms, catalogue), key=lambda batch: batch.at_ms))
            for viewer, arrived_ms in enumerate(self._arrivals())
        )
        under_way = deque(itertools.islice(visits, self.abreast))
        while under_way:
            visit = under_way.popleft()
            batch = next(visit, None)
            if batch is not None:
                yield batch
                under_way.append(visit)
            else:
                under_way.extend(itertools.islice(visits, 1))

    def _in_order(self) -> Iterator[Batch]:
        waiting: list[tuple[int, int, Batch]] = []
        made = 0
        catalogue = Catalogue(self.streams, self.seed)
        for viewer, arrived_ms in enumerate(self._arrivals()):
            while waiting and waiting[0][0] < arrived_ms:
                yield heapq.heappop(waiting)[2]
            for batch in self._visit_in_time(viewer, arrived_ms, catalogue):
                made += 1
                heapq.heappush(waiting, (batch.at_ms, made, batch))
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _arrivals(self) -> Iterator[int]:
        chance = random.Random(f"arrivals:{self.seed}")
        if self.viewers is None:
            return self._poisson(chance)
        return self._spread(chance, self.viewers)

    def _poisson(self, chance: random.Random) -> Iterator[int]:
        now_ms = self.from_ms + chance.expovariate(self.rate) * 1000
        while now_ms < self.to_ms:
            yield int(now_ms)
            now_ms += chance.expovariate(self.rate) * 1000

    def _spread(self, chance: random.Random, count: int) -> Iterator[int]:
        """Yield `count` uniform instants in order, each drawn as the least of those that are left."""
        now_ms = float(self.from_ms)
        for left in range(count, 0, -1):
            now_ms += (self.to_ms - now_ms) * (1 - chance.random() ** (1 / left))
            yield int(now_ms)

    def _visit_in_time(self, viewer: int, arrived_ms: int, catalogue: Catalogue) -> Iterator[Batch]:
        return (batch for batch in self._visit(viewer, arrived_ms, catalogue) if batch.at_ms <= self.until_ms)

    def _visit(self, viewer: int, arrived_ms: int, catalogue: Catalogue) -> Iterator[Batch]:
        chance = random.Random(f"viewer:{self.seed}:{viewer}")
        protocol = self._protocol(chance)
        is_nameless = protocol == "native" and chance.random() < self.nameless
        stream = catalogue.choose(chance)
        client = make_client(self._client_name(viewer, chance, is_nameless=is_nameless), self.seed)
        start_ms = arrived_ms + client.skew_ms
        player = Viewer(chance, stream, client, self.mix)
        session = Session(
            viewer=viewer,
            stream=stream,
            client=client,
            session_id=None if is_nameless else make_uuid7(start_ms, chance.getrandbits(74)),
            protocol=protocol,
            fate=player.fate,
        )
        return self.delivery.send(session, player.play_out(start_ms), chance)

    def _protocol(self, chance: random.Random) -> Protocol:
        if self.protocol == "mixed":
            return "cmcd" if chance.random() < 0.4 else "native"
        return self.protocol

    def _client_name(self, viewer: int, chance: random.Random, *, is_nameless: bool) -> str:
        """Some clients come again; one that names no session never does, so that its session is known here."""
        if is_nameless:
            return f"nameless:{viewer}"
        return str(chance.randrange(viewer + 1) if chance.random() < self.returning else viewer)
