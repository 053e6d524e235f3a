"""Who may come in: keys are checked, and whoever tries many wrong ones has to wait."""

import math
from collections.abc import Callable

from playhead.addresses import Proxies, network_of
from playhead.buckets import TokenBuckets
from playhead.errors import TooManyRequestsError, UnauthorizedError
from playhead.ops.auth import Caller, Keys, hash_key
from playhead.settings import Settings

KNOWN_KEYS = 1000
LOCAL = 0
"""Stands for senders without an address."""


class Door:
    """Identifies callers. After too many wrong keys, a network is only let in with keys that were right before.

    So nobody can try keys at will, and nobody can lock out those who work behind the same address. Loopback waits too.
    """

    def __init__(self, keys: Keys, settings: Settings, clock: Callable[[], float] | None = None) -> None:
        self._keys = keys
        self._proxies = Proxies(settings.trusted_proxies)
        rate, burst = settings.failed_keys_per_minute / 60, settings.failed_keys_per_minute
        clocked = {"clock": clock} if clock else {}
        self._failures = TokenBuckets(rate, burst, capacity=settings.limit_keys, **clocked)
        self._known: dict[str, None] = {}

    async def identify(self, authorization: str | None, peer_ip: str | None, forwarded_for: str) -> Caller:
        """Return the caller; raises UnauthorizedError, or TooManyRequestsError where this network has to wait."""
        client = self._proxies.find_client(peer_ip, forwarded_for)
        network = LOCAL if client is None else network_of(client)
        digest = hash_key(authorization or "")
        wait_s = self._failures.wait_s(network)
        if wait_s and digest not in self._known:
            raise TooManyRequestsError("Too many wrong keys from this network.", retry_after_s=math.ceil(wait_s))
        try:
            caller = await self._keys.identify(authorization)
        except UnauthorizedError:
            self._known.pop(digest, None)
            if authorization:
                self._failures.take(network)
            raise
        self._remember(digest)
        return caller

    def _remember(self, digest: str) -> None:
        if digest not in self._known and len(self._known) >= KNOWN_KEYS:
            del self._known[next(iter(self._known))]
        self._known[digest] = None
