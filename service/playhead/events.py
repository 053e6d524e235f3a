"""The wire contract: what players may send, and the row each accepted event becomes.

`Envelope` and `Event` are the native protocol's bodies. `EventRow` is one event with all that is known of it;
`EventBatch` is what is inserted: what the events of one request and session share, once, and the events as they were
sent. Both encode to JSONCompactEachRow at C speed. Of a body with nothing to round, cut or refuse (`PlainEnvelope`)
no rows are made: its events go into an `EventBatch` as they were decoded.
"""

import enum
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

MAX_EVENTS_PER_BATCH = 500
MAX_INTEGER = 2**53 - 1
MAX_CODE_CHARACTERS = 128
MAX_MESSAGE_CHARACTERS = 1024


class EventType(enum.IntEnum):
    """Types in the order in which events of one `ts` and `seq` are taken; values are stored."""

    play = 1
    playing = 2
    pause = 3
    rebuffer_start = 4
    rebuffer_end = 5
    seek_start = 6
    seek_end = 7
    heartbeat = 8
    quality_change = 9
    visibility = 10
    error = 11
    ended = 12
    quit = 13
    other = 14
    """Kept, no state: events of other protocols without a counterpart; never sent natively."""


NativeType = Literal[
    "play",
    "playing",
    "pause",
    "rebuffer_start",
    "rebuffer_end",
    "seek_start",
    "seek_end",
    "heartbeat",
    "quality_change",
    "visibility",
    "error",
    "ended",
    "quit",
]
Provider = Literal["hls", "dash", "native", "youtube", "bunny", "other"]

IDENTIFIER_PATTERN = r"\A[A-Za-z0-9._:~-]+\Z"
MAX_IDENTIFIER_LENGTH = 128
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_IDENTIFIER_LENGTH, pattern=IDENTIFIER_PATTERN)]
UUID_PATTERN = r"\A[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z"
SessionId = Annotated[
    str,
    msgspec.Meta(
        pattern=UUID_PATTERN,
        description="A UUID; kept in lower case.",
        extra_json_schema={"format": "uuid"},
    ),
]
Instant = (
    Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER, description="Milliseconds since the epoch, UTC.")]
    | Annotated[float, msgspec.Meta(ge=0, le=MAX_INTEGER, description="The same; fractions are rounded.")]
)
Count = (
    Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1, description="Not negative; 0 is the same as unknown.")]
    | Annotated[float, msgspec.Meta(ge=0, le=2**32 - 1, description="The same; fractions are rounded.")]
)
Number = (
    Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER, description="Not negative.")]
    | Annotated[float, msgspec.Meta(ge=0, le=MAX_INTEGER, description="The same; fractions are rounded.")]
)
Rate = Annotated[float, msgspec.Meta(ge=-1000, le=1000, description="1 is normal speed; negative is backwards.")]


class Visibility(enum.IntEnum):
    """What is stored of `visible`; `unknown` carries nothing."""

    unknown = 0
    hidden = 1
    visible = 2


class ErrorDetail(msgspec.Struct, frozen=True):
    """The error of an event of type `error`; longer texts are cut to 128 and 1024 characters."""

    code: str
    message: str | None = None
    fatal: bool | None = None
    business: bool | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a player did, as the native protocol sends it; null is the same as absent."""

    type: NativeType
    ts: Instant
    seq: Number
    position_ms: Number | None = None
    bitrate_kbps: Count | None = None
    width: Count | None = None
    height: Count | None = None
    player_width: Count | None = None
    player_height: Count | None = None
    dropped_frames: Count | None = None
    visible: bool | None = None
    muted: bool | None = None
    playback_rate: Rate | None = None
    error: ErrorDetail | None = None


class Player(msgspec.Struct, frozen=True, kw_only=True):
    """The player of a batch."""

    provider: Provider | None = None
    name: str | None = None
    version: str | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What the sender says of the content; the registry's word comes before it."""

    title: str | None = None
    duration_ms: Number | None = None
    live: bool | None = None


class Rejection(msgspec.Struct, frozen=True):
    """Why the event at `index` of a batch was not taken."""

    index: int
    code: Literal["invalid_event", "unknown_type", "too_old", "in_future", "unknown_stream"]
    message: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a native batch; null is the same as absent."""

    stream_id: Identifier
    client_id: Identifier
    session_id: SessionId | None = None
    sent_at: Instant | None = None
    player: Player | None = None
    content: Content | None = None
    page_url: str | None = None
    timezone: str | None = None
    events: Annotated[list[Event], msgspec.Meta(min_length=1, max_length=MAX_EVENTS_PER_BATCH)]


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The reply to a native batch; `session_id` is the one to go on with, `server_time` in ms."""

    accepted: int
    rejected: list[Rejection]
    session_id: str
    server_time: int


