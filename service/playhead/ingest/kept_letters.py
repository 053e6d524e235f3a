"""Dead letters as they are kept: found by what they are, shown, and read back into the rows they were refused as."""

from datetime import UTC, datetime
from typing import get_type_hints

import msgspec

from playhead.errors import PlayheadError
from playhead.events import EventRow
from playhead.ingest import cmcd_batches, native
from playhead.ingest.batch import Batch
from playhead.ingest.cmcd import read_cmcd
from playhead.ingest.counters import ProtocolName
from playhead.ingest.envelopes import read_envelope
from playhead.ingest.lines import spread_line
from playhead.store.contract import Store
from playhead.store.sql_files import query

PAGE_LETTERS = 500


class LetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters are meant; "" means any, `since_ms` is ms since the epoch."""

    reason: str = ""
    protocol: str = ""
    stream_id: str = ""
    since_ms: int = 0

    @property
    def parameters(self) -> dict[str, object]:
        """It as parameters of the queries."""
        return msgspec.structs.asdict(self)


class KeptLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One letter; `letter_id` orders those of one instant, 0 where that is not asked."""

    received_ms: int
    protocol: ProtocolName
    stream_id: str
    reason: str
    message: str
    envelope: str
    payload: str
    letter_id: int = 0

    @property
    def line(self) -> str:
        """It as a line: when, what, why, and what came."""
        at = datetime.fromtimestamp(self.received_ms / 1000, UTC).isoformat(timespec="milliseconds")
        words = (at, self.protocol, self.reason, self.stream_id or "-", self.message or "-", self.payload)
        return "\t".join(" ".join(word.split()) for word in words)


class UnreadableLetterError(Exception):
    """A letter says too little to be taken again: it was cut, or its sender asked for privacy."""


_KeptRow = msgspec.defstruct(
    "_KeptRow",
    [
        (field.name, get_type_hints(EventRow)[field.name])
        if field.required
        else (field.name, get_type_hints(EventRow)[field.name], field.default)
        for field in msgspec.structs.fields(EventRow)
    ],
    kw_only=True,
)
"""A row as `describe_row` writes it: by names, without what is as usual."""

_read_kept_row = msgspec.json.Decoder(_KeptRow).decode


async def fetch_letters(store: Store, wanted: LetterFilter, limit: int) -> list[KeptLetter]:
    """Return the newest letters, at most `limit`."""
    return await store.fetch(query("dead_letters"), KeptLetter, wanted.parameters | {"limit": limit})


async def fetch_next_letters(
    store: Store, wanted: LetterFilter, after: KeptLetter | None, limit: int
) -> list[KeptLetter]:
    """Return the letters that follow `after`, in the order they came."""
    at = {"after_ms": after.received_ms if after else 0, "after_id": after.letter_id if after else 0}
    return await store.fetch(query("dead_letters_after"), KeptLetter, wanted.parameters | at | {"limit": limit})


def read_letter(letter: KeptLetter) -> Batch:
    """Return what was refused as a batch of its own, as if it came again; raises UnreadableLetterError.

    Refused by the protocol, it is read by the protocol once more; refused later on, its rows are as they were.
    """
    try:
        if letter.protocol == "cmcd" and not letter.payload.startswith(("{", "[")):
            query = msgspec.json.decode(letter.envelope, type=dict[str, str]) if letter.envelope else {}
            body = letter.payload.encode()
            return cmcd_batches.make_batch(read_cmcd(body, query), body, letter.received_ms, is_private=False)
        if letter.envelope:
            body = _put_together(letter)
            return native.make_batch(read_envelope(body), body, letter.received_ms, is_private=False)
        return _batch_of(letter, _read_rows(letter.payload))
    except (msgspec.MsgspecError, PlayheadError, UnicodeDecodeError) as error:
        raise UnreadableLetterError(str(error)) from error


def _put_together(letter: KeptLetter) -> bytes:
    """Return the request that only has the refused event."""
    envelope = msgspec.json.decode(letter.envelope, type=dict[str, msgspec.Raw])
    return msgspec.json.encode(envelope | {"events": [msgspec.Raw(letter.payload.encode())]})


def _read_rows(payload: str) -> list[EventRow]:
    if payload.startswith("{"):
        row = _read_kept_row(payload)
        return [EventRow(**msgspec.structs.asdict(row))]
    return [row for line in payload.encode().splitlines() for row in spread_line(line)]


def _batch_of(letter: KeptLetter, rows: list[EventRow]) -> Batch:
    if not rows:
        raise UnreadableLetterError("nothing of it was kept")
    return Batch(
        protocol=letter.protocol,
        received_ms=rows[0].received_ms,
        offset_ms=rows[0].sent_offset_ms,
        rows=rows,
        indexes=list(range(len(rows))),
        refused=[],
        digest=b"",
    )
