"""The native protocol: an envelope becomes rows."""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from playhead.events import (
    MAX_CODE_CHARACTERS,
    MAX_MESSAGE_CHARACTERS,
    Content,
    Envelope,
    ErrorDetail,
    Event,
    EventBatch,
    EventRow,
    EventType,
    PlainEnvelope,
    Player,
    Visibility,
)
from playhead.ingest.batch import Batch, RefusedEvent, measure_offset
from playhead.ingest.envelopes import ReadEnvelope
from playhead.ingest.pages import keep_origin_and_path

MEDIA_TYPES = frozenset({"application/json", "text/plain"})

MAX_NAME_CHARACTERS = 64
MAX_TITLE_CHARACTERS = 512

_NO_PLAYER = Player()
_NO_CONTENT = Content()
_TYPE_NUMBERS = {event_type.name: event_type.value for event_type in EventType}
_VISIBILITY = {None: Visibility.unknown.value, False: Visibility.hidden.value, True: Visibility.visible.value}


def make_batch(read: ReadEnvelope, body: bytes, received_ms: int, *, is_private: bool) -> Batch:
    """Return the batch an envelope becomes; of a private one neither the client nor refused JSON is kept."""
    envelope = read.envelope
    refused = []
    if read.invalid:
        sender = "" if is_private else _tell_sender(envelope)
        refused = [
            RefusedEvent(envelope.stream_id, rejection, "" if is_private else payload, sender)
            for rejection, payload in read.invalid
        ]
    offset_ms = measure_offset(received_ms, _whole_or_none(envelope.sent_at))
    client_id = "" if is_private else envelope.client_id
    return Batch(
        protocol="native",
        received_ms=received_ms,
        offset_ms=offset_ms,
        rows=list(_make_rows(envelope, client_id, received_ms, offset_ms)),
        indexes=read.indexes,
        refused=refused,
        digest=hashlib.blake2b(body, digest_size=16).digest() if is_private else b"",
    )


def gather_plain(plain: PlainEnvelope, received_ms: int) -> EventBatch:
    """Return the batch a plain envelope is, but for where it came from."""
    player, content = plain.player or _NO_PLAYER, plain.content or _NO_CONTENT
    return EventBatch(
        stream_id=plain.stream_id,
        session_id=plain.session_id.lower(),
        client_id=plain.client_id,
        received_ms=received_ms,
        sent_offset_ms=measure_offset(received_ms, _whole_or_none(plain.sent_at)),
        provider=player.provider or "",
        player_name=_cut(player.name, MAX_NAME_CHARACTERS),
        player_version=_cut(player.version, MAX_NAME_CHARACTERS),
        content_title=_cut(content.title, MAX_TITLE_CHARACTERS),
        content_duration_ms=_whole(content.duration_ms or 0),
        content_is_live=content.live,
        page_url=keep_origin_and_path(plain.page_url) if plain.page_url else "",
        timezone=_cut(plain.timezone, MAX_NAME_CHARACTERS),
        events=plain.events,
    )


def _tell_sender(envelope: Envelope) -> str:
    """Return the envelope without its events, as far as it may be kept: a page's query can hold anything."""
    page_url = envelope.page_url and keep_origin_and_path(envelope.page_url)
    return msgspec.json.encode(msgspec.structs.replace(envelope, events=[], page_url=page_url)).decode()


def _make_rows(envelope: Envelope, client_id: str, received_ms: int, offset_ms: int | None) -> Iterator[EventRow]:
    shared = _shared_columns(envelope) | {
        "client_id": client_id,
        "received_ms": received_ms,
        "sent_offset_ms": offset_ms,
    }
    for event in envelope.events:
        row = _make_row(event, shared)
        if event.error is not None and event.type == "error":
            _add_error(row, event.error)
        yield row


def _shared_columns(envelope: Envelope) -> dict[str, Any]:
    player, content = envelope.player or _NO_PLAYER, envelope.content or _NO_CONTENT
    return {
        "stream_id": envelope.stream_id,
        "session_id": (envelope.session_id or "").lower(),
        "provider": player.provider or "",
        "player_name": _cut(player.name, MAX_NAME_CHARACTERS),
        "player_version": _cut(player.version, MAX_NAME_CHARACTERS),
        "content_title": _cut(content.title, MAX_TITLE_CHARACTERS),
        "content_duration_ms": _whole(content.duration_ms or 0),
        "content_is_live": content.live,
        "page_url": keep_origin_and_path(envelope.page_url or ""),
        "timezone": _cut(envelope.timezone, MAX_NAME_CHARACTERS),
    }


def _make_row(event: Event, shared: dict[str, Any]) -> EventRow:
    return EventRow(
        ts=_whole(event.ts),
        seq=_whole(event.seq),
        type=_TYPE_NUMBERS[event.type],
        position_ms=_whole_or_none(event.position_ms),
        bitrate_kbps=_whole(event.bitrate_kbps or 0),
        width=_whole(event.width or 0),
        height=_whole(event.height or 0),
        player_width=_whole(event.player_width or 0),
        player_height=_whole(event.player_height or 0),
        dropped_frames=_whole_or_none(event.dropped_frames),
        visible=_VISIBILITY[event.visible],
        muted=event.muted,
        playback_rate=event.playback_rate,
        **shared,
    )


def _add_error(row: EventRow, error: ErrorDetail) -> None:
    row.error_code = _cut(error.code, MAX_CODE_CHARACTERS)
    row.error_message = _cut(error.message, MAX_MESSAGE_CHARACTERS)
    row.is_error_fatal = bool(error.fatal)
    row.is_error_business = bool(error.business)


def _cut(text: str | None, characters: int) -> str:
    return (text or "")[:characters]


def _whole(number: float) -> int:
    """Return a number that is not negative, rounded; a half goes up."""
    if isinstance(number, int):
        return number
    whole = int(number)
    return whole + (number - whole >= 0.5)


def _whole_or_none(number: float | None) -> int | None:
    return None if number is None else _whole(number)
