"""A letter is read back into what it was refused as, or known to say too little."""

import msgspec
import pytest

from playhead.events import EventRow
from playhead.ingest.batch import describe_row
from playhead.ingest.kept_letters import KeptLetter, UnreadableLetterError, read_letter
from playhead.ingest.lines import encode_rows
from tests.unit.ingest.conftest import NOW

ROW = EventRow(
    stream_id="s", session_id="", client_id="c", ts=0, seq=0, type=2, received_ms=NOW, sent_offset_ms=0,
    position_ms=0, muted=False, visible=1, width=640, device="tv", country="SE",
)  # fmt: skip


def letter(payload: str, envelope: str = "", protocol: str = "native") -> KeptLetter:
    """Return a letter with this content."""
    return msgspec.convert(
        {
            "received_ms": NOW,
            "protocol": protocol,
            "stream_id": "s",
            "reason": "r",
            "message": "",
            "envelope": envelope,
            "payload": payload,
        },
        KeptLetter,
    )


def test_a_described_row_comes_back_as_it_was() -> None:
    """Zeros and false are values, not absent ones: an offset of 0 is another skew than none."""
    assert read_letter(letter(describe_row(ROW))).rows == [ROW]


def test_poison_rows_come_back_as_they_were() -> None:
    """They are kept as they were to be inserted."""
    failed = msgspec.structs.replace(ROW, seq=1, type=11, error_code="e", is_error_fatal=True, visible=0, width=0)
    rows = [ROW, failed]
    assert read_letter(letter(encode_rows(rows).decode())).rows == rows


def test_a_refused_event_is_read_with_its_sender() -> None:
    """By the protocol once more: a later version may know the type."""
    envelope = f'{{"stream_id":"s","client_id":"c","sent_at":{NOW - 7},"events":[]}}'
    batch = read_letter(letter('{"type":"play","ts":5,"seq":1}', envelope))
    [row] = batch.rows
    assert (row.client_id, row.ts, row.received_ms, batch.offset_ms) == ("c", 5, NOW, 7)
    assert read_letter(letter('{"type":"rewind","ts":5,"seq":1}', envelope)).refused[0].rejection.code == "unknown_type"


def test_a_refused_record_is_read_with_its_address() -> None:
    """What the URL says for all of a request is said of each of its records."""
    kept = letter(
        'sid="6f0f5a4e-1f6b-4b8e-9d3a-3f1f0b5d7c11",e=t,ts=5,v=2', '{"stream_id":"s","client_id":"c"}', "cmcd"
    )
    [row] = read_letter(kept).rows
    assert (row.stream_id, row.client_id, row.ts) == ("s", "c", 5)


@pytest.mark.parametrize(
    "kept",
    [
        letter(""),
        letter('{"type":"rewind","ts":5}'),
        letter(describe_row(ROW)[:-9]),
        letter(encode_rows([ROW]).decode()[:-9]),
        letter('{"type":"pl', '{"stream_id":"s","client_id":"c"}'),
        letter('{"type":"play","ts":5,"seq":1}', '{"stream_id":"s","cli'),
        letter("\x00", protocol="cmcd"),
    ],
)
def test_what_was_cut_is_not_guessed_at(kept: KeptLetter) -> None:
    """It is told as such, and nothing is stored of it."""
    try:
        assert read_letter(kept).rows == []
    except UnreadableLetterError:
        return
