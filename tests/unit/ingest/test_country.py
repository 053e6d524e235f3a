"""The country is that of the first source that knows one, and headers count from trusted proxies only."""

import logging
from pathlib import Path

import pytest

from playhead.addresses import read_address
from playhead.errors import SettingsError
from playhead.ingest.country import CountryFinder, read_countries
from playhead.settings import Settings
from tests.unit.ingest.mmdb_file import UINT32, write_mmdb

PROXY = "10.0.0.1"
PROXIES = ("10.0.0.0/8", "2001:db8:1::/48")

GOOGLE = "8.8.8.8"
"""US in the bundled table, as GOOGLE_6."""
GOOGLE_6 = "2001:4860:4860::8888"
BRAZIL = "200.160.2.3"
NETHERLANDS = "193.0.6.139"


@pytest.fixture(scope="module")
def finder() -> CountryFinder:
    """A finder that trusts PROXIES and has the bundled table only."""
    return CountryFinder(Settings(trusted_proxies=PROXIES))


@pytest.mark.parametrize(
    ("headers", "peer_ip", "timezone", "expected"),
    [
        # The header of a trusted proxy goes before all else.
        ({"cf-ipcountry": "DE"}, PROXY, "", "DE"),
        ({"cf-ipcountry": "de"}, PROXY, "America/New_York", "DE"),
        ({"cf-ipcountry": " SE "}, "2001:db8:1::7", "", "SE"),
        ({"cf-ipcountry": "DE", "x-forwarded-for": BRAZIL}, PROXY, "", "DE"),
        ({"cloudfront-viewer-country": "FR"}, PROXY, "", "FR"),
        ({"x-country-code": "NO", "cf-ipcountry": "DE"}, PROXY, "", "DE"),
        ({"cf-ipcountry": "XX", "x-country-code": "NO"}, PROXY, "", "NO"),
        ({"cf-ipcountry": "T1", "x-forwarded-for": BRAZIL}, PROXY, "", "BR"),
        ({"cf-ipcountry": "EU"}, PROXY, "", ""),
        ({"cf-ipcountry": "Germany"}, PROXY, "Europe/Berlin", "DE"),
        ({"x-real-country": "DE"}, PROXY, "", ""),
        # A stranger's headers are nothing.
        ({"cf-ipcountry": "DE"}, GOOGLE, "", "US"),
        ({"cf-ipcountry": "DE"}, None, "", ""),
        ({"x-forwarded-for": BRAZIL}, GOOGLE, "", "US"),
        # The address of the peer, or of the last hop before the proxies.
        ({}, GOOGLE, "Europe/Berlin", "US"),
        ({}, GOOGLE_6, "", "US"),
        ({}, f"::ffff:{GOOGLE}", "", "US"),
        ({}, NETHERLANDS, "", "NL"),
        ({"x-forwarded-for": BRAZIL}, PROXY, "", "BR"),
        ({"x-forwarded-for": BRAZIL}, f"::ffff:{PROXY}", "", "BR"),
        ({"x-forwarded-for": f"{NETHERLANDS}, {BRAZIL}, 10.9.9.9"}, PROXY, "", "BR"),
        ({"x-forwarded-for": f"{BRAZIL}:4711"}, PROXY, "", "BR"),
        ({"x-forwarded-for": f"[{GOOGLE_6}]:443"}, PROXY, "", "US"),
        ({"x-forwarded-for": f"{BRAZIL}, unknown"}, PROXY, "Asia/Tokyo", "JP"),
        ({"x-forwarded-for": "10.1.1.1"}, PROXY, "Asia/Tokyo", "JP"),
        ({"x-forwarded-for": ""}, PROXY, "", ""),
        # Where the address says nothing, the time zone does.
        ({}, "127.0.0.1", "Europe/Amsterdam", "NL"),
        ({}, "::1", "Europe/Amsterdam", "NL"),
        ({}, "192.168.1.10", "America/Sao_Paulo", "BR"),
        ({}, "172.20.0.5", "Asia/Calcutta", "IN"),
        ({}, "100.64.3.4", "Asia/Kolkata", "IN"),
        ({}, "169.254.1.1", "Europe/Kiev", "UA"),
        ({}, "fe80::1%eth0", "US/Pacific", "US"),
        ({}, "fd00::1", "Asia/Saigon", "VN"),
        ({}, "0.0.0.0", "Europe/Belfast", "GB"),
        ({}, "192.0.2.1", "Australia/ACT", "AU"),
        ({}, "testclient", "Africa/Lagos", "NG"),
        ({}, None, "Africa/Asmera", "ER"),
        ({}, None, "Iceland", "IS"),
        ({}, None, "Atlantic/Reykjavik", "IS"),
        ({}, None, "Pacific/Truk", "FM"),
        ({}, None, "Singapore", "SG"),
        ({}, None, "PRC", "CN"),
        # No place at all.
        ({}, None, "Etc/UTC", ""),
        ({}, None, "UTC", ""),
        ({}, None, "Etc/GMT+5", ""),
        ({}, None, "CET", ""),
        ({}, None, "EST", ""),
        ({}, None, "PST8PDT", ""),
        ({}, None, "Mars/Olympus", ""),
        ({}, None, "", ""),
    ],
)
def test_the_first_source_that_knows_decides(
    finder: CountryFinder, headers: dict[str, str], peer_ip: str | None, timezone: str, expected: str
) -> None:
    """Header, address and time zone are asked in this order."""
    assert finder.find(headers, read_address(peer_ip) if peer_ip else None, timezone) == expected


