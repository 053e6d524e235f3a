"""The country an event came from: a proxy's header, then address databases, then the viewer's time zone.

Addresses are looked at and forgotten: nothing here keeps one, logs one or caches by one.
"""

import ipaddress
from bisect import bisect_right
from collections.abc import Callable, Mapping
from importlib import resources

import iptocc
import maxminddb

from playhead.addresses import Address, Proxies
from playhead.errors import SettingsError
from playhead.settings import Settings

_NOT_PUBLIC_NETWORKS = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::/127",
        "fc00::/7",
        "fe80::/10",
    )
)
_NOT_PUBLIC = {
    version: (
        [int(network[0]) for network in _NOT_PUBLIC_NETWORKS if network.version == version],
        [int(network[-1]) for network in _NOT_PUBLIC_NETWORKS if network.version == version],
    )
    for version in (4, 6)
}
"""First and last addresses of own, local and carrier networks, in order. `ip.is_global` knows more of them, but it
caches the addresses asked for."""

_OWN_COUNTRY_OF_ALIAS = {
    "Africa/Asmera": "ER",
    "Africa/Timbuktu": "ML",
    "America/Coral_Harbour": "CA",
    "America/Virgin": "VI",
    "Antarctica/South_Pole": "AQ",
    "Atlantic/Jan_Mayen": "SJ",
    "Iceland": "IS",
    "Pacific/Ponape": "FM",
    "Pacific/Truk": "FM",
    "Pacific/Yap": "FM",
}
"""Names that tzdata links to a zone of another country, because clocks have agreed there since 1970."""

_PLACELESS_ZONES = frozenset(
    ("CET", "CST6CDT", "EET", "EST", "EST5EDT", "HST", "MET", "MST", "MST7MDT", "PST8PDT", "WET")
)
"""Names that tzdata links to a city, though they say no more than an offset from UTC."""


class CountryFinder:
    """Finds countries by the settings' proxies, headers and database; raises SettingsError on unusable ones."""

    def __init__(self, settings: Settings) -> None:
        self._proxies = Proxies(settings.trusted_proxies)
        self._headers = tuple(name.lower() for name in settings.country_headers)
        self._countries, self._country_by_zone = read_countries()
        self._databases: list[Callable[[Address], str]] = [_ask_bundled_table]
        if settings.mmdb_path:
            self._databases.insert(0, _open_database(settings.mmdb_path))

    def find(self, headers: Mapping[str, str], peer: Address | None, timezone: str) -> str:
        """Return the ISO 3166 alpha-2 code of the first source that knows one, or "".

        `headers` have lower-case names; `peer` is who connected, None for a local socket; `timezone` is
        an IANA name or "". Headers are believed only if the peer lies within PLAYHEAD_TRUSTED_PROXIES.
        """
        if self._proxies.has(peer) and (country := self._read_headers(headers)):
            return country
        client = self._proxies.find_behind(peer, headers.get("x-forwarded-for", ""))
        return (self._locate(client) if client else "") or self._country_by_zone.get(timezone, "")

    def _read_headers(self, headers: Mapping[str, str]) -> str:
        return next((code for name in self._headers if (code := self._check(headers.get(name, "")))), "")

    def _locate(self, address: Address) -> str:
        number = int(address)
        firsts, lasts = _NOT_PUBLIC[address.version]
        before = bisect_right(firsts, number)
        if before and number <= lasts[before - 1]:
            return ""
        return next((code for ask in self._databases if (code := self._check(ask(address)))), "")

    def _check(self, code: str) -> str:
        """Return `code` in upper case if it is a country's; XX, T1, EU and the like are nobody's."""
        country = code.strip().upper()
        return country if country in self._countries else ""


def read_countries() -> tuple[frozenset[str], dict[str, str]]:
    """Return all ISO 3166 alpha-2 codes, and the code of each IANA time zone, old names included, that has one."""
    codes = frozenset(code for code, _ in _read_table("iso3166.tab"))
    country_by_zone = {zone: code for code, _, zone, *_ in _read_table("zone.tab")}
    target_by_alias = {alias: target for target, alias in _read_links()}
    for alias in target_by_alias.keys() - country_by_zone.keys() - _PLACELESS_ZONES:
        zone = alias
        while zone not in country_by_zone and zone in target_by_alias:
            zone = target_by_alias[zone]
        if zone in country_by_zone:
            country_by_zone[alias] = country_by_zone[zone]
    return codes, country_by_zone | _OWN_COUNTRY_OF_ALIAS


def _read_table(name: str) -> list[list[str]]:
    lines = _read_tzdata(name).splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def _read_links() -> list[tuple[str, str]]:
    links = (line.split() for line in _read_tzdata("tzdata.zi").splitlines() if line.startswith("L "))
    return [(target, alias) for _, target, alias in links]


def _read_tzdata(name: str) -> str:
    return resources.files("tzdata").joinpath("zoneinfo", name).read_text(encoding="utf-8")


def _ask_bundled_table(address: Address) -> str:
    return iptocc.country_code(str(address)) or ""


def _open_database(path: str) -> Callable[[Address], str]:
    try:
        reader = maxminddb.open_database(path)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise SettingsError(f"PLAYHEAD_MMDB_PATH: {error}") from error
    is_ipv4_only = reader.metadata().ip_version == 4

    def ask(address: Address) -> str:
        if is_ipv4_only and address.version == 6:
            return ""
        return _read_country(reader.get(address))

    return ask


def _read_country(record: object) -> str:
    """Return the code in a country or city record: where the address is used, else where it is registered."""
    if not isinstance(record, dict):
        return ""
    for key in ("country", "registered_country"):
        country = record.get(key)
        code = country.get("iso_code") if isinstance(country, dict) else None
        if isinstance(code, str):
            return code
    return ""
