"""User agents as they are sent, with the device, system and browser they declare."""

import pytest

from playhead.addresses import read_address
from playhead.ingest.device import AgentReader
from playhead.ingest.enrich import Enricher, Origin
from playhead.settings import Settings
from tests.unit.ingest.user_agents import CASES, CHROME_ON_LINUX, REDUCED_ANDROID, TVS


@pytest.fixture(scope="module")
def reader() -> AgentReader:
    """One reader for all: it takes a third of a second to make."""
    return AgentReader()


def test_the_table_is_large_enough() -> None:
    """At least sixty different agents are looked at."""
    assert len({agent for agent, *_ in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize(("agent", "device", "system", "browser"), CASES)
def test_agents_are_what_they_declare(
    reader: AgentReader, *, agent: str, device: str, system: str | None, browser: str | None
) -> None:
    """Each agent has its device; its system and browser too where the table names them."""
    read = reader.read(agent)

    assert read.device == device
    assert system is None or read.os == system
    assert browser is None or read.browser == browser


@pytest.mark.parametrize(
    ("agent", "mobile", "platform", "device", "system"),
    [
        (
            CHROME_ON_LINUX,
            "?0",
            '"Android"',
            "tablet",
            "Linux",
        ),
        (
            CHROME_ON_LINUX,
            "?1",
            '"Android"',
            "mobile",
            "Linux",
        ),
        (
            REDUCED_ANDROID,
            "?1",
            '"Android"',
            "mobile",
            "Android",
        ),
        (
            REDUCED_ANDROID,
            "?0",
            '"Android"',
            "tablet",
            "Android",
        ),
        ("ExampleApp/1", "?1", "", "mobile", ""),
        ("ExampleApp/1", "?0", '"Windows"', "desktop", "Windows"),
        ("", "?0", '"macOS"', "desktop", "macOS"),
        ("", "", '"Chrome OS"', "desktop", "ChromeOS"),
        ("", "", '"Unknown"', "unknown", ""),
        ("ExampleApp/1", "", '"iOS"', "mobile", "iOS"),
        ("Twitterbot/1.0", "?1", '"Android"', "bot", "Android"),
    ],
)
def test_hints_fill_what_agents_leave_open(
    reader: AgentReader, *, agent: str, mobile: str, platform: str, device: str, system: str
) -> None:
    """Client hints decide where the user agent is reduced or says nothing."""
    read = reader.read(agent, mobile, platform)

    assert (read.device, read.os) == (device, system)


def test_what_is_remembered_is_bounded(reader: AgentReader) -> None:
    """Long agents are cut before they are looked at, and long names with them."""
    assert reader.read("x" * 512 + " Twitterbot/1.0").device == "unknown"
    read = reader.read("Mozilla/5.0 (compatible; " + "x" * 10_000 + "bot/1.0)", "", "y" * 10_000)

    assert len(read.os) <= 64
    assert len(read.browser) <= 64
    assert reader._read_cached.cache_info().maxsize == 4096


def test_a_request_is_described_by_its_headers() -> None:
    """The enricher joins country and device of one request."""
    enricher = Enricher(Settings(trusted_proxies=("127.0.0.1/32",)))
    headers = {"user-agent": TVS[2][0], "cf-ipcountry": "KR", "sec-ch-ua-mobile": "?0"}

    assert enricher.describe(headers, read_address("127.0.0.1"), "") == Origin(
        country="KR", device="tv", os="webOS", browser="Chrome"
    )
    assert enricher.describe({}, None, "") == Origin(country="", device="unknown", os="", browser="")
