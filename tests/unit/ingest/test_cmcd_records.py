"""CMCD records that cannot be used are dropped with a reason; the others have a stream and a session."""

import hashlib
import uuid

import pytest

from playhead.errors import InvalidRequestError
from playhead.events import EventType
from playhead.ingest.cmcd import MAX_RECORD_CHARACTERS, read_cmcd
from playhead.ingest.identity import HASHED_SESSIONS
from tests.unit.ingest.cmcd_bodies import BASE, SESSION, TS, read, read_event, read_reasons


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("hello world", "invalid_record"),
        (f"{BASE},e=t,", "invalid_record"),
        (f'{BASE},e=t,cen="open', "invalid_record"),
        (f"{BASE}", "invalid_record"),
        (f"{BASE},e=3", "invalid_record"),
        (f"{BASE},E=t", "invalid_record"),
        (f'sid="{SESSION}",cid="a",e=t,v=2', "invalid_record"),
        (f'sid="{SESSION}",cid="a",e=t,v=2,ts=1.5', "invalid_record"),
        (f'sid="{SESSION}",cid="a",e=t,v=2,ts=-1', "invalid_record"),
        (f'sid="{SESSION}",cid="a",e=t,v=2,ts=9007199254740993', "invalid_record"),
        (f'sid="{SESSION}",cid="a",e=t,v=2,ts="{TS}"', "invalid_record"),
        (f'{BASE},e=t,cen="{"x" * MAX_RECORD_CHARACTERS}"', "invalid_record"),
        (f"{BASE},e=zz", "unknown_type"),
        (f"{BASE},e=t,v=3", "unsupported_version"),
        (f"{BASE},e=t,v=1", "unsupported_version"),
        (f"{BASE},e=t,v=0", "unsupported_version"),
        (f'sid="{SESSION}",e=t,ts={TS},v=2', "missing_stream_id"),
        (f'sid="{SESSION}",cid="",e=t,ts={TS},v=2', "missing_stream_id"),
        (f'sid="{SESSION}",cid=7,e=t,ts={TS},v=2', "missing_stream_id"),
        (f'cid="a",e=t,ts={TS},v=2', "missing_session_id"),
        (f'cid="a",sid="",e=t,ts={TS},v=2', "missing_session_id"),
    ],
)
def test_unusable_records_are_dropped_with_a_reason(line: str, reason: str) -> None:
    """A record that cannot be used is named with its reason."""
    assert read_reasons(line) == [reason]


@pytest.mark.parametrize("version", ["v=2", 'v="3"', ""])
def test_a_record_without_a_usable_version_is_taken(version: str) -> None:
    """Version 2 is assumed where the record names none: only it has events."""
    line = f'cid="a",sid="{SESSION}",e=t,ts={TS}' + (f",{version}" if version else "")

    assert read_event(line).type is EventType.heartbeat


def test_a_broken_line_leaves_the_others() -> None:
    """Records before and after one that is dropped are taken; blank lines and CRLF are nothing."""
    request = read(f"{BASE},e=t,sn=1\r\n\n  \nbroken line\n\t{BASE} , e=t , sn=2 \n{BASE},e=t,v=3\n{BASE},e=t,sn=4\n")

    assert [event.seq for event in request.records] == [1, 2, 4]
    assert [record.reason for record in request.dropped] == ["invalid_record", "unsupported_version"]


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\n"])
def test_a_body_without_records_is_empty(body: bytes) -> None:
    """Nothing sent is nothing taken, and no error."""
    request = read_cmcd(body, {})

    assert (request.records, request.dropped, request.sent_at) == ([], [], None)


def test_a_body_that_is_not_utf8_is_refused() -> None:
    """Bytes that are no UTF-8 make the request invalid."""
    with pytest.raises(InvalidRequestError, match="UTF-8"):
        read_cmcd(b'cid="\xff"', {})


def test_500_records_are_taken_and_501_refused() -> None:
    """The bound of a batch holds for CMCD too, dropped records included."""
    assert len(read(f"{BASE},e=t\n" * 500).records) == 500
    with pytest.raises(InvalidRequestError, match="501"):
        read(f"{BASE},e=t\n" * 500 + "x x\n")


