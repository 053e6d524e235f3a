"""What the service adds to an event about where it came from; the address itself stops here."""

from collections.abc import Mapping

import msgspec

from playhead.addresses import Address
from playhead.ingest.country import CountryFinder
from playhead.ingest.device import AgentReader, Device
from playhead.settings import Settings


class Origin(msgspec.Struct, frozen=True):
    """Where a request came from; "" is unknown, `country` an ISO 3166 alpha-2 code."""

    country: str
    device: Device
    os: str
    browser: str


class Enricher:
    """Describes requests by their headers and address; raises SettingsError on unusable proxies or database."""

    def __init__(self, settings: Settings) -> None:
        self._countries = CountryFinder(settings)
        self._agents = AgentReader()

    def describe(self, headers: Mapping[str, str], peer: Address | None, timezone: str) -> Origin:
        """Return the origin of a request with `headers` (names in lower case), connected from `peer`.

        `timezone` is the IANA name the sender gave, or ""; it decides where nothing else knows the country.
        """
        agent = self._agents.read(
            headers.get("user-agent", ""),
            headers.get("sec-ch-ua-mobile", ""),
            headers.get("sec-ch-ua-platform", ""),
        )
        country = self._countries.find(headers, peer, timezone)
        return Origin(country=country, device=agent.device, os=agent.os, browser=agent.browser)