class EventRow(msgspec.Struct, array_like=True, kw_only=True, gc=False):
    """One row for `playback_events`, before the database adds what it can work out itself.

    `received_ms` and `sent_offset_ms` (None: the batch has no usable sent_at) are not stored as they are:
    the table packs both into its `version`, which decides among copies, and gives them back as
    `received_at` and `offset_ms`. `position_ms` and `dropped_frames` are stored in a smaller form and given back
    as they are. 0 in a number and "" in a text mean unknown.
    """

    stream_id: str
    session_id: str
    client_id: str
    ts: int
    seq: int
    type: int
    received_ms: int
    sent_offset_ms: int | None
    position_ms: int | None = None
    bitrate_kbps: int = 0
    width: int = 0
    height: int = 0
    player_width: int = 0
    player_height: int = 0
    dropped_frames: int | None = None
    visible: int = 0
    muted: bool | None = None
    playback_rate: float | None = None
    error_code: str = ""
    error_message: str = ""
    is_error_fatal: bool = False
    is_error_business: bool = False
    provider: str = ""
    player_name: str = ""
    player_version: str = ""
    content_title: str = ""
    content_duration_ms: int = 0
    content_is_live: bool | None = None
    page_url: str = ""
    timezone: str = ""
    country: str = ""
    device: str = ""
    os: str = ""
    browser: str = ""


_SENT_AS = {"position_ms": "sent_position_ms", "dropped_frames": "sent_dropped_frames"}
EVENT_COLUMNS: tuple[str, ...] = tuple(_SENT_AS.get(name, name) for name in EventRow.__struct_fields__)
"""The columns of `playback_events` that the fields of EventRow are inserted into, in their order."""


class BatchError(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The error of a BatchEvent, in the lengths that are kept."""

    code: Annotated[str, msgspec.Meta(max_length=MAX_CODE_CHARACTERS)]
    message: Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE_CHARACTERS)] | None = None
    fatal: bool | None = None
    business: bool | None = None


_WholeInstant = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
_WholeCount = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]


class BatchEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One event of an EventBatch, in whole numbers; what is not known is not written. `type` names an EventType."""

    type: str
    ts: _WholeInstant
    seq: _WholeInstant
    position_ms: _WholeInstant | None = None
    bitrate_kbps: _WholeCount | None = None
    width: _WholeCount | None = None
    height: _WholeCount | None = None
    player_width: _WholeCount | None = None
    player_height: _WholeCount | None = None
    dropped_frames: _WholeCount | None = None
    visible: bool | None = None
    muted: bool | None = None
    playback_rate: Rate | None = None
    error: BatchError | None = None


class PlainEvent(BatchEvent, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An event of the native protocol that can be inserted as it was sent."""

    type: NativeType


class PlainEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """An Envelope whose session is named and whose events are plain."""

    stream_id: Identifier
    client_id: Identifier
    session_id: SessionId
    sent_at: Instant | None = None
    player: Player | None = None
    content: Content | None = None
    page_url: str | None = None
    timezone: str | None = None
    events: Annotated[list[PlainEvent], msgspec.Meta(min_length=1, max_length=MAX_EVENTS_PER_BATCH)]


class EventBatch(msgspec.Struct, array_like=True, kw_only=True):
    """One row for `event_batches`, which the database spreads to `playback_events`: events and what they share.

    The fields are the columns; their meanings are those of EventRow.
    """

    stream_id: str
    session_id: str
    client_id: str
    received_ms: int
    sent_offset_ms: int | None
    provider: str = ""
    player_name: str = ""
    player_version: str = ""
    content_title: str = ""
    content_duration_ms: int = 0
    content_is_live: bool | None = None
    page_url: str = ""
    timezone: str = ""
    country: str = ""
    device: str = ""
    os: str = ""
    browser: str = ""
    events: Sequence[BatchEvent]


BATCH_COLUMNS: tuple[str, ...] = EventBatch.__struct_fields__
"""The columns of `event_batches`, in the order of EventBatch's fields."""
