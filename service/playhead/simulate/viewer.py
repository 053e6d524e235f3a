"""One viewer: what happens from the press of play until the tab is gone, as events by the client's clock."""

import enum
import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from playhead.events import NativeType
from playhead.simulate.audience import Client, Stream
from playhead.simulate.wire import SentError, SentEvent

HEARTBEAT_MS = 10_000
RENDITIONS = ((400, 640, 360), (1_200, 960, 540), (2_800, 1280, 720), (5_200, 1920, 1080))
"""(kbps, width, height), lowest first."""


class Fate(enum.StrEnum):
    """How a session goes."""

    accidental = "accidental"
    """Gone within a second, no first frame."""
    gave_up = "gave_up"
    """Left before the first frame."""
    startup_failure = "startup_failure"
    blocked = "blocked"
    """Refused for a business reason before the first frame."""
    failure = "failure"
    """A fatal error while playing."""
    vanished = "vanished"
    """Gone without a word: what was not sent yet is lost."""
    watched = "watched"
    """To the end, or quit."""


FATES: Mapping[Fate, float] = MappingProxyType(
    {
        Fate.accidental: 0.02,
        Fate.gave_up: 0.04,
        Fate.startup_failure: 0.015,
        Fate.blocked: 0.01,
        Fate.failure: 0.015,
        Fate.vanished: 0.1,
        Fate.watched: 0.8,
    }
)
"""The share of viewers each fate has, unless a test wants others."""


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """How often things happen: shares of viewers, and times a minute of playing."""

    fates: Mapping[Fate, float] = FATES
    stalls: float = 0.25
    seeks: float = 0.2
    pauses: float = 0.12
    switches: float = 0.35
    hidings: float = 0.1
    warnings: float = 0.03
    resizes: float = 0.05
    mean_watch_s: float = 300.0
    median_startup_ms: float = 900.0


