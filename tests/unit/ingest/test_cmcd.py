"""Each key and event of a CMCD record becomes what the mapping says."""

import hashlib

import pytest

from playhead.events import EventType, Visibility
from playhead.ingest.cmcd import CmcdEvent
from tests.unit.ingest.cmcd_bodies import BASE, SESSION, TS, read, read_event

STATELESS = ("rr", "c", "pr", "m", "um", "pe", "pc", "h", "ce", "as", "ae", "abs", "abe", "sk")

# As @svta/cml-cmcd 2.7.0 writes it, which is inside hls.js 1.7.4: keys sorted, no spaces, no LF at the end,
# text beyond ASCII as it is, decimals where the player gave them.
LIBRARY_BODY = """\
cid="película \\"uno\\"",e=ps,sf=h,sid="0197E2F0-1C2D-7ABC-8DEF-0123456789AB",sn=0,st=v,sta=d,ts=1783000000350,v=2
bl=(1200),cid="película \\"uno\\"",e=ps,mtp=(8400),sf=h,sid="0197e2f0-1c2d-7abc-8def-0123456789ab",sn=2,st=v,sta=s,\
ts=1783000000353,v=2
bl=(1200),cid="película \\"uno\\"",dfa=3,e=ps,ltc=2345.679,msd=812,mtp=(8400),pt=1234.567,sf=h,\
sid="0197e2f0-1c2d-7abc-8def-0123456789ab",sn=3,st=v,sta=p,ts=1783000000354,v=2
bg,bl=(1200),br=(5000;v 128;a),cid="película \\"uno\\"",e=b,sf=h,sid="0197e2f0-1c2d-7abc-8def-0123456789ab",sn=5,st=v,\
sta=p,ts=1783000000355,v=2
bg=?0,br=(5000;v 128;a),cid="película \\"uno\\"",e=b,sf=h,sid="0197e2f0-1c2d-7abc-8def-0123456789ab",sn=6,st=v,\
sta=p,ts=1783000000356,v=2
cid="película \\"uno\\"",e=pr,pr=1.5,sf=h,sid="0197e2f0-1c2d-7abc-8def-0123456789ab",sn=7,st=v,sta=p,\
ts=1783000000357,v=2
cid="película \\"uno\\"",e=e,ec=("bufferStalled \\"x\\"" "ñ"),sf=h,sid="0197e2f0-1c2d-7abc-8def-0123456789ab",sn=9,\
st=v,sta=f,ts=1783000000358,v=2"""


def test_takes_what_the_reference_library_writes() -> None:
    """A body of the library inside hls.js gives one event a line, in order, with every value it carries."""
    request = read(LIBRARY_BODY)

    assert request.dropped == []
    assert [event.type for event in request.records] == [
        EventType.other,
        EventType.play,
        EventType.playing,
        EventType.visibility,
        EventType.visibility,
        EventType.other,
        EventType.error,
    ]
    assert {event.session_id for event in request.records} == {SESSION}
    assert {event.stream_id for event in request.records} == {
        "h:" + hashlib.sha256('película "uno"'.encode()).hexdigest()[:32]
    }
    assert [event.seq for event in request.records] == [0, 2, 3, 5, 6, 7, 9]
    assert request.records[2].position_ms == 1235
    assert request.records[2].dropped_frames == 3
    assert request.records[3].bitrate_kbps == 5000
    assert [event.visible for event in request.records[3:5]] == [Visibility.hidden, Visibility.visible]
    assert request.records[5].playback_rate == 1.5
    assert request.records[6].error_code == 'bufferStalled "x"'
    assert request.sent_at == 1_783_000_000_358