def test_other_headers_can_be_chosen() -> None:
    """The setting names the headers, in any case, and replaces the usual ones."""
    finder = CountryFinder(Settings(trusted_proxies=PROXIES, country_headers=("X-Geo",)))

    assert finder.find({"x-geo": "PT", "cf-ipcountry": "DE"}, read_address(PROXY), "") == "PT"
    assert finder.find({"cf-ipcountry": "DE"}, read_address(PROXY), "") == ""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that differs from the bundled table."""
    return write_mmdb(
        tmp_path_factory.mktemp("mmdb") / "country.mmdb",
        {
            "8.8.8.0/24": {"country": {"iso_code": "CH", "names": {"en": "Switzerland"}}},
            "9.9.9.0/24": {"registered_country": {"iso_code": "AT"}},
            "200.160.2.0/24": {"continent": {"code": "SA"}},
            "193.0.0.0/16": {"country": {"iso_code": "XK"}},
            "10.0.0.0/8": {"country": {"iso_code": "DE"}},
            "2001:4860::/32": {"country": {"iso_code": "LI"}, "registered_country": {"iso_code": "US"}},
        },
    )


@pytest.mark.parametrize(
    ("peer_ip", "expected"),
    [
        (GOOGLE, "CH"),
        (f"::ffff:{GOOGLE}", "CH"),
        ("9.9.9.9", "AT"),
        (GOOGLE_6, "LI"),
        (BRAZIL, "BR"),
        (NETHERLANDS, "NL"),
        ("1.0.16.1", "JP"),
        ("10.2.3.4", ""),
    ],
)
def test_a_database_goes_before_the_bundled_table(database: Path, peer_ip: str, expected: str) -> None:
    """The MMDB file is asked first; where it knows no country the bundled table answers; private stays unknown."""
    finder = CountryFinder(Settings(mmdb_path=str(database)))

    assert finder.find({}, read_address(peer_ip), "") == expected


def test_an_ipv4_database_leaves_ipv6_to_the_table(tmp_path: Path) -> None:
    """A database of IPv4 addresses only is no fault for the others."""
    path = write_mmdb(tmp_path / "v4.mmdb", {"8.8.8.0/24": {"country": {"iso_code": "CH"}}}, ip_version=4)
    finder = CountryFinder(Settings(mmdb_path=str(path)))

    assert finder.find({}, read_address(GOOGLE), "") == "CH"
    assert finder.find({}, read_address(GOOGLE_6), "") == "US"


def test_records_of_another_shape_are_no_fault(tmp_path: Path) -> None:
    """A database that holds something else than countries answers nothing."""
    path = write_mmdb(
        tmp_path / "odd.mmdb",
        {
            "8.8.8.0/24": "text",
            "9.9.9.0/24": {"country": "CH"},
            "200.160.2.0/24": {"country": {"iso_code": (UINT32, 7)}},
        },
    )
    finder = CountryFinder(Settings(mmdb_path=str(path)))

    assert [finder.find({}, read_address(address), "") for address in (GOOGLE, BRAZIL)] == ["US", "BR"]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """A broken file stops the start with the setting's name."""
    path = tmp_path / "broken.mmdb"
    path.write_bytes(b"not a database")

    with pytest.raises(SettingsError, match="PLAYHEAD_MMDB_PATH"):
        CountryFinder(Settings(mmdb_path=str(path)))


def test_a_proxy_that_is_no_network_is_named() -> None:
    """A network that cannot be read stops the start with the setting's name."""
    with pytest.raises(SettingsError, match="PLAYHEAD_TRUSTED_PROXIES"):
        CountryFinder(Settings(trusted_proxies=("10.0.0.0/33",)))


def test_every_zone_leads_to_a_country_of_the_list() -> None:
    """The table made of tzdata holds all its places, old names included, and only codes that exist."""
    codes, country_by_zone = read_countries()

    assert len(codes) >= 249
    assert len(country_by_zone) > 500
    assert set(country_by_zone.values()) <= codes


def test_addresses_are_not_logged(finder: CountryFinder, caplog: pytest.LogCaptureFixture) -> None:
    """Finding a country writes nothing anywhere."""
    caplog.set_level(logging.DEBUG)
    finder.find({"x-forwarded-for": BRAZIL}, read_address(PROXY), "")

    assert caplog.text == ""
