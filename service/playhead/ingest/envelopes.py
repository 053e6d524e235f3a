"""Reads native bodies: all at once when nothing is wrong, field by field and event by event to say what is."""

from typing import Annotated, Any, get_args, get_type_hints

import msgspec

from playhead.errors import InvalidRequestError
from playhead.events import MAX_EVENTS_PER_BATCH, Envelope, Event, NativeType, PlainEnvelope, Rejection
from playhead.ingest.surrogates import replace_lone_surrogates

_TYPES = frozenset(get_args(NativeType))
_RawEvents = Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MAX_EVENTS_PER_BATCH)]
_FIELD_TYPES: dict[str, Any] = get_type_hints(Envelope, include_extras=True) | {"events": _RawEvents}
_REQUIRED = frozenset(field.name for field in msgspec.structs.fields(Envelope) if field.required)

_plain = msgspec.json.Decoder(PlainEnvelope)
_envelope = msgspec.json.Decoder(Envelope)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_field = {name: msgspec.json.Decoder(field_type) for name, field_type in _FIELD_TYPES.items()}
_event = msgspec.json.Decoder(Event)


class _TypeOfEvent(msgspec.Struct):
    type: str


_type = msgspec.json.Decoder(_TypeOfEvent)


class ReadEnvelope(msgspec.Struct, frozen=True):
    """An envelope with its valid events, their places in the request, and the others with their JSON."""

    envelope: Envelope
    indexes: list[int]
    invalid: list[tuple[Rejection, str]]


def read_plain(body: bytes) -> PlainEnvelope | None:
    """Return what `body` says where it can be inserted as it is; None where events need a look one by one."""
    try:
        if not body.isascii():
            body.decode()
        plain = _plain.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    # Events with the same seq may be copies, and an error belongs to the events of its type alone.
    if len({event.seq for event in plain.events}) < len(plain.events):
        return None
    if any((event.error is None) is (event.type == "error") for event in plain.events):
        return None
    return plain


def read_envelope(body: bytes) -> ReadEnvelope:
    """Return what `body` says; half a character in a text, which no database takes, is U+FFFD.

    Raises InvalidRequestError when it is not JSON in UTF-8 or the envelope itself is not valid; `errors` has a
    sentence for each field of it that is wrong.
    """
    try:
        return _read_whole(body)
    except UnicodeDecodeError as error:
        raise InvalidRequestError("The body is not UTF-8.") from error
    except RecursionError as error:
        raise InvalidRequestError("The body is nested too deeply.") from error
    except msgspec.DecodeError as error:
        raise InvalidRequestError("The body is not a JSON object.", errors=(f"{error}.",)) from error


def _read_whole(body: bytes) -> ReadEnvelope:
    try:
        return _read(body)
    except msgspec.DecodeError:
        mended = replace_lone_surrogates(body)
        if mended == body:
            raise
    return _read(mended)


def _read(body: bytes) -> ReadEnvelope:
    if not body.isascii():
        body.decode()  # The decoder passes over fields it does not know without a look at their bytes.
    try:
        envelope = _envelope.decode(body)
    except msgspec.ValidationError:
        return _read_by_field(body)
    if any(_lacks_detail(event) for event in envelope.events):
        return _read_by_field(body)
    return ReadEnvelope(envelope, list(range(len(envelope.events))), [])


def _read_by_field(body: bytes) -> ReadEnvelope:
    given = _fields.decode(body)
    values: dict[str, Any] = {}
    errors = [f"{name}: this field is required." for name in _field if name in _REQUIRED - given.keys()]
    for name in _field.keys() & given.keys():
        try:
            values[name] = _field[name].decode(given[name])
        except msgspec.ValidationError as error:
            errors.append(explain(error, name))
    if errors:
        raise InvalidRequestError("The envelope is not valid.", errors=tuple(sorted(errors)))
    return _read_by_event(values)


def _read_by_event(values: dict[str, Any]) -> ReadEnvelope:
    events, indexes, invalid = [], [], []
    for index, raw in enumerate(values["events"]):
        event = _read_event(index, raw)
        if isinstance(event, Rejection):
            invalid.append((event, bytes(raw).decode()))
        else:
            events.append(event)
            indexes.append(index)
    return ReadEnvelope(Envelope(**values | {"events": events}), indexes, invalid)


def _read_event(index: int, raw: msgspec.Raw) -> Event | Rejection:
    try:
        event = _event.decode(raw)
    except msgspec.ValidationError as error:
        if _has_unknown_type(raw):
            return Rejection(index, "unknown_type", "type: this is not a type of the protocol.")
        return Rejection(index, "invalid_event", explain(error))
    if _lacks_detail(event):
        return Rejection(index, "invalid_event", "error: this field is required on type error.")
    return event


def _lacks_detail(event: Event) -> bool:
    return event.type == "error" and event.error is None


def _has_unknown_type(raw: msgspec.Raw) -> bool:
    try:
        return _type.decode(raw).type not in _TYPES
    except msgspec.ValidationError:
        return False


def explain(error: msgspec.ValidationError, field: str = "") -> str:
    """Return what the decoder found wrong as a sentence that starts with the field."""
    what, _, path = str(error).partition(" - at `$")
    name = (field + path.removesuffix("`")).lstrip(".")
    return f"{name}: {what}." if name else f"{what}."
