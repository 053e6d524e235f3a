"""The judge of faults sees what it is there to see."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.delivery import Delivery
from tests.faults.stacks import Layout, Stack, run_stack
from tests.faults.verdicts import Verdict, find_early_receipts, judge_events, judge_figures
from tests.faults.worlds import make_world

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

VIEWERS = 4
COLUMNS = "stream_id, session_id, client_id, ts, seq, type, version, event_day, visible, provider, player_name, device"


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """Give a service with the embedded engine."""
    async with run_stack(tmp_path, Layout(is_embedded=True)) as running:
        yield running


async def deliver(stack: Stack, name: str) -> Delivery:
    """Send a small world to its end."""
    delivery = Delivery(make_world(name, 1, VIEWERS), [service.port for service in stack.services], random.Random(1))
    await delivery.run()
    return delivery


async def test_the_judge_finds_what_is_wrong(stack: Stack) -> None:
    """Nothing where all is well; else what is missing, what nobody sent, and what is there twice."""
    delivery = await deliver(stack, "w")
    verdict, events = await judge_events(stack, delivery)
    assert verdict.is_right
    assert verdict.stored == verdict.acknowledged == len(delivery.world.events)
    assert find_early_receipts(delivery, events) == []
    assert await judge_figures(stack, delivery.world, events) == []

    one = events[0]
    it = f"stream_id = '{one.stream_id}' AND client_id = '{one.client_id}' AND ts = {one.ts} AND seq = {one.seq}"
    one_row = f"SELECT {COLUMNS} FROM playback_events FINAL WHERE {it}"
    copy = f"INSERT INTO playback_events ({COLUMNS}) SELECT {{}} FROM ({one_row})"
    await asyncio.to_thread(stack.ask, copy.format("* REPLACE (generateUUIDv4() AS session_id)"))
    assert counts(await judge_events(stack, delivery)) == (0, 0, 1)
    await asyncio.to_thread(stack.ask, copy.format("* REPLACE (seq + 1000 AS seq)") + " LIMIT 1")
    assert counts(await judge_events(stack, delivery)) == (0, 1, 1)
    await asyncio.to_thread(stack.ask, f"DELETE FROM playback_events WHERE {it}")
    assert counts(await judge_events(stack, delivery)) == (1, 1, 0)


async def test_the_judge_compares_figures(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """One event less in the oracle's hands, and the API's figures are not its own."""
    monkeypatch.setattr("tests.faults.verdicts.FIGURES_WITHIN_S", 3.0)
    delivery = await deliver(stack, "w")
    _, events = await judge_events(stack, delivery)
    played = max(events, key=lambda event: (event.type == "playing", event.ts))
    wrong = await judge_figures(
        stack, delivery.world, [event for event in events if event.session_id != played.session_id]
    )
    assert wrong


def counts(judged: tuple[Verdict, object]) -> tuple[int, int, int]:
    """Return how many events are lost, strange, and there twice."""
    verdict, _ = judged
    return verdict.lost, verdict.strange, verdict.doubled
