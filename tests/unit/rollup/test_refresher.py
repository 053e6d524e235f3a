"""The refresher in the background: no fault of one round ends it."""

import asyncio
from typing import Any

import pytest

from playhead.errors import StoreUnavailableError
from playhead.rollup.refresh import Refresher, RefreshState, rest_s
from playhead.settings import Settings
from playhead.store.sql_files import query

pytestmark = pytest.mark.anyio


class FaultyStore:
    """Fails in each of the given ways, once; then tells that it was asked again."""

    def __init__(self, *faults: Exception) -> None:
        self._faults = list(faults)
        self.was_asked_again = asyncio.Event()

    async def fetch(self, *_: Any) -> Any:
        """Raise the next fault."""
        if self._faults:
            raise self._faults.pop(0)
        self.was_asked_again.set()
        raise StoreUnavailableError("still down")


async def test_no_fault_ends_the_refresh() -> None:
    """After a database that is down and after a fault nobody foresaw, the next round runs."""
    store = FaultyStore(StoreUnavailableError("down"), ValueError("a fault"))
    refresher = Refresher(store, Settings(refresh_interval_s=0.001))  # type: ignore[arg-type]  # Only fetch is asked.
    refresher.start()
    await asyncio.wait_for(store.was_asked_again.wait(), timeout=10)
    await refresher.stop()


def test_a_clock_set_back_does_not_look_fresh() -> None:
    """The age is by how much the clock has to catch up; else it is the age of the mark."""
    assert RefreshState(now_ms=1_000, refreshed_until_ms=61_000).freshness_s == 60
    assert RefreshState(now_ms=61_000, refreshed_until_ms=60_000).freshness_s == 1


def test_long_rounds_rest_longer_while_answers_stay_fresh() -> None:
    """The pause is the setting, then twice the round, and the setting again where freshness would suffer."""
    rests = [rest_s([took], Settings(fresh_within_s=8)) for took in (0, 0.5, 1.5, 2, 2.5, 3, 20)]
    assert rests == [2, 2, 3, 4, 3, 2, 2]
    assert rest_s([1.5], Settings(fresh_within_s=0)) == 2


def test_a_long_round_among_the_last_shortens_the_rest() -> None:
    """The next one may take as long."""
    assert rest_s([3.5, 1.5, 1.5], Settings(fresh_within_s=8)) == 3
    assert rest_s([5.5, 1.5, 1.5], Settings(fresh_within_s=8)) == 2


def test_the_fold_can_be_told_how_many_threads_it_may_take() -> None:
    """The refresh puts its number in this place of the statement."""
    assert query("fold_arrivals").count("max_threads = 0") == 1


@pytest.mark.parametrize(("is_idle", "threads"), [(True, 0), (False, 2)])
async def test_a_round_leaves_half_the_machine_to_ingest_unless_nothing_comes_in(
    monkeypatch: pytest.MonkeyPatch, *, is_idle: bool, threads: int
) -> None:
    """It is asked each round."""
    asked: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def refresh(_: Any, __: Settings, threads: int) -> int:
        if not asked.done():
            asked.set_result(threads)
        return 0

    monkeypatch.setattr("playhead.rollup.refresh.refresh_sessions", refresh)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    refresher = Refresher(FaultyStore(), Settings(), is_ingest_idle=lambda: is_idle)  # type: ignore[arg-type]  # Nothing is asked.
    refresher.start()
    assert await asked == threads
    await refresher.stop()
