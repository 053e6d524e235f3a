"""Wrong keys make a network wait; keys that were right before still open."""

from typing import cast

import pytest

from playhead.errors import TooManyRequestsError, UnauthorizedError
from playhead.ops.auth import Caller, Keys
from playhead.ops.door import Door
from playhead.settings import Settings

pytestmark = pytest.mark.anyio

PEER, NEIGHBOUR, OTHER = "203.0.113.7", "203.0.113.99", "198.51.100.1"


class FakeKeys:
    """Knows two keys, and counts how often it was asked."""

    asked = 0

    async def identify(self, authorization: str | None) -> Caller:
        """Return the caller of a right key."""
        self.asked += 1
        if authorization not in {"Bearer right", "Bearer new"}:
            raise UnauthorizedError
        return Caller("someone")


@pytest.fixture
def keys() -> FakeKeys:
    """Return the keys."""
    return FakeKeys()


@pytest.fixture
def now() -> list[float]:
    """Return the time, in s, to be changed."""
    return [1000.0]


@pytest.fixture
def door(keys: FakeKeys, now: list[float]) -> Door:
    """Return a door at which three wrong keys a minute are too many."""
    settings = Settings(failed_keys_per_minute=3, trusted_proxies=("10.0.0.0/8",))
    return Door(cast("Keys", keys), settings, clock=lambda: now[0])


async def fail(door: Door, peer: str | None, times: int, forwarded_for: str = "") -> None:
    """Try wrong keys."""
    for number in range(times):
        with pytest.raises(UnauthorizedError):
            await door.identify(f"Bearer wrong {number}", peer, forwarded_for)


async def test_many_wrong_keys_have_to_wait(door: Door, keys: FakeKeys, now: list[float]) -> None:
    """No key is looked at then, and the answer says when there may be another try."""
    await fail(door, PEER, 3)
    asked = keys.asked
    with pytest.raises(TooManyRequestsError) as raised:
        await door.identify("Bearer new", NEIGHBOUR, "")
    assert (raised.value.retry_after_s, keys.asked) == (20, asked)
    now[0] += 20
    assert await door.identify("Bearer new", NEIGHBOUR, "") == Caller("someone")


async def test_nobody_is_locked_out_by_others(door: Door) -> None:
    """Neither who was here before, nor another network."""
    await door.identify("Bearer right", PEER, "")
    await fail(door, PEER, 3)
    assert await door.identify("Bearer right", NEIGHBOUR, "") == Caller("someone")
    assert await door.identify("Bearer new", OTHER, "") == Caller("someone")


async def test_a_proxy_is_not_the_sender(door: Door) -> None:
    """What it says counts, what stands before that does not."""
    await fail(door, "10.1.2.3", 3, forwarded_for=f"1.2.3.4, {PEER}")
    with pytest.raises(TooManyRequestsError):
        await door.identify("Bearer new", "10.1.2.3", f"5.6.7.8, {PEER}")
    assert await door.identify("Bearer new", "10.1.2.3", OTHER) == Caller("someone")


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
async def test_programs_of_this_machine_never_wait(door: Door, peer: str) -> None:
    """Their wrong keys are refused, however many, and a right one opens."""
    await fail(door, peer, 50)
    assert await door.identify("Bearer new", peer, "") == Caller("someone")


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1"])
async def test_what_a_proxy_here_passes_on_has_to_wait(door: Door, peer: str) -> None:
    """Though nobody named the proxy as trusted: all that comes through it is one network then."""
    await fail(door, peer, 3, forwarded_for=PEER)
    with pytest.raises(TooManyRequestsError):
        await door.identify("Bearer new", peer, OTHER)
    assert await door.identify("Bearer new", peer, "") == Caller("someone")


async def test_a_socket_without_address_is_a_network_too(door: Door) -> None:
    """Nobody can tell who is behind it."""
    await fail(door, None, 3)
    with pytest.raises(TooManyRequestsError):
        await door.identify("Bearer new", None, "")


async def test_no_key_at_all_is_no_try(door: Door) -> None:
    """A page that is not signed in asks as often as it likes."""
    for _ in range(10):
        with pytest.raises(UnauthorizedError):
            await door.identify(None, PEER, "")
