"""What was sent: events as they are stored, and the batches they came in. All times are ms since the epoch, UTC."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

GAP_MS = 60_000
"""An interval longer than this belongs to no state."""
MAX_OFFSET_MS = 86_400_000
"""A batch's offset beyond this, either way, is no offset."""
EVENT_TYPES = (
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
    "other",
)
TYPE_RANK: Mapping[str, int] = {name: rank for rank, name in enumerate(EVENT_TYPES, 1)}
"""The contract's order of types, from 1; `other` stands for what has no native type and comes last."""


@dataclass(frozen=True)
class OracleError:
    """The error of an event of type `error`."""

    code: str
    fatal: bool = False
    business: bool = False
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class OracleEvent:
    """One received copy of one event; `offset_ms` is its batch's, None where that has no usable one.

    None, 0 and "" are unknown values; of `device` and its like "unknown" is too.
    """

    stream_id: str
    session_id: str
    client_id: str
    ts: int
    seq: int
    type: str
    received_ms: int
    offset_ms: int | None = None
    position_ms: int | None = None
    bitrate_kbps: int | None = None
    width: int | None = None
    height: int | None = None
    player_width: int | None = None
    player_height: int | None = None
    visible: bool | None = None
    error: OracleError | None = None
    provider: str = ""
    player_name: str = ""
    player_version: str = ""
    content_title: str = ""
    country: str = ""
    device: str = ""
    os: str = ""
    browser: str = ""

    @property
    def is_fatal(self) -> bool:
        """Whether this is an error that ends playback."""
        return self.type == "error" and self.error is not None and self.error.fatal


@dataclass(frozen=True)
class OracleBatch:
    """One request's events, with when it was received and, by the client's clock, sent."""

    received_ms: int
    sent_at: int | None
    events: tuple[OracleEvent, ...]


def batch_offset_ms(received_ms: int, sent_at: int | None) -> int | None:
    """Give `received_ms` - `sent_at`, or None without a sent_at or when they are more than 24 h apart."""
    if sent_at is None or abs(received_ms - sent_at) > MAX_OFFSET_MS:
        return None
    return received_ms - sent_at


def shift_batch(batch: OracleBatch, by_ms: int) -> OracleBatch:
    """Give the same batch with every clock `by_ms` later; offsets stay as they are."""
    events = tuple(
        dataclasses.replace(event, ts=event.ts + by_ms, received_ms=event.received_ms + by_ms) for event in batch.events
    )
    sent_at = None if batch.sent_at is None else batch.sent_at + by_ms
    return OracleBatch(batch.received_ms + by_ms, sent_at, events)


def row_fields(event: OracleEvent) -> dict[str, object]:
    """Give `event` by the names and codes of the wire row: type 1..14, visible 0 unknown, 1 hidden, 2 visible."""
    error = event.error or OracleError("")
    fields: dict[str, object] = dataclasses.asdict(event)
    del fields["error"], fields["offset_ms"]
    for name in ("bitrate_kbps", "width", "height", "player_width", "player_height"):
        fields[name] = fields[name] or 0
    return fields | {
        "type": TYPE_RANK[event.type],
        "sent_offset_ms": event.offset_ms,
        "visible": {None: 0, False: 1, True: 2}[event.visible],
        "error_code": error.code,
        "error_message": error.message,
        "is_error_fatal": error.fatal,
        "is_error_business": error.business,
    }
