"""What is inserted: batches, which hold what rows of their events would."""

from typing import Any

import hypothesis
import msgspec
from hypothesis import strategies as st

from playhead.events import EventBatch, EventRow, EventType
from playhead.ingest.envelopes import read_envelope, read_plain
from playhead.ingest.lines import count_events, encode_batch, encode_rows, split_events, split_lines
from playhead.ingest.native import gather_plain, make_batch
from tests.unit.ingest.bodies import SESSION
from tests.unit.ingest.conftest import NOW
from tests.unit.ingest.fake_store import spread

texts = st.sampled_from(["", "a", '"ts":1', 'x"ts":\\', "\r\n\u2028", "ä" * 9])
counts = st.none() | st.integers(0, 2**32 - 1)
wholes = st.none() | st.integers(0, 2**53 - 1)
switches = st.none() | st.booleans()

rows = st.builds(
    EventRow,
    stream_id=st.sampled_from(["s", "t"]),
    session_id=st.sampled_from([SESSION, SESSION[::-1]]),
    client_id=st.just("c"),
    ts=st.integers(0, 2**53 - 1),
    seq=st.integers(0, 2**53 - 1),
    type=st.sampled_from([event_type.value for event_type in EventType]),
    received_ms=st.just(NOW),
    sent_offset_ms=st.sampled_from([None, -5]),
    position_ms=wholes,
    bitrate_kbps=st.integers(0, 2**32 - 1),
    dropped_frames=counts,
    visible=st.integers(0, 2),
    muted=switches,
    playback_rate=st.none() | st.floats(-1000, 1000),
    error_code=texts,
    error_message=texts,
    is_error_fatal=st.booleans(),
    is_error_business=st.booleans(),
    page_url=texts,
    content_title=texts,
    content_is_live=switches,
)

events = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["play", "heartbeat", "error"]),
        "ts": st.integers(0, 2**53 - 1),
        "seq": st.integers(0, 9),
    },
    optional={
        "position_ms": wholes | st.just(0.5),
        "bitrate_kbps": counts,
        "width": counts | st.just(2.0),
        "player_height": counts,
        "dropped_frames": counts,
        "visible": switches,
        "muted": switches,
        "playback_rate": st.none() | st.floats(-1000, 1000),
        "error": st.none()
        | st.fixed_dictionaries(
            {"code": texts | st.just("c" * 129)},
            optional={"message": st.none() | texts | st.just("m" * 1025), "fatal": switches, "business": switches},
        ),
        "unknown": st.just([1, {"ts": 2}]),
    },
)
envelopes = st.fixed_dictionaries(
    {
        "stream_id": st.just("s"),
        "client_id": st.just("c"),
        "session_id": st.sampled_from([SESSION, SESSION.upper()]),
        "events": st.lists(events, min_size=1, max_size=4),
    },
    optional={
        "sent_at": st.none() | st.sampled_from([NOW - 7, NOW - 7.5, 1]),
        "player": st.none() | st.fixed_dictionaries({}, optional={"provider": st.just("hls"), "name": texts}),
        "content": st.none()
        | st.fixed_dictionaries({}, optional={"title": texts, "duration_ms": st.sampled_from([None, 1, 1.5])}),
        "page_url": st.sampled_from([None, "https://u:p@h/p?q#f", "x"]),
        "timezone": st.none() | texts,
    },
)


def decode(lines: bytes) -> list[EventRow]:
    """Return the rows that the database makes of lines."""
    batches = msgspec.json.Decoder(EventBatch).decode_lines(lines)
    return [row for batch in batches for row in spread(batch)]


def in_order(found: list[EventRow]) -> list[bytes]:
    """Return rows in an order that does not depend on how they were gathered."""
    return sorted(map(msgspec.json.encode, found))


@hypothesis.given(written=st.lists(rows, max_size=5))
def test_batches_hold_what_the_rows_do(written: list[EventRow]) -> None:
    """Whatever is in a text; and the events are counted without reading them."""
    lines = encode_rows(written)
    assert in_order(decode(lines)) == in_order(written)
    assert count_events(lines) == len(written)


@hypothesis.given(written=st.lists(rows, min_size=1, max_size=5))
def test_a_batch_can_be_taken_apart(written: list[EventRow]) -> None:
    """Into lines of one event each."""
    singles = [single for line in split_lines(encode_rows(written)) for single in split_events(line)]
    assert [count_events(single) for single in singles] == [1] * len(written)
    assert in_order(decode(b"".join(singles))) == in_order(written)


@hypothesis.settings(max_examples=300)
@hypothesis.given(sent=envelopes)
def test_a_plain_body_is_stored_as_one_read_event_by_event(sent: dict[str, Any]) -> None:
    """The short way and the long way end in the same rows; what is not plain is not taken for it."""
    body = msgspec.json.encode(sent)
    plain = read_plain(body)
    whole = make_batch(read_envelope(body), body, NOW, is_private=False)
    if plain is None:
        assert whole.refused or not is_plain(sent)
    else:
        assert not whole.refused
        assert decode(encode_batch(gather_plain(plain, NOW))) == whole.rows


def is_plain(sent: dict[str, Any]) -> bool:
    """Tell whether nothing in a body has to be rounded, cut, dropped or told from a copy."""
    numbers = [event.get(name) for event in sent["events"] for name in ("position_ms", "width")]
    errors = [event["error"] for event in sent["events"] if event.get("error") is not None]
    is_cut = any(len(error["code"]) > 128 or len(error.get("message") or "") > 1024 for error in errors)
    is_misplaced = any((event.get("error") is None) is (event["type"] == "error") for event in sent["events"])
    has_equal_seq = len({event["seq"] for event in sent["events"]}) < len(sent["events"])
    return not (any(isinstance(number, float) for number in numbers) or is_cut or is_misplaced or has_equal_seq)
