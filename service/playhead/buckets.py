"""Token buckets by key, in bounded memory: how much of something each sender may do."""

import time
from collections.abc import Callable, Hashable


class TokenBuckets:
    """A bucket a key: `burst` tokens at first, `rate` more a second; `clock` gives seconds that only rise.

    Of a key only the instant is kept at which its bucket is full again (the generic cell rate algorithm). At most
    `capacity` keys are known; then those not asked for lately are forgotten, and their buckets are full again.
    """

    def __init__(
        self, rate: float, burst: float, *, capacity: int = 100_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval_s = 1 / rate
        self._depth_s = burst / rate
        self._half = max(1, capacity // 2)
        self._clock = clock
        self._young: dict[Hashable, float] = {}
        self._old: dict[Hashable, float] = {}

    def take(self, key: Hashable, tokens: float = 1.0) -> float:
        """Take tokens and return 0; where there are too few, take none and return the seconds until there may be.

        More than a whole bucket is never there: it is taken from a full one.
        """
        now = self._clock()
        full_at = self._young.get(key)
        if full_at is None:
            full_at = self._old.get(key, now)
        full_at = max(full_at, now)
        cost_s = min(tokens * self._interval_s, self._depth_s)
        wait_s = full_at + cost_s - now - self._depth_s
        if wait_s > 1e-9:
            return wait_s
        self._keep(key, full_at + tokens * self._interval_s)
        return 0.0

    def wait_s(self, key: Hashable) -> float:
        """Return the seconds until a token is there, taking none."""
        now = self._clock()
        full_at = max(self._young.get(key, now), self._old.get(key, now))
        return max(0.0, full_at + self._interval_s - now - self._depth_s)

    def _keep(self, key: Hashable, full_at: float) -> None:
        if len(self._young) >= self._half and key not in self._young:
            self._old, self._young = self._young, {}
        self._young[key] = full_at

    def __len__(self) -> int:
        """How many keys are known."""
        return len(self._young) + len(self._old)
