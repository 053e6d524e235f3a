"""What the API answers about single sessions. Times are ms since the epoch, UTC; None is what cannot be known."""

from typing import Annotated, Literal

import msgspec

from playhead.events import NativeType
from playhead.serve.answers import Begin, End, Freshness

State = Literal["idle", "starting", "playing", "paused", "rebuffering", "seeking", "failed", "ended"]


def _meta(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One session; docs/metrics.md has the formulas."""

    stream_id: str
    session_id: str
    title: Annotated[str | None, _meta("The registry's title of the stream; null: not registered.")]
    organizer_id: Annotated[str | None, _meta("The registry's organizer; null: not registered.")]
    client_id: Annotated[str, _meta("The client of its first event.")]
    started_at: Annotated[int, _meta("Instant of its first event.")]
    last_at: Annotated[int, _meta("Instant of its last event.")]
    skew_ms: Annotated[int, _meta("What the service's clock is ahead of the player's.")]
    events: Annotated[int, _meta("Distinct events.")]
    is_truncated: Annotated[bool, _meta("It has more events than count; its figures are of the first ones.")]
    is_bot: Annotated[bool, _meta("A declared crawler's.")]
    is_attempt: Annotated[bool, _meta("It tried to play, and not by accident.")]
    is_play: Annotated[bool, _meta("An attempt with a first frame.")]
    has_error: Annotated[bool, _meta("It had an error, fatal or not.")]
    has_failure: Annotated[bool, _meta("It had a fatal error that is not business.")]
    has_business_error: Annotated[bool, _meta("It had a fatal business error.")]
    starting_time_s: float
    playing_time_s: float
    playing_hidden_time_s: Annotated[float, _meta("The part of playing in which it was not visible.")]
    paused_time_s: float
    rebuffering_time_s: Annotated[
        float | None, _meta("Time in state rebuffering; null: the player cannot report rebuffering.")
    ]
    seeking_time_s: float
    startup_ms: Annotated[int | None, _meta("From the first play to the first frame.")]
    rebuffer_count: Annotated[int | None, _meta("Rebuffering episodes of at least 250 ms.")]
    rebuffer_time_s: Annotated[float | None, _meta("The time of those episodes.")]
    avg_bitrate_kbps: Annotated[float | None, _meta("Mean over playing time with known bitrate, kbit/s.")]
    qoe_score: Annotated[float | None, _meta("0..100; null: no attempt, a business error, or nothing known.")]
    error_codes: Annotated[list[str], _meta("Codes of its errors, each once, in order.")]
    provider: str | None
    player_name: str | None
    player_version: str | None
    country: Annotated[str | None, _meta("ISO 3166 alpha-2.")]
    device: str
    os: str | None
    browser: str | None
    content_title: Annotated[str | None, _meta("The player's word.")]
    content_duration_ms: int | None
    content_is_live: bool | None
    page_url: Annotated[str | None, _meta("Origin and path.")]
    timezone: str | None


class SessionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a stream's sessions, newest first."""

    from_: Begin = msgspec.field(name="from")
    to: End
    freshness_s: Freshness
    items: list[SessionRow]
    next_cursor: Annotated[str | None, _meta("`cursor` of the next page; null: this is the last.")]


class TimelineError(msgspec.Struct, frozen=True, kw_only=True):
    """The error of an event of type error."""

    code: str
    message: str
    fatal: bool
    business: bool


class EventFields(msgspec.Struct, frozen=True, kw_only=True):
    """What an event carried, null where it did not, and the state after it."""

    at: Annotated[int, _meta("When it was: ts, corrected by the session's skew.")]
    ts: Annotated[int, _meta("The player's clock.")]
    seq: int
    type: NativeType | Literal["other"]
    state: State
    received_at: int
    position_ms: int | None
    bitrate_kbps: int | None
    width: int | None
    height: int | None
    player_width: int | None
    player_height: int | None
    dropped_frames: int | None
    visible: bool | None
    muted: bool | None
    playback_rate: float | None


class TimelineEvent(EventFields, frozen=True, kw_only=True):
    """One event of a session."""

    error: Annotated[TimelineError | None, _meta("Of an event of type error alone.")]


class StateInterval(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch [from, to) in one state, or a gap: more than 60 s without an event, given to no state."""

    from_: int = msgspec.field(name="from")
    to: int
    state: State | Literal["gap"]
    is_counted: Annotated[bool, _meta("Its time is in the session's figures; false for a gap.")]


class SessionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One session, its events in order and the states they make.

    The events are read as they are now and may be ahead of the row by `freshness_s`; of a truncated session they are
    those that count.
    """

    freshness_s: Freshness
    session: SessionRow
    timeline: list[TimelineEvent]
    states: list[StateInterval]


class LiveStream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that is being watched."""

    stream_id: str
    title: Annotated[str | None, _meta("The registry's title; null: not registered.")]
    organizer_id: Annotated[str | None, _meta("The registry's organizer; null: not registered.")]
    concurrent: int


class LiveAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions are active now: those heard of in the last 60 s that were active up to then."""

    at: Annotated[int, _meta("Now, by the database's clock.")]
    freshness_s: Freshness
    is_approximate: Annotated[bool, _meta("Always: who leaves counts for up to a minute more.")] = True
    concurrent: int
    streams: Annotated[list[LiveStream], _meta("The most watched first.")]
