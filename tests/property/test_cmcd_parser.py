"""Whatever is sent as CMCD, reading it gives events within the contract or reasons, and never a fault."""

import re
from decimal import Decimal
from typing import Any

import http_sf
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.errors import InvalidRequestError
from playhead.events import MAX_INTEGER
from playhead.ingest.cmcd import read_cmcd
from playhead.ingest.structured_fields import FieldDictionary

KNOWN_KEYS = (
    *("ab", "bg", "bl", "br", "bs", "cen", "cid", "dfa", "e", "ec", "ltc", "msd", "mtp", "nor", "pr", "pt"),
    *("rc", "sf", "sid", "sn", "st", "sta", "ts", "ttfb", "url", "v"),
)
EXAMPLES = (
    b'br=(2500),cid="demo",e=t,sf=h,sid="0197e2f0-1c2d-7abc-8def-0123456789ab",sn=42,st=v,ts=1783000000000,v=2',
    b'bg,cid="a b",e=e,ec=("X" y),nor=("../b?token=1"),sid="s",ts=1,v=2',
    b'bg=?0,br=(5000;v 128;a),cid="\xc3\xb1",e=b,pr=1.5,pt=12.5,sid="s",ts=2,v=2',
)

keys = st.sampled_from(KNOWN_KEYS) | st.from_regex(r"\A[a-z*][a-z0-9_.*-]{0,8}\Z")
strings = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
tokens = st.from_regex(r"\A[A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_`|~-]{0,8}\Z").map(http_sf.Token)
integers = st.integers(-(10**15) + 1, 10**15 - 1)
decimals = st.decimals(-999_999_999_999, 999_999_999_999, places=3)
bare_items = st.booleans() | integers | decimals | strings | tokens | st.binary(max_size=12)
items = st.tuples(bare_items, st.dictionaries(keys, bare_items, max_size=2))
inner_lists = st.tuples(st.lists(items, max_size=4), st.dictionaries(keys, bare_items, max_size=2))
dictionaries = st.dictionaries(keys, items | inner_lists, min_size=1, max_size=8)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """Bodies a step or a few away from what players send."""
    body = bytearray(draw(st.sampled_from(EXAMPLES)) + b"\n" + draw(st.sampled_from(EXAMPLES)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 3))] = draw(
            st.binary(max_size=3) | st.sampled_from([b",", b'"', b"\n", b";"])
        )
    return bytes(body)


def check(body: bytes, query: dict[str, str]) -> None:
    """Read `body` and check all that holds of any answer."""
    try:
        request = read_cmcd(body, query)
    except InvalidRequestError:
        return
    for event in request.records:
        assert re.fullmatch(r"[A-Za-z0-9._:~-]{1,128}", event.stream_id)
        assert event.session_id is None or re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event.session_id)
        assert event.session_id is not None or request.client_id is not None
        assert 0 <= event.ts <= MAX_INTEGER
        assert 0 <= event.seq <= MAX_INTEGER
        assert event.position_ms is None or 0 <= event.position_ms <= MAX_INTEGER
        assert 0 <= event.bitrate_kbps < 2**32
        assert event.dropped_frames is None or 0 <= event.dropped_frames < 2**32
        assert len(event.error_code) <= 128
    lines = [line for line in body.decode().split("\n") if line.strip(" \t\r")]
    assert len(request.records) + len(request.dropped) == len(lines)
    assert all(len(record.text.encode()) <= 2048 for record in request.dropped)


@given(st.binary(max_size=300), st.dictionaries(st.sampled_from(["stream_id", "client_id", "provider"]), st.text()))
def test_any_bytes_are_read_or_refused(body: bytes, query: dict[str, str]) -> None:
    """Any body and query give events, reasons or a refusal."""
    check(body, query)


@settings(max_examples=300)
@given(mutations())
def test_mutated_records_are_read_or_dropped(body: bytes) -> None:
    """Damaged records of real players give events within bounds or reasons, one for each line."""
    check(body, {"client_id": "c"})


@given(dictionaries)
def test_any_dictionary_is_read_or_dropped(members: dict[str, Any]) -> None:
    """A record may hold any key with any value of RFC 8941."""
    check(http_sf.ser(members).encode(), {"stream_id": "s", "client_id": "c"})


@given(dictionaries)
def test_values_come_back_as_they_were_written(members: dict[str, Any]) -> None:
    """Every typed reader gives the value that was written if it has its type, else nothing."""
    fields = FieldDictionary(http_sf.ser(members))
    for key, (value, _) in members.items():
        is_text = isinstance(value, str | http_sf.Token)
        is_integer = type(value) is int and value >= 0
        assert fields.text(key) == (str(value) if is_text else "")
        assert fields.integer(key) == (value if is_integer else None)
        assert fields.flag(key) == (value if isinstance(value, bool) else None)
        assert fields.number(key) == (float(value) if type(value) in {int, Decimal} else None)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40))
def test_text_beyond_ascii_comes_back(text: str) -> None:
    """Strings keep every character, though RFC 8941 knows ASCII only: the players send what they were given."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')

    assert FieldDictionary(f'a=1,cid="{escaped}",e=t').text("cid") == text


@given(st.permutations(EXAMPLES[0].split(b",")))
def test_the_order_of_keys_is_free(members: list[bytes]) -> None:
    """A record reads the same in any order of its keys."""
    assert read_cmcd(b",".join(members), {}) == read_cmcd(EXAMPLES[0], {})
