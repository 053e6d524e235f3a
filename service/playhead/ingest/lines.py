"""Batches as they are inserted: one JSONCompactEachRow line for the events of one request and session."""

from collections.abc import Iterator, Sequence
from operator import attrgetter

import msgspec

from playhead.events import BATCH_COLUMNS, BatchError, BatchEvent, EventBatch, EventRow, EventType, Visibility

_SHARED = BATCH_COLUMNS[:-1]
_read_shared = attrgetter(*_SHARED)
_TYPE_NAMES = {event_type.value: event_type.name for event_type in EventType}
_VISIBLE = {Visibility.unknown.value: None, Visibility.hidden.value: False, Visibility.visible.value: True}
_VISIBILITY = {visible: number for number, visible in _VISIBLE.items()}
_NO_ERROR = BatchError("")
_MARK = b'"ts":'
"""Stands once in every event, and nowhere in a text, where quotes are escaped."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(EventBatch).decode


def encode_batch(batch: EventBatch) -> bytes:
    """Return a batch as a line."""
    return _encode(batch) + b"\n"


def encode_rows(rows: Sequence[EventRow]) -> bytes:
    """Return rows as lines, those that share what batches share in one."""
    return b"".join(map(encode_batch, gather_rows(rows)))


def gather_rows(rows: Sequence[EventRow]) -> Iterator[EventBatch]:
    """Yield rows as batches, in the order of their first rows."""
    groups: dict[tuple[object, ...], list[BatchEvent]] = {}
    for row in rows:
        groups.setdefault(_read_shared(row), []).append(_make_event(row))
    for shared, events in groups.items():
        yield EventBatch(**dict(zip(_SHARED, shared, strict=True)), events=events)  # type: ignore[arg-type]


def count_events(lines: bytes) -> int:
    """Return how many events are in lines."""
    return lines.count(_MARK)


def split_lines(lines: bytes) -> list[bytes]:
    """Return lines one by one."""
    return lines.splitlines(keepends=True)


def split_events(line: bytes) -> list[bytes]:
    """Return a line as lines of one event each."""
    batch = _decode(line)
    return [encode_batch(msgspec.structs.replace(batch, events=[event])) for event in batch.events]


def spread_line(line: bytes) -> Iterator[EventRow]:
    """Yield the rows of a line, as `encode_rows` took them; raises msgspec.DecodeError where it is none."""
    batch = _decode(line)
    shared = {name: getattr(batch, name) for name in _SHARED}
    for event in batch.events:
        error = event.error or _NO_ERROR
        yield EventRow(
            type=EventType[event.type].value,
            ts=event.ts,
            seq=event.seq,
            position_ms=event.position_ms,
            bitrate_kbps=event.bitrate_kbps or 0,
            width=event.width or 0,
            height=event.height or 0,
            player_width=event.player_width or 0,
            player_height=event.player_height or 0,
            dropped_frames=event.dropped_frames,
            visible=_VISIBILITY[event.visible],
            muted=event.muted,
            playback_rate=event.playback_rate,
            error_code=error.code,
            error_message=error.message or "",
            is_error_fatal=bool(error.fatal),
            is_error_business=bool(error.business),
            **shared,
        )


def _make_event(row: EventRow) -> BatchEvent:
    return BatchEvent(
        type=_TYPE_NAMES[row.type],
        ts=row.ts,
        seq=row.seq,
        position_ms=row.position_ms,
        bitrate_kbps=row.bitrate_kbps or None,
        width=row.width or None,
        height=row.height or None,
        player_width=row.player_width or None,
        player_height=row.player_height or None,
        dropped_frames=row.dropped_frames,
        visible=_VISIBLE[row.visible],
        muted=row.muted,
        playback_rate=row.playback_rate,
        error=_make_error(row),
    )


def _make_error(row: EventRow) -> BatchError | None:
    if not (row.error_code or row.error_message or row.is_error_fatal or row.is_error_business):
        return None
    return BatchError(row.error_code, row.error_message or None, row.is_error_fatal, row.is_error_business)
