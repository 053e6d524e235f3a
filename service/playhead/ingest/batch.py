"""One request's events on their way to the database, the same for every protocol."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from playhead.events import EventRow, Rejection
from playhead.ingest.counters import ProtocolName

MAX_OFFSET_MS = 86_400_000
"""An offset beyond 24 hours says nothing about when things happened."""

_USUAL = {field.name: field.default for field in msgspec.structs.fields(EventRow) if not field.required}


class EventKey(NamedTuple):
    """What makes two events of one session the same event; sorted as the state fold takes them."""

    ts: int
    seq: int
    type: int


class RefusedEvent(msgspec.Struct, frozen=True):
    """An event that is not taken; `payload` is what may be kept of it, `envelope` what its batch said of the sender."""

    stream_id: str
    rejection: Rejection
    payload: str
    envelope: str = ""


class Batch(msgspec.Struct, kw_only=True):
    """What a protocol's reader ends in; the steps of the pipeline move rows to `refused` and fill in the rest.

    `indexes` are the rows' places in the request. A row's session_id "" asks for one by the contract's rule;
    its client_id "" means that the session stands for the client. `digest` tells one request from another.
    """

    protocol: ProtocolName
    received_ms: int
    offset_ms: int | None
    rows: list[EventRow]
    indexes: list[int]
    refused: list[RefusedEvent]
    digest: bytes

    def refuse_rows(self, rejections: dict[int, Rejection]) -> None:
        """Move rows to `refused`; `rejections` go by the index in the request."""
        if not rejections:
            return
        kept = []
        for index, row in zip(self.indexes, self.rows, strict=True):
            if rejection := rejections.get(index):
                self.refused.append(RefusedEvent(row.stream_id, rejection, describe_row(row)))
            else:
                kept.append((index, row))
        self.indexes = [index for index, _ in kept]
        self.rows = [row for _, row in kept]

    def refuse_stream(self, stream_id: str) -> None:
        """Move all rows of a stream to `refused`, and say the same of what was refused before for another reason."""
        places = [index for index, row in zip(self.indexes, self.rows, strict=True) if row.stream_id == stream_id]
        self.refuse_rows({index: _refuse_unknown(index) for index in places})
        self.refused = [
            msgspec.structs.replace(refused, rejection=_refuse_unknown(refused.rejection.index))
            if refused.stream_id == stream_id
            else refused
            for refused in self.refused
        ]


def _refuse_unknown(index: int) -> Rejection:
    return Rejection(index, "unknown_stream", "stream_id: this stream is not registered.")


def describe_row(row: EventRow) -> str:
    """Return an event as JSON without what is as usual, for whoever wonders why it was refused, or takes it again."""
    said = {name: value for name, value in msgspec.structs.asdict(row).items() if not _is_usual(name, value)}
    return msgspec.json.encode(said).decode()


def _is_usual(name: str, value: object) -> bool:
    usual = _USUAL.get(name, msgspec.NODEFAULT)
    return type(value) is type(usual) and value == usual


def key_of(row: EventRow) -> EventKey:
    """Return what the event is known by inside its session."""
    return EventKey(row.ts, row.seq, row.type)


def measure_offset(received_ms: int, sent_ms: int | None) -> int | None:
    """Return `received_ms - sent_ms`, or None where there is no sent_at or it is over 24 hours off."""
    if sent_ms is None or abs(received_ms - sent_ms) > MAX_OFFSET_MS:
        return None
    return received_ms - sent_ms


def drop_copies(rows: Sequence[EventRow]) -> Sequence[EventRow]:
    """Return one row of each event.

    Copies of one request have one offset and one received_at, so nothing in the contract tells which counts: the
    smallest encoded row does, wherever it stood.
    """
    if len({(row.stream_id, row.session_id, row.ts, row.seq, row.type) for row in rows}) == len(rows):
        return rows
    smallest: dict[tuple[str, str, EventKey], EventRow] = {}
    for row in sorted(rows, key=msgspec.json.encode):
        smallest.setdefault((row.stream_id, row.session_id, key_of(row)), row)
    return list(smallest.values())
