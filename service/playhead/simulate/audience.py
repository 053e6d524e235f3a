"""Who watches what: streams of uneven popularity, and clients with their device, clock and habits."""

import itertools
import random
from typing import Literal

import msgspec

from playhead.events import Provider

Protocol = Literal["native", "cmcd"]

POPULARITY_EXPONENT = 1.1
"""Zipf: the k-th stream is watched k ** -1.1 times as often as the first."""
LIVE_EVERY = 4

_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0"
_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
USER_AGENTS = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_SAFARI} Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {_SAFARI} Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {_CHROME} Mobile Safari/537.36",
    f"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) {_SAFARI} Safari/604.1",
    "Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/7.0 TV Safari/537.36",
)
TIME_ZONES = (
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/Warsaw",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Africa/Lagos",
    "Australia/Sydney",
)
PLAYER_SIZES = ((640, 360), (960, 540), (1280, 720), (1920, 1080), (390, 219))


class Stream(msgspec.Struct, frozen=True):
    """What is watched; `duration_ms` is 0 for live."""

    stream_id: str
    title: str
    duration_ms: int
    provider: Provider

    @property
    def is_live(self) -> bool:
        """Tell whether the stream has no end."""
        return self.duration_ms == 0


class Client(msgspec.Struct, frozen=True):
    """One device: `skew_ms` is how far its clock is ahead of true time."""

    client_id: str
    user_agent: str
    timezone: str
    player_width: int
    player_height: int
    skew_ms: int
    tells_sent_at: bool
    has_json_type: bool


class Catalogue:
    """`count` streams, the most popular first; every fourth is live."""

    def __init__(self, count: int, seed: int) -> None:
        self.streams = [_make_stream(rank, random.Random(f"stream:{seed}:{rank}")) for rank in range(1, count + 1)]
        self._weights = list(itertools.accumulate(rank**-POPULARITY_EXPONENT for rank in range(1, count + 1)))

    def choose(self, chance: random.Random) -> Stream:
        """Return a stream, by popularity."""
        return chance.choices(self.streams, cum_weights=self._weights)[0]


def _make_stream(number: int, chance: random.Random) -> Stream:
    is_live = number % LIVE_EVERY == 0
    minutes = chance.choice((2, 5, 12, 25, 45, 90))
    return Stream(
        stream_id=f"sim-{'live' if is_live else 'vod'}-{number:03}",
        title=f"Simulated {'channel' if is_live else 'film'} {number}",
        duration_ms=0 if is_live else minutes * 60_000 - chance.randrange(30_000),
        provider=chance.choice(("hls", "dash", "native")),
    )


def make_client(name: str, seed: int) -> Client:
    """Return the client `name`; the same name and seed give the same client."""
    chance = random.Random(f"client:{seed}:{name}")
    width, height = chance.choice(PLAYER_SIZES)
    skew_ms = _clock_skew_ms(chance)
    return Client(
        client_id=f"{chance.getrandbits(128):032x}",
        user_agent=chance.choice(USER_AGENTS),
        timezone=chance.choice(TIME_ZONES),
        player_width=width,
        player_height=height,
        skew_ms=skew_ms,
        tells_sent_at=skew_ms != 0 or chance.random() < 0.8,
        has_json_type=chance.random() < 0.5,
    )


def _clock_skew_ms(chance: random.Random) -> int:
    """Most clocks are right, some a few seconds off, a few by hours: a wrong zone set by hand."""
    kind = chance.random()
    if kind < 0.7:
        return 0
    if kind < 0.95:
        return chance.randint(-8_000, 8_000)
    return chance.randint(-3, 3) * 3_600_000 + chance.randint(-90_000, 90_000)


def make_uuid7(ts_ms: int, bits: int) -> str:
    """Return the UUID version 7 of `ts_ms` with `bits` (at least 74 used) for its random part."""
    value = (ts_ms << 80) | (0x7 << 76) | ((bits >> 62 & 0xFFF) << 64) | (0b10 << 62) | (bits & (2**62 - 1))
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
