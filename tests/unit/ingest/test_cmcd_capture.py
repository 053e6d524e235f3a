"""What real players sent, recorded, is read as what they did."""

from pathlib import Path

from playhead.events import EventType
from playhead.ingest.cmcd import read_cmcd

CAPTURES = Path(__file__).parents[2] / "golden_cmcd"


def test_a_session_of_hls_js_is_read_as_it_was_watched() -> None:
    """Play, pause, go on, jump and end: each report becomes the event of that moment, and none is dropped."""
    request = read_cmcd((CAPTURES / "hls-js-1.7.4.txt").read_bytes(), {})
    assert request.dropped == []
    first = request.records[0].ts
    assert [(record.type.name, record.ts - first) for record in request.records] == [
        (EventType.heartbeat.name, 0),
        (EventType.other.name, 38),
        (EventType.quality_change.name, 73),
        (EventType.play.name, 158),
        (EventType.playing.name, 621),
        (EventType.pause.name, 6704),
        (EventType.playing.name, 9707),
        (EventType.heartbeat.name, 10_002),
        (EventType.seek_start.name, 13_696),
        (EventType.rebuffer_start.name, 13_717),
        (EventType.playing.name, 13_728),
        (EventType.heartbeat.name, 20_000),
        (EventType.ended.name, 29_822),
    ]
    assert [record.seq for record in request.records] == list(range(13))
    assert [record.bitrate_kbps for record in request.records] == [0, 0, *[950] * 11]
    assert {(record.stream_id, record.session_id, record.provider) for record in request.records} == {
        ("stream-1", "12ba6707-4b23-421b-b648-ebee86d014a9", "hls")
    }
