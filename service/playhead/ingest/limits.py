"""How much one network and one stream may send; what is over it is answered 429 and sent again later."""

import math
from collections.abc import Mapping

from playhead.addresses import Address, Proxies, network_of
from playhead.buckets import TokenBuckets
from playhead.errors import TooManyRequestsError
from playhead.ingest.requests import Request
from playhead.settings import Settings

BURST_S = 10
"""A bucket holds as much as may come in so many seconds."""


class IngestLimits:
    """Token buckets by network and by stream, in bounded memory; raises SettingsError on unusable proxies."""

    def __init__(self, settings: Settings) -> None:
        self._proxies = Proxies(settings.trusted_proxies)
        self._networks = _buckets(settings.network_requests_per_s, settings.limit_keys)
        self._streams = _buckets(settings.stream_events_per_s, settings.limit_keys)

    def take_request(self, request: Request) -> None:
        """Count a request; raises TooManyRequestsError when its network sent too many. Loopback may send any number."""
        if self._networks is None:
            return
        client = self._find_client(request)
        if client is not None and not client.is_loopback:
            _refuse(self._networks.take(network_of(client)), "Too many requests from this network.")

    def take_events(self, events: Mapping[str, int], request: Request) -> None:
        """Count events by stream; raises TooManyRequestsError when one has too many. Loopback may send any number."""
        if self._streams is None:
            return
        client = self._find_client(request)
        if client is not None and client.is_loopback:
            return
        for stream_id, count in events.items():
            _refuse(self._streams.take(stream_id, count), "Too many events for this stream.")

    def _find_client(self, request: Request) -> Address | None:
        return self._proxies.find_behind(request.peer, request.headers.get("x-forwarded-for", ""))


def _buckets(rate: int, capacity: int) -> TokenBuckets | None:
    return TokenBuckets(rate, rate * BURST_S, capacity=capacity) if rate else None


def _refuse(wait_s: float, sentence: str) -> None:
    if wait_s:
        raise TooManyRequestsError(sentence, retry_after_s=math.ceil(wait_s))
