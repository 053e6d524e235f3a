"""CMCD version 2 in event mode (CTA-5004-B): what unmodified hls.js, Shaka and dash.js post.

A body is lines; each line is one record, an RFC 8941 dictionary. A record that cannot be used is dropped,
with the reason, and the others are taken. docs/cmcd.md has the keys and what becomes of them.
"""

import re
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from playhead.errors import InvalidRequestError
from playhead.events import MAX_EVENTS_PER_BATCH, EventType, Provider, Visibility
from playhead.ingest.identity import read_client_id, read_session_id, read_stream_id
from playhead.ingest.structured_fields import FieldDictionary

VERSION = 2
MAX_RECORD_CHARACTERS = 8192
"""Several times the longest record a player sends; bounds what parsing one line can cost."""
MAX_DROPPED_BYTES = 2048
MAX_COUNT = 2**32 - 1
MAX_CODE_CHARACTERS = 128
MAX_NAME_CHARACTERS = 128

DropReason = Literal["invalid_record", "unsupported_version", "unknown_type", "missing_stream_id", "missing_session_id"]

_PLAYER_STATES = {
    "s": EventType.play,
    "p": EventType.playing,
    "k": EventType.seek_start,
    "r": EventType.rebuffer_start,
    "a": EventType.pause,
    "e": EventType.ended,
    "f": EventType.error,
    "q": EventType.quit,
}
_EVENTS = {
    "e": EventType.error,
    "t": EventType.heartbeat,
    "bc": EventType.quality_change,
    "b": EventType.visibility,
}
_STATELESS_EVENTS = frozenset(
    ("rr", "c", "pr", "m", "um", "pe", "pc", "h", "ce", "as", "ae", "abs", "abe", "sk"),
)
_FORMATS: dict[str, Provider] = {"h": "hls", "d": "dash", "s": "other", "o": "other"}
_IS_LIVE = {"v": False, "l": True, "ll": True}
_MUTED = {"m": True, "um": False}
_PROVIDERS = frozenset(get_args(Provider))
_OBJECT_TYPES = frozenset(("a", "v", "av", "m", "i", "c", "tt", "k", "o"))
_PICTURE_TYPES = frozenset(("v", "av"))

_QUERY_OR_FRAGMENT = re.compile(r'(?!(?<==)\?[01](?:[\s,;)]|\Z))(?:[?#]|%3[Ff]|%23)(?:\\.|[^"\\])*')
_USER_OF_URL = re.compile(r'(?<=//)[^/@"\s]*@')


class CmcdEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One record, as the event it becomes; the defaults mean unknown, as in `EventRow`."""

    stream_id: str
    session_id: str | None
    """None: the record names no session, but the request a client."""
    ts: int
    seq: int
    type: EventType
    position_ms: int | None = None
    bitrate_kbps: int = 0
    dropped_frames: int | None = None
    visible: Visibility = Visibility.unknown
    muted: bool | None = None
    playback_rate: float | None = None
    error_code: str = ""
    is_error_fatal: bool = False
    provider: str = ""
    content_is_live: bool | None = None


class DroppedRecord(msgspec.Struct, frozen=True):
    """A record that was not taken; `text` is its line without query strings, at most 2 KiB of UTF-8."""

    reason: DropReason
    text: str


class CmcdRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One body: the records that count, in their order, and those that do not."""

    records: list[CmcdEvent]
    dropped: list[DroppedRecord]
    client_id: str | None
    player_name: str

    @property
    def sent_at(self) -> int | None:
        """The sender's clock when it sent this, as far as that can be known: the largest `ts`, in ms."""
        return max((record.ts for record in self.records), default=None)


class _DropError(Exception):
    """A record is not to be used; carries why."""

    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason)
        self.reason: DropReason = reason


class _Target(msgspec.Struct, frozen=True):
    """What the request's URL says for all records of its body; "" or None where it says nothing."""

    stream_id: str
    client_id: str | None
    provider: str

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "_Target":
        stream, provider = query.get("stream_id", ""), query.get("provider", "")
        return cls(
            stream_id=read_stream_id(stream) if stream else "",
            client_id=read_client_id(query.get("client_id", "")),
            provider=provider if provider in _PROVIDERS else "",
        )


def read_cmcd(body: bytes, query: Mapping[str, str]) -> CmcdRequest:
    """Read a body of CMCD records with the query parameters of its URL.

    `query` may hold `stream_id` (goes before the records' cid), `client_id`, `provider` (goes before sf)
    and `player`, the player's name. Raises InvalidRequestError when the body is not UTF-8 or holds more
    than 500 records; a body without any is a request with nothing in it.
    """
    target = _Target.read(query)
    records: list[CmcdEvent] = []
    dropped: list[DroppedRecord] = []
    for line in _split_records(body):
        try:
            records.append(_read_record(line, target))
        except _DropError as drop:
            dropped.append(DroppedRecord(drop.reason, redact(line)))
    name = query.get("player", "")[:MAX_NAME_CHARACTERS]
    return CmcdRequest(records=records, dropped=dropped, client_id=target.client_id, player_name=name)