class Viewer:
    """Plays one session out; `chance` decides everything, so the same one gives the same events."""

    def __init__(self, chance: random.Random, stream: Stream, client: Client, mix: Mix) -> None:
        self.fate = chance.choices(list(mix.fates), list(mix.fates.values()))[0]
        self._chance = chance
        self._stream = stream
        self._mix = mix
        self._events: list[SentEvent] = []
        self._now_ms = 0
        self._position_ms = 0
        self._next_beat_ms = 0
        self._dropped_frames = 0
        self._rendition = chance.randrange(len(RENDITIONS))
        self._size = (client.player_width, client.player_height)
        self._beats_when_paused = chance.random() < 0.5
        self._incidents = self._possible_incidents()

    def play_out(self, start_ms: int) -> list[SentEvent]:
        """Return the events of the session that begins at `start_ms` of the client's clock, in order."""
        self._now_ms = start_ms
        self._next_beat_ms = start_ms + HEARTBEAT_MS
        self._say(
            "play",
            visible=self._chance.random() > 0.03,
            muted=self._chance.random() < 0.3,
            player_width=self._size[0],
            player_height=self._size[1],
        )
        if self._start_up():
            self._watch()
            self._leave()
        return self._events

    def _start_up(self) -> bool:
        """Wait for the first frame and tell whether it came."""
        match self.fate:
            case Fate.accidental:
                self._wait(self._chance.randint(80, 950))
                self._say("quit")
            case Fate.gave_up:
                self._wait(self._chance.randint(2_000, 25_000))
                if self._chance.random() < 0.6:
                    self._say("quit")
            case Fate.startup_failure:
                self._wait(self._chance.randint(300, 9_000))
                self._fail("manifest-load", is_business=False)
            case Fate.blocked:
                self._wait(self._chance.randint(100, 1_500))
                self._fail("not-available-in-region", is_business=True)
            case _:
                self._wait(int(self._chance.lognormvariate(0, 0.6) * self._mix.median_startup_ms) + 60)
                self._say_rendition("playing")
                return True
        return False

    def _watch(self) -> None:
        """Play until the viewer has had enough or the content ends, with what happens on the way."""
        left_ms = int(self._chance.expovariate(1 / self._mix.mean_watch_s) * 1000) + 1_000
        incidents, weights = list(self._incidents), list(self._incidents.values())
        mean_gap_ms = 60_000 / sum(weights) if sum(weights) else float("inf")
        while left_ms > 0 and not self._is_at_end():
            gap_ms = int(min(self._chance.expovariate(1) * mean_gap_ms, left_ms, self._remaining_ms())) + 1
            self._play_on(gap_ms)
            left_ms -= gap_ms
            if left_ms > 0 and not self._is_at_end():
                self._chance.choices(incidents, weights)[0]()

    def _leave(self) -> None:
        if self.fate is Fate.vanished:
            return
        if self.fate is Fate.failure:
            self._fail(self._chance.choice(("segment-load", "decode", "buffer-append")), is_business=False)
            return
        if self._is_at_end():
            self._say("ended")
            self._wait(self._chance.randint(400, 8_000))
        self._say("quit")

    def _possible_incidents(self) -> dict[Callable[[], None], float]:
        mix = self._mix
        rates = {
            self._stall: mix.stalls,
            self._seek: 0.0 if self._stream.is_live else mix.seeks,
            self._pause: mix.pauses,
            self._switch: mix.switches,
            self._hide: mix.hidings,
            self._warn: mix.warnings,
            self._resize: mix.resizes,
        }
        return {incident: rate for incident, rate in rates.items() if rate}

    def _stall(self) -> None:
        self._say("rebuffer_start")
        self._wait(int(self._chance.lognormvariate(6.6, 1.1)) + 30, is_beating=True)
        self._say("rebuffer_end")

    def _seek(self) -> None:
        """Seek, now and then out of a pause; players rebuffer inside a seek, which is no rebuffering."""
        self._say("seek_start")
        self._wait(self._chance.randint(4, 40))
        self._position_ms = self._chance.randrange(self._stream.duration_ms)
        self._say("rebuffer_start")
        self._wait(self._chance.randint(5, 900))
        self._say("rebuffer_end")
        self._wait(self._chance.randint(0, 3))
        self._say("seek_end")

    def _pause(self) -> None:
        self._say("pause")
        self._wait(int(self._chance.lognormvariate(9.3, 1.2)) + 200, is_beating=self._beats_when_paused)
        if not self._stream.is_live and self._chance.random() < 0.15:
            self._seek()
            self._wait(self._chance.randint(200, 2_000))
        self._say("play")
        self._wait(self._chance.randint(1, 30))
        self._say("playing")

    def _switch(self) -> None:
        step = 1 if self._chance.random() < 0.55 else -1
        self._rendition = min(max(self._rendition + step, 0), len(RENDITIONS) - 1)
        self._say_rendition("quality_change")

    def _hide(self) -> None:
        self._say("visibility", visible=False)
        self._play_on(min(int(self._chance.lognormvariate(9.8, 1.0)), self._remaining_ms()))
        self._say("visibility", visible=True)

    def _warn(self) -> None:
        self._say("error", error=SentError("segment-retry", "a segment came at the second try", fatal=False))

    def _resize(self) -> None:
        width, height = self._size
        self._size = (height * 16 // 9, height) if width * 9 != height * 16 else (width * 3 // 2, height * 3 // 2)
        self._say("quality_change", player_width=self._size[0], player_height=self._size[1])

    def _fail(self, code: str, *, is_business: bool) -> None:
        self._say("error", error=SentError(code, "simulated", fatal=True, business=is_business))

    def _is_at_end(self) -> bool:
        return self._remaining_ms() <= 0

    def _remaining_ms(self) -> int:
        return 10**9 if self._stream.is_live else self._stream.duration_ms - self._position_ms

    def _play_on(self, span_ms: int) -> None:
        self._spend(span_ms, is_playing=True, is_beating=True)

    def _wait(self, span_ms: int, *, is_beating: bool = False) -> None:
        self._spend(span_ms, is_playing=False, is_beating=is_beating)

    def _spend(self, span_ms: int, *, is_playing: bool, is_beating: bool) -> None:
        """Let `span_ms` pass; heartbeats fall due as a browser's timer gives them, a few ms late."""
        until_ms = self._now_ms + span_ms
        while is_beating and self._next_beat_ms <= until_ms:
            self._go_to(self._next_beat_ms, is_playing=is_playing)
            self._beat()
            self._next_beat_ms += HEARTBEAT_MS + int(self._chance.random() * 17)
        self._go_to(until_ms, is_playing=is_playing)
        if not is_beating and self._next_beat_ms <= until_ms:
            self._next_beat_ms = until_ms + HEARTBEAT_MS

    def _go_to(self, instant_ms: int, *, is_playing: bool) -> None:
        if is_playing:
            self._position_ms += instant_ms - self._now_ms
        self._now_ms = instant_ms

    def _beat(self) -> None:
        if self._chance.random() < 0.1:
            self._dropped_frames += 1
        self._say("heartbeat", dropped_frames=self._dropped_frames)

    def _say_rendition(self, kind: NativeType) -> None:
        bitrate_kbps, width, height = RENDITIONS[self._rendition]
        self._say(
            kind,
            bitrate_kbps=bitrate_kbps,
            width=width,
            height=height,
            player_width=self._size[0],
            player_height=self._size[1],
        )

    def _say(self, kind: NativeType, **fields: Any) -> None:
        self._events.append(
            SentEvent(type=kind, ts=self._now_ms, seq=len(self._events), position_ms=self._position_ms, **fields)
        )
