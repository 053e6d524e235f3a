"""Senders that keep to the contract: a batch goes on being sent until it is acknowledged, each viewer's in order."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from playhead.simulate.client import Answer, Connection
from tests.faults.worlds import USER_AGENT, EventKey, SentBatch, World

SENDERS = 12
REPLY_TIMEOUT_S = 20.0
RECONNECT_PAUSE_S = 0.1
AGAIN_SHARE = 0.08
"""Of acknowledged batches, those that are sent once more: their sender took the answer for lost."""


class Told(msgspec.Struct):
    """What a 202 says."""

    accepted: int
    session_id: str


class Delivery:
    """Sends a world to the services at `ports`, on 127.0.0.1; `is_open` cleared: nobody begins to send.

    With `everywhere` each batch goes to each service, as a client does that tries another one without need.
    """

    def __init__(self, world: World, ports: Sequence[int], chance: random.Random, *, everywhere: bool = False) -> None:
        self.world = world
        self.acknowledged: dict[int, Told] = {}
        self.tried: set[int] = set()
        self.wrong: list[str] = []
        """Answers that break the contract."""
        self.refusals = 0
        """Answers 429 and 503, all of them with Retry-After."""
        self.broken = 0
        """Connections that failed, and answers that did not come."""
        self.first_tried_at: dict[int, float] = {}
        self.is_open = asyncio.Event()
        self.is_open.set()
        self._ports = ports
        self._chance = chance
        self._everywhere = everywhere
        self._marks: dict[int, asyncio.Event] = {}

    @property
    def acknowledged_events(self) -> set[EventKey]:
        """Every event of the acknowledged batches."""
        return {key for number in self.acknowledged for key in self.world.batches[number].events}

    @property
    def tried_events(self) -> set[EventKey]:
        """Every event that may have reached a service."""
        return {key for number in self.tried for key in self.world.batches[number].events}

    async def reach(self, share: float) -> None:
        """Wait until so much of the world is acknowledged."""
        count = max(1, int(share * len(self.world.batches)))
        if len(self.acknowledged) < count:
            await self._marks.setdefault(count, asyncio.Event()).wait()

    async def run(self) -> None:
        """Send everything that is not acknowledged yet."""
        queues: defaultdict[int, list[SentBatch]] = defaultdict(list)
        for batch in self.world.batches:
            queues[batch.viewer % SENDERS].append(batch)
        async with asyncio.TaskGroup() as senders:
            for number, batches in queues.items():
                senders.create_task(self._send_all(number, batches))

    async def _send_all(self, sender: int, batches: Sequence[SentBatch]) -> None:
        wires = [_Wire(port) for port in self._ports]
        try:
            for turn, batch in enumerate(batches):
                if batch.number in self.acknowledged:
                    continue
                if self._everywhere:
                    await asyncio.gather(*(self._send(batch, [wire], 0) for wire in wires))
                else:
                    await self._send(batch, wires, sender + turn)
                if self._chance.random() < AGAIN_SHARE and self.is_open.is_set():
                    await self._exchange(batch, self._chance.choice(wires))
        finally:
            for wire in wires:
                wire.close()

    async def _send(self, batch: SentBatch, wires: Sequence["_Wire"], turn: int) -> None:
        """Send a batch until it is acknowledged, by one service after the other."""
        while True:
            await self.is_open.wait()
            self.tried.add(batch.number)
            self.first_tried_at.setdefault(batch.number, time.time())
            answer = await self._exchange(batch, wires[turn % len(wires)])
            turn += 1
            if answer is None:
                await asyncio.sleep(RECONNECT_PAUSE_S)
            elif answer.status in {429, 503}:
                self.refusals += 1
                if not answer.retry_after_s:
                    self.wrong.append(f"{answer.status} without Retry-After")
                await asyncio.sleep(answer.retry_after_s or 1)
            else:
                self._note(batch, answer)
                return

    async def _exchange(self, batch: SentBatch, wire: "_Wire") -> Answer | None:
        try:
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                return await wire.exchange(batch.body)
        except OSError:  # TimeoutError is one.
            wire.close()
            self.broken += 1
            return None

    def _note(self, batch: SentBatch, answer: Answer) -> None:
        if answer.status != 202:
            self.wrong.append(f"{answer.status}: {answer.body[:300]!r}")
            return
        told = msgspec.json.decode(answer.body, type=Told)
        if told.accepted != len(batch.events):
            self.wrong.append(f"{told.accepted} of {len(batch.events)} accepted: {answer.body[:300]!r}")
        self.acknowledged[batch.number] = told
        for count, mark in self._marks.items():
            if len(self.acknowledged) >= count:
                mark.set()


class _Wire:
    """A connection to one service, made when first needed and again after it broke."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = Connection()

    async def exchange(self, body: bytes) -> Answer:
        """Post one native batch; raises OSError."""
        if not self._connection.is_open:
            _, self._connection = await asyncio.get_running_loop().create_connection(
                Connection, "127.0.0.1", self._port
            )
        head = (
            f"POST /analytics/events HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
            f"User-Agent: {USER_AGENT}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return await self._connection.exchange(head.encode() + body)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
