"""One point: senders under way, a fault at a moment that the seed chooses, recovery, and the verdict."""

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass

import httpx

from tests.faults.delivery import Delivery
from tests.faults.kinds import Kind, Strike
from tests.faults.stacks import Stack
from tests.faults.verdicts import Verdict, find_early_receipts, judge_events, judge_figures
from tests.faults.worlds import VIEWERS, make_world

DELIVERED_WITHIN_S = 180.0
DEEPEST_MS = 150
"""A fault comes so long after a batch was acknowledged, at most: at any place of a flush."""


@dataclass(frozen=True)
class Point:
    """How one point went; `spooled` counts rows that went over the disk."""

    kind: str
    seed: int
    verdict: Verdict
    struck_at_share: float
    lasted_s: float
    recovered_s: float
    """From the end of the fault until everything was acknowledged and nothing waited on disk."""
    refusals: int
    broken: int
    spooled: int

    @property
    def line(self) -> str:
        """It for a log."""
        verdict = self.verdict
        outcome = "right" if verdict.is_right else f"WRONG {verdict}"
        return (
            f"{self.kind:<24} seed {self.seed:<6} at {self.struck_at_share:4.0%}, lasted {self.lasted_s:5.1f} s, "
            f"well after {self.recovered_s:5.1f} s: {verdict.acknowledged:>5} acknowledged, {verdict.stored} stored, "
            f"{self.spooled:>5} spooled, {self.refusals:>3} refused, {self.broken:>3} broken: {outcome}"
        )


async def run_point(stack: Stack, kind: Kind, seed: int, *, name: str, viewers: int | None = None) -> Point:
    """Strike a running stack once, at a moment that follows from the seed, and judge what is left."""
    chance = random.Random(f"{kind.name}:{seed}")
    delivery = Delivery(
        make_world(name, seed, viewers or VIEWERS),
        [service.port for service in stack.services],
        chance,
        everywhere=kind.everywhere,
    )
    share = chance.uniform(0.05, 0.9)
    pauses = kind.may_pause and chance.random() < 0.5
    strike = Strike(stack, chance, chance.uniform(*kind.lasts_s), delivery)
    pids = [service.pid for service in stack.services]
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(delivery.run())
        await delivery.reach(share)
        await asyncio.sleep(chance.uniform(0, DEEPEST_MS) / 1000)
        if pauses:
            delivery.is_open.clear()
        began = time.monotonic()
        await kind.blow(strike)
        ended = time.monotonic()
        if pauses:
            await stack.wait_for_empty_spools()
            strike.wrong += await _judge_standing(stack, delivery)
            delivery.is_open.set()
        async with asyncio.timeout(DELIVERED_WITHIN_S):
            await sending
    await stack.wait_for_empty_spools()
    recovered_s = time.monotonic() - ended
    verdict, events = await judge_events(stack, delivery)
    verdict.wrong += strike.wrong
    if verdict.stored != len(delivery.world.events):
        verdict.wrong.append(f"{len(delivery.world.events)} events were sent until acknowledged")
    if not kind.has_own_clock:
        verdict.wrong += find_early_receipts(delivery, events)[:3]
    if not kind.restarts_service and pids != [service.pid for service in stack.services]:
        verdict.wrong.append("the service did not come back by itself")
    verdict.wrong += await judge_figures(stack, delivery.world, events)
    return Point(
        kind=kind.name,
        seed=seed,
        verdict=verdict,
        struck_at_share=share,
        lasted_s=ended - began,
        recovered_s=recovered_s,
        refusals=delivery.refusals,
        broken=delivery.broken,
        spooled=await _spooled(stack),
    )


def lost_point(kind: Kind, seed: int, logs: list[str]) -> Point:
    """Return a point at which the stack did not come back by itself; `logs` are the ends of the services' logs."""
    verdict = Verdict(acknowledged=0, stored=0, lost=0, strange=0, doubled=0, wrong=["it did not recover", *logs])
    return Point(kind.name, seed, verdict, 0.0, 0.0, 0.0, 0, 0, 0)


async def _judge_standing(stack: Stack, delivery: Delivery) -> list[str]:
    """While nothing is sent again: what was acknowledged before the fault is there."""
    verdict, _ = await judge_events(stack, delivery)
    return [] if verdict.is_right else [f"before anything was sent again: {verdict}"]


async def _spooled(stack: Stack) -> int:
    with suppress(httpx.HTTPError):
        return sum(int(str(told["spooled_rows"])) for told in await stack.told())
    return 0