def test_a_whole_record_becomes_one_event() -> None:
    """Every key that is read lands in its field."""
    line = f"{BASE},e=t,sn=42,pt=12000,br=(2500),dfa=7,bg,pr=2,sf=d,st=ll,bl=(9000),mtp=(8000),cs=?1,com.example-x=1"

    assert read_event(line) == CmcdEvent(
        stream_id="demo",
        session_id=SESSION,
        ts=TS,
        seq=42,
        type=EventType.heartbeat,
        position_ms=12_000,
        bitrate_kbps=2500,
        dropped_frames=7,
        visible=Visibility.hidden,
        playback_rate=2.0,
        provider="dash",
        content_is_live=True,
    )


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("e=ps,sta=s", EventType.play),
        ("e=ps,sta=p", EventType.playing),
        ("e=ps,sta=k", EventType.seek_start),
        ("e=ps,sta=r", EventType.rebuffer_start),
        ("e=ps,sta=a", EventType.pause),
        ("e=ps,sta=e", EventType.ended),
        ("e=ps,sta=q", EventType.quit),
        ("e=ps,sta=f", EventType.error),
        ("e=ps,sta=d", EventType.other),
        ("e=ps,sta=w", EventType.other),
        ("e=ps,sta=new", EventType.other),
        ("e=ps", EventType.other),
        ("e=e", EventType.error),
        ("e=t,sta=p", EventType.heartbeat),
        ("e=bc", EventType.quality_change),
        ("e=b", EventType.visibility),
        *((f"e={name}", EventType.other) for name in STATELESS),
        ('e="t"', EventType.heartbeat),
    ],
)
def test_events_map_to_types(keys: str, expected: EventType) -> None:
    """Each event and player state has the type that the mapping gives it; errors, and only they, are fatal."""
    event = read_event(f"{BASE},{keys}")

    assert event.type is expected
    assert event.is_error_fatal is (expected is EventType.error)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("(2500)", 2500),
        ("2500", 2500),
        ("2500.5", 2500),
        ("(5000;v 128;a)", 5000),
        ("(5000;ot=v 9000;ot=a)", 5000),
        ("(3200;av)", 3200),
        ("(128;a)", 0),
        ("(800 1200)", 1200),
        ("(800;x=1)", 800),
        ("(0)", 0),
        ("()", 0),
        ("(-5)", 0),
        ("(4294967296)", 0),
        ("(fast 300)", 300),
        ('"2500"', 0),
        ("?1", 0),
    ],
)
def test_bitrate_is_the_largest_of_a_picture(value: str, expected: int) -> None:
    """Of several bitrates that of the picture counts, untyped ones too; nothing usable is unknown."""
    assert read_event(f"{BASE},e=t,br={value}").bitrate_kbps == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("e=b,bg", Visibility.hidden),
        ("e=b,bg=?1", Visibility.hidden),
        ("e=b,bg=?0", Visibility.visible),
        ("e=b", Visibility.visible),
        ("e=t,bg", Visibility.hidden),
        ("e=t,bg=?0", Visibility.visible),
        ("e=t", Visibility.unknown),
        ("e=t,bg=1", Visibility.unknown),
    ],
)
def test_background_is_hidden(keys: str, expected: Visibility) -> None:
    """Bg tells hidden; its absence tells visible on the event of that name only."""
    assert read_event(f"{BASE},{keys}").visible is expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('e=e,ec=("MEDIA_ERR" "x")', "MEDIA_ERR"),
        ("e=e,ec=(networkError)", "networkError"),
        ("e=e,ec=27", "27"),
        ("e=e,ec=(?1 3016)", "3016"),
        ('e=e,ec="fatal"', "fatal"),
        (f'e=e,ec=("{"x" * 300}")', "x" * 128),
        ('e=ps,sta=f,ec=("A")', "A"),
        ("e=e", ""),
        ('e=t,ec=("A")', ""),
    ],
)
def test_the_first_error_code_counts(keys: str, expected: str) -> None:
    """Codes are read from lists and single items, as text of at most 128 characters, on errors only."""
    assert read_event(f"{BASE},{keys}").error_code == expected


@pytest.mark.parametrize(
    ("keys", "field", "expected"),
    [
        ("sn=-1", "seq", 0),
        ("sn=1.5", "seq", 0),
        ('sn="7"', "seq", 0),
        ("pt=1234.567", "position_ms", 1235),
        ("pt=-1", "position_ms", None),
        ("pt=soon", "position_ms", None),
        ("dfa=4294967296", "dropped_frames", None),
        ("dfa=(1)", "dropped_frames", None),
        ("pr=0.5", "playback_rate", 0.5),
        ("pr=-1", "playback_rate", -1.0),
        ("pr=fast", "playback_rate", None),
        ("st=v", "content_is_live", False),
        ("st=l", "content_is_live", True),
        ("st=x", "content_is_live", None),
        ("sf=h", "provider", "hls"),
        ("sf=d", "provider", "dash"),
        ("sf=s", "provider", "other"),
        ("sf=o", "provider", "other"),
        ("sf=1", "provider", ""),
        ("sn=3,sn=4", "seq", 4),
    ],
)
def test_badly_typed_values_are_as_absent(keys: str, field: str, expected: object) -> None:
    """A value of the wrong type or range costs its key, never its record; of a key given twice the last counts."""
    assert getattr(read_event(f"{BASE},e=t,{keys}"), field) == expected


@pytest.mark.parametrize(("name", "expected"), [("m", True), ("um", False), ("t", None)])
def test_mute_events_carry_muted(name: str, expected: bool | None) -> None:
    """The events m and um say whether the sound is off."""
    assert read_event(f"{BASE},e={name}").muted is expected
