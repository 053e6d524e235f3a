"""When statements may write, and when the tables are looked at: on a disk of which only the free bytes are real."""

import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from playhead.errors import StoreUnavailableError
from playhead.store import disk_guard
from playhead.store.disk_guard import DiskGuard

MIN_FREE = 1000


class FakeDisk:
    """So much is free, and so often the tables were looked at."""

    def __init__(self) -> None:
        self.free = 5000
        self.looks = 0
        self.fails = False

    def look(self, _: Path) -> None:
        """Stand in for looking at the tables."""
        self.looks += 1
        if self.fails:
            raise StoreUnavailableError("not now")


@pytest.fixture(name="disk")
def _disk() -> Iterator[FakeDisk]:
    disk = FakeDisk()
    with (
        patch.object(disk_guard, "_free_bytes", lambda _: disk.free),
        patch.object(disk_guard, "reload_tables", disk.look),
    ):
        yield disk


def use(guard: DiskGuard, *, writes: bool) -> None:
    """Run a statement that does nothing."""
    with guard.statement(writes=writes):
        pass


def test_with_room_all_is_let_through(disk: FakeDisk) -> None:
    """And nothing is looked at."""
    guard = DiskGuard(Path(), MIN_FREE)
    use(guard, writes=True)
    use(guard, writes=False)
    assert disk.looks == 0


def test_with_little_room_only_reading_goes_on(disk: FakeDisk) -> None:
    """The tables are looked at once as room gets scarce, and once as there is some again."""
    guard = DiskGuard(Path(), MIN_FREE)
    disk.free = 999
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            use(guard, writes=True)
        use(guard, writes=False)
    assert disk.looks == 1
    disk.free = 1249  # As merges come and go, which is no reason to look once more.
    with pytest.raises(StoreUnavailableError):
        use(guard, writes=True)
    assert disk.looks == 1
    disk.free = 1250
    use(guard, writes=True)
    disk.free = 1000
    use(guard, writes=True)
    assert disk.looks == 2


def test_what_is_written_while_room_gets_scarce_counts_as_failed(disk: FakeDisk) -> None:
    """It may not be whole, though the engine says so; also when there is room again before it ends."""
    guard = DiskGuard(Path(), MIN_FREE)

    def write() -> None:
        with guard.statement(writes=True):
            disk.free = 0

    with pytest.raises(StoreUnavailableError):
        write()
    disk.free = 5000

    def write_over_a_gap() -> None:
        with guard.statement(writes=True):
            with guard.statement(writes=False):
                disk.free = 0
            disk.free = 5000

    with pytest.raises(StoreUnavailableError):
        write_over_a_gap()
    assert disk.looks == 1


def test_the_error_of_a_statement_is_told(disk: FakeDisk) -> None:
    """Not that there is no room besides."""
    guard = DiskGuard(Path(), MIN_FREE)

    def fail() -> None:
        with guard.statement(writes=True):
            disk.free = 0
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # There is one.
        fail()


def test_tables_that_could_not_be_looked_at_are_looked_at_again(disk: FakeDisk) -> None:
    """Nothing is asked of them before."""
    guard = DiskGuard(Path(), MIN_FREE)
    disk.free, disk.fails = 0, True
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            use(guard, writes=False)
    disk.fails = False
    use(guard, writes=False)
    assert disk.looks == 3


def test_tables_are_looked_at_alone(disk: FakeDisk) -> None:
    """The look waits for the statement under way, and a further statement for the look."""
    guard = DiskGuard(Path(), MIN_FREE)
    order: list[str] = []

    def ask(name: str) -> None:
        with guard.statement(writes=False):
            order.append(name)

    second, third = (threading.Thread(target=ask, args=(name,)) for name in ("second", "third"))
    with patch.object(disk_guard, "reload_tables", lambda _: order.append("look")):
        with guard.statement(writes=False):
            disk.free = 0
            second.start()
            third.start()
            order.append("first")
        second.join()
        third.join()
    assert order[:2] == ["first", "look"]
    assert sorted(order[2:]) == ["second", "third"]


def test_a_statement_without_end_does_not_hold_all_others(disk: FakeDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told to come back."""
    monkeypatch.setattr(disk_guard, "ALONE_WITHIN_S", 0.01)
    guard = DiskGuard(Path(), MIN_FREE)
    with guard.statement(writes=False):
        disk.free = 0
        with pytest.raises(StoreUnavailableError):
            use(guard, writes=False)
    use(guard, writes=False)
    assert disk.looks == 1