def target_of(query: Mapping[str, str], *, is_private: bool) -> dict[str, str]:
    """Return what the URL says for all records, as far as it may be kept: `read_cmcd` takes it for the whole query."""
    names = ("stream_id", "provider", "player") if is_private else ("stream_id", "client_id", "provider", "player")
    return {name: query[name] for name in names if query.get(name)}


def redact(line: str) -> str:
    """Return `line` as it may be kept: no query, fragment or user name of any URL in it, at most 2 KiB."""
    text = line[:MAX_RECORD_CHARACTERS]
    text = _USER_OF_URL.sub("", _QUERY_OR_FRAGMENT.sub("", text))
    return text.encode()[:MAX_DROPPED_BYTES].decode(errors="ignore")


def _split_records(body: bytes) -> list[str]:
    try:
        lines = body.decode().split("\n")
    except UnicodeDecodeError as error:
        raise InvalidRequestError("The body is not UTF-8.") from error
    records = [record for line in lines if (record := line.strip(" \t\r"))]
    if len(records) > MAX_EVENTS_PER_BATCH:
        raise InvalidRequestError(f"The body holds {len(records)} records; at most {MAX_EVENTS_PER_BATCH} are taken.")
    return records


def _read_record(line: str, target: _Target) -> CmcdEvent:
    fields = _parse(line)
    event_type = _read_type(fields)
    ts = fields.integer("ts")
    if ts is None:
        raise _DropError("invalid_record")
    is_error = event_type is EventType.error
    return CmcdEvent(
        stream_id=_read_stream(fields, target),
        session_id=_read_session(fields, target),
        ts=ts,
        seq=fields.integer("sn") or 0,
        type=event_type,
        position_ms=fields.count("pt"),
        bitrate_kbps=_read_bitrate(fields),
        dropped_frames=_read_dropped_frames(fields),
        visible=_read_visibility(fields, event_type),
        muted=_MUTED.get(fields.text("e")),
        playback_rate=fields.number("pr"),
        error_code=_read_error_code(fields) if is_error else "",
        is_error_fatal=is_error,
        provider=target.provider or _FORMATS.get(fields.text("sf"), ""),
        content_is_live=_IS_LIVE.get(fields.text("st")),
    )


def _parse(line: str) -> FieldDictionary:
    if len(line) > MAX_RECORD_CHARACTERS:
        raise _DropError("invalid_record")
    try:
        fields = FieldDictionary(line)
    except ValueError:
        raise _DropError("invalid_record") from None
    # Version 1 has no events, and nobody knows what the keys of a later one will mean.
    if fields.integer("v") not in {None, VERSION}:
        raise _DropError("unsupported_version")
    return fields


def _read_type(fields: FieldDictionary) -> EventType:
    name = fields.text("e")
    if not name:
        raise _DropError("invalid_record")
    if name == "ps":
        return _PLAYER_STATES.get(fields.text("sta"), EventType.other)
    if name in _STATELESS_EVENTS:
        return EventType.other
    if (event_type := _EVENTS.get(name)) is None:
        raise _DropError("unknown_type")
    return event_type


def _read_stream(fields: FieldDictionary, target: _Target) -> str:
    if target.stream_id:
        return target.stream_id
    if content := fields.text("cid"):
        return read_stream_id(content)
    raise _DropError("missing_stream_id")


def _read_session(fields: FieldDictionary, target: _Target) -> str | None:
    if session := fields.text("sid"):
        return read_session_id(session)
    if target.client_id is None:
        raise _DropError("missing_session_id")
    return None


def _read_bitrate(fields: FieldDictionary) -> int:
    """Return the largest bitrate of a picture, or of no type at all, in kbps; 0 is unknown."""
    rates = [rate for rate, params in fields.counts("br") if rate <= MAX_COUNT and _is_picture(params)]
    return max(rates, default=0)


def _is_picture(params: Mapping[str, object]) -> bool:
    if not params:
        return True
    # The specification writes 5000;v, the reference library's v1 conversion looks for 5000;ot=v.
    types = {str(params[key]) if key == "ot" else key for key in params if key == "ot" or key in _OBJECT_TYPES}
    return not types or not types.isdisjoint(_PICTURE_TYPES)


def _read_dropped_frames(fields: FieldDictionary) -> int | None:
    frames = fields.count("dfa")
    return frames if frames is not None and frames <= MAX_COUNT else None


def _read_visibility(fields: FieldDictionary, event_type: EventType) -> Visibility:
    is_hidden = fields.flag("bg")
    if is_hidden:
        return Visibility.hidden
    # The reference library omits what is false, save for bg=?0 on the event that says so.
    if is_hidden is False or event_type is EventType.visibility:
        return Visibility.visible
    return Visibility.unknown


def _read_error_code(fields: FieldDictionary) -> str:
    return next(fields.texts("ec"), "")[:MAX_CODE_CHARACTERS]
