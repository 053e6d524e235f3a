"""What kind of device plays, with which system and browser, as its user agent declares it.

What a user agent cannot tell is not guessed: an iPad that asks for desktop pages is a Mac to everybody, a
Windows tablet is a desktop.
"""

import functools
import re
from typing import Literal

import msgspec
from ua_parser import Parser, Result, load_lazy_builtins
from ua_parser.regex import Resolver

Device = Literal["desktop", "mobile", "tablet", "tv", "console", "bot", "unknown"]

MAX_AGENT_CHARACTERS = 512
MAX_FAMILY_CHARACTERS = 64
CACHED_AGENTS = 4096

_BOT = re.compile(
    r"(?<!cu)bots?(?![a-z])|crawl|spider|slurp|archiver|scrapy|screaming frog|bingpreview|qwantify|\byeti/"
    r"|facebookexternalhit|facebookcatalog|meta-externalagent|meta-externalfetcher|^whatsapp/"
    r"|mediapartners-google|feedfetcher-google|googleother|google-inspectiontool|google-extended|google-read-aloud"
    r"|chatgpt-user|perplexity-user|claude-user|embedly|pingdom|statuscake|compatible;[^)]*\+https?://",
    re.IGNORECASE,
)
"""Who says to be a crawler, a link preview or a monitor. Not by far all that is automatic: HTTP libraries
and headless browsers say what they are made of, not what they are for."""

_CONSOLE = re.compile(r"playstation|\bxbox\b|nintendo", re.IGNORECASE)
_TABLET = re.compile(r"\bipad|playbook|\btablet(?! pc)|\bkindle\b|\bKF[A-Z]{3,5}\b", re.IGNORECASE)
_IPHONE = re.compile(r"\bip(?:hone|od)\b", re.IGNORECASE)
_IPAD = re.compile(r"\bipad", re.IGNORECASE)
_TV = re.compile(
    r"\btv\b|smart-?tv|apple ?tv|google ?tv|\bmi ?(?:tv|box)|hbbtv|inettvbrowser|\bdtv|web0s|webos\.tv|netcast"
    r"|bravia|viera|vidaa|\broku\b|crkey|chromecast|\baft[a-z0-9]{1,8}\b|smartcast|\btizen\b(?!.*\bmobile\b)",
    re.IGNORECASE,
)
_MOBILE = re.compile(r"\bmobile\b|windows phone|blackberry|\bbb10\b|opera mini|kaios|symbian", re.IGNORECASE)
_DESKTOP = re.compile(r"windows nt|macintosh|\bx11\b|\bcros\b|linux (?:x86_64|i686|aarch64)", re.IGNORECASE)
_DESKTOP_PLATFORMS = frozenset(("Windows", "macOS", "Linux", "Chrome OS", "Chromium OS"))

_SYSTEMS = {
    "Mac OS X": "macOS",
    "ATV OS X": "tvOS",
    "Chrome OS": "ChromeOS",
    "Chromium OS": "ChromeOS",
    "Web0S": "webOS",
    "Chromecast Android": "Android",
    "Ubuntu": "Linux",
    "Debian": "Linux",
    "Fedora": "Linux",
    "Other": "",
}


class Agent(msgspec.Struct, frozen=True):
    """What a user agent tells; "" is unknown."""

    device: Device
    os: str
    browser: str


class AgentReader:
    """Reads user agents; the last 4096 different ones are remembered."""

    def __init__(self) -> None:
        self._parser = Parser(Resolver(load_lazy_builtins()))
        self._read_cached = functools.lru_cache(CACHED_AGENTS)(self._read)

    def read(self, user_agent: str, mobile_hint: str = "", platform_hint: str = "") -> Agent:
        """Return what `user_agent` tells, with the Sec-CH-UA-Mobile and -Platform headers for what it leaves open."""
        platform = platform_hint.strip('" ')[:MAX_FAMILY_CHARACTERS]
        return self._read_cached(user_agent[:MAX_AGENT_CHARACTERS].strip(), mobile_hint.strip(), platform)

    def _read(self, user_agent: str, mobile_hint: str, platform: str) -> Agent:
        parsed = self._parser.parse(user_agent)
        return Agent(
            device=_classify(user_agent, mobile_hint, platform),
            os=_read_system(parsed, user_agent, platform),
            browser=parsed.user_agent.family[:MAX_FAMILY_CHARACTERS] if parsed.user_agent else "",
        )


def _classify(user_agent: str, mobile_hint: str, platform: str) -> Device:
    # Apple's phones come before TVs, since players of broadcasters have TV in their names.
    by_pattern: tuple[tuple[re.Pattern[str], Device], ...] = (
        (_BOT, "bot"),
        (_CONSOLE, "console"),
        (_IPAD, "tablet"),
        (_IPHONE, "mobile"),
        (_TV, "tv"),
        (_TABLET, "tablet"),
        (_MOBILE, "mobile"),
    )
    for pattern, device in by_pattern:
        if pattern.search(user_agent):
            return device
    if "Android" in user_agent or platform == "Android":
        return _classify_android(user_agent, mobile_hint)
    if _DESKTOP.search(user_agent):
        return "desktop"
    return _classify_hints(mobile_hint, platform)


def _classify_android(user_agent: str, mobile_hint: str) -> Device:
    """Tell tablets by the absent word Mobile, which browsers write for phones but other programs do not."""
    is_browser = user_agent.startswith("Mozilla/") or mobile_hint == "?0"
    return "tablet" if is_browser and mobile_hint != "?1" else "mobile"


def _classify_hints(mobile_hint: str, platform: str) -> Device:
    if mobile_hint == "?1" or platform == "iOS":
        return "mobile"
    return "desktop" if platform in _DESKTOP_PLATFORMS else "unknown"


def _read_system(parsed: Result, user_agent: str, platform: str) -> str:
    family = parsed.os.family if parsed.os else ""
    if not family and "PlayStation" in user_agent:
        return "PlayStation"
    if not family and "Nintendo" in user_agent:
        return "Nintendo"
    family = family or (platform if platform != "Unknown" else "")
    return _SYSTEMS.get(family, family)[:MAX_FAMILY_CHARACTERS]
