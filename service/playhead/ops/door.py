"""Who may come in: keys are checked, and whoever tries many wrong ones has to wait."""

import math
from collections.abc import Callable

from playhead.addresses import Proxies, network_of, read_address
from playhead.buckets import TokenBuckets
from playhead.errors import TooManyRequestsError, UnauthorizedError
from playhead.ops.auth import Caller, Keys, hash_key
from playhead.settings import Settings

KNOWN_KEYS = 1000
UNKNOWN = 0
"""Stands for senders without an address."""


class Door:
    """Identifies callers. After too many wrong keys, a network is only let in with keys that were right before.

    So nobody can try keys at will, and nobody can lock out those who work behind the same address. Programs of this
    machine never wait: who runs them can do more than guess.
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
        network = self._find_network(peer_ip, forwarded_for)
        digest = hash_key(authorization or "")
        wait_s = 0.0 if network is None else self._failures.wait_s(network)
        if wait_s and digest not in self._known:
            raise TooManyRequestsError("Too many wrong keys from this network.", retry_after_s=math.ceil(wait_s))
        try:
            caller = await self._keys.identify(authorization)
        except UnauthorizedError:
            self._known.pop(digest, None)
            if authorization and network is not None:
                self._failures.take(network)
            raise
        self._remember(digest)
        return caller

    def _find_network(self, peer_ip: str | None, forwarded_for: str) -> int | None:
        """Return whose wrong keys count together; None: a program of this machine, whose do not count."""
        peer = read_address(peer_ip or "")
        # What a proxy on this machine passes on is not of this machine, whether the proxy is a trusted one or not.
        if peer is not None and peer.is_loopback and not forwarded_for:
            return None
        client = self._proxies.find_client(peer_ip, forwarded_for)
        return UNKNOWN if client is None else network_of(client)

    def _remember(self, digest: str) -> None:
        if digest not in self._known and len(self._known) >= KNOWN_KEYS:
            del self._known[next(iter(self._known))]
        self._known[digest] = None