@pytest.mark.parametrize(
    ("cid", "query", "expected"),
    [
        ("demo", {}, "demo"),
        ("demo", {"stream_id": "other"}, "other"),
        ("demo", {"stream_id": ""}, "demo"),
        ("a:b~c.d_e-1", {}, "a:b~c.d_e-1"),
        ("x" * 128, {}, "x" * 128),
        ("x" * 129, {}, "h:" + hashlib.sha256(b"x" * 129).hexdigest()[:32]),
        ("my show/1", {}, "h:" + hashlib.sha256(b"my show/1").hexdigest()[:32]),
        ("50%25off", {}, "h:" + hashlib.sha256(b"50%25off").hexdigest()[:32]),
        ("100% ñ", {}, "h:" + hashlib.sha256("100% ñ".encode()).hexdigest()[:32]),
        ("demo", {"stream_id": "my show/1"}, "h:" + hashlib.sha256(b"my show/1").hexdigest()[:32]),
    ],
)
def test_streams_are_named_by_query_then_cid(cid: str, query: dict[str, str], expected: str) -> None:
    """A name outside the alphabet becomes h: and 32 digits of its hash, wherever it came from."""
    assert read_event(f'cid="{cid}",sid="{SESSION}",e=t,ts={TS},v=2', query).stream_id == expected


@pytest.mark.parametrize(
    ("sid", "expected"),
    [
        (SESSION, SESSION),
        (SESSION.upper(), SESSION),
        ("session-1", str(uuid.uuid5(HASHED_SESSIONS, "session-1"))),
        (SESSION.replace("-", ""), str(uuid.uuid5(HASHED_SESSIONS, SESSION.replace("-", "")))),
    ],
)
def test_sessions_are_uuids(sid: str, expected: str) -> None:
    """A UUID is kept in lower case, anything else becomes the same UUIDv5 every time."""
    assert read_event(f'cid="a",sid="{sid}",e=t,ts={TS},v=2').session_id == expected


def test_the_hash_of_a_session_never_changes() -> None:
    """A release must not split sessions that are running: the namespace is part of the stored data."""
    assert read_event(f'cid="a",sid="session-1",e=t,ts={TS}').session_id == "e4a3eb14-cf12-5f28-8545-d1fe6a74ff7d"


def test_a_client_stands_in_for_a_missing_session() -> None:
    """Without sid a record is kept if the request names a client: the session is then the contract's to find."""
    request = read(f'cid="a",e=t,ts={TS},v=2', {"client_id": "viewer-1"})

    assert request.client_id == "viewer-1"
    assert [event.session_id for event in request.records] == [None]


@pytest.mark.parametrize("client_id", ["", "with space", "x" * 129, "ñ", "a\n"])
def test_a_client_outside_the_alphabet_is_as_absent(client_id: str) -> None:
    """A client_id that is no identifier does not count as one."""
    assert read(f"{BASE},e=t", {"client_id": client_id}).client_id is None
    assert read_reasons(f'cid="a",e=t,ts={TS}', {"client_id": client_id}) == ["missing_session_id"]


@pytest.mark.parametrize(
    ("provider", "expected"), [("native", "native"), ("dash", "dash"), ("vimeo", "hls"), ("", "hls")]
)
def test_a_valid_provider_of_the_query_wins(provider: str, expected: str) -> None:
    """The URL's provider goes before sf if it is one of the contract's."""
    assert read_event(f"{BASE},e=t,sf=h", {"provider": provider}).provider == expected


def test_the_player_is_named_by_the_query() -> None:
    """?player= names the player, cut to 128 characters."""
    assert read(f"{BASE},e=t", {"player": "y" * 200}).player_name == "y" * 128
    assert read(f"{BASE},e=t").player_name == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            'url="https://cdn.example/a.m4s?token=SECRET&b=1",nor=("../b?SECRET" "c#SECRET"),bg=?0,rc=200',
            'url="https://cdn.example/a.m4s",nor=("../b" "c"),bg=?0,rc=200',
        ),
        ('nor="..%2Fb%3Ftoken%3DSECRET",e=rr', 'nor="..%2Fb",e=rr'),
        ('url="https://me:SECRET@cdn.example/a",bs=?1', 'url="https://cdn.example/a",bs=?1'),
        ('url="https://cdn.example/a?x=\\"SECRET",rc=1', 'url="https://cdn.example/a",rc=1'),
        ("url=https://cdn.example/a?token=SECRET rest, SECRET", "url=https://cdn.example/a"),
        ('url="https://cdn.example/?1,SECRET"', 'url="https://cdn.example/"'),
    ],
)
def test_dropped_records_keep_no_secrets(line: str, expected: str) -> None:
    """Of a dropped record's URLs neither query, fragment nor user is kept; booleans stay."""
    (record,) = read(line).dropped

    assert record.text == expected


def test_dropped_records_are_cut_to_two_kibibytes() -> None:
    """A long line is kept in part, whole characters only."""
    (record,) = read("ñ" * 5000).dropped

    assert len(record.text.encode()) == 2048
    assert set(record.text) == {"ñ"}
