"""Bodies as the service must understand them."""

import random
from typing import Any

import http_sf
import msgspec
import pytest

from playhead.events import Content, Event, Player
from playhead.simulate.audience import Catalogue, Protocol, make_client, make_uuid7
from playhead.simulate.viewer import Fate, Mix, Viewer
from playhead.simulate.wire import Batch, SentError, SentEvent, Session, Speech

START_MS = 1_795_000_000_000
SESSION_ID = make_uuid7(START_MS, 2**74 - 1)


class Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """The contract's native body."""

    stream_id: str
    client_id: str
    player: Player
    content: Content
    page_url: str
    timezone: str
    events: list[Event]
    session_id: str | None = None
    sent_at: int | None = None


def session(protocol: Protocol) -> Session:
    """Return a session of one client."""
    return Session(1, Catalogue(1, 1).streams[0], make_client("one", 1), SESSION_ID, protocol, "watched")


def batch(protocol: Protocol, events: list[SentEvent], sent_at: int | None = None) -> Batch:
    """Return `events` as one batch."""
    made = Speech(session(protocol)).batch(0, events, at_ms=START_MS, sent_at=sent_at)
    assert made is not None
    return made


def all_events() -> list[SentEvent]:
    """Return a session in which everything happens."""
    rich = Mix(fates={Fate.failure: 1.0}, stalls=3, seeks=3, pauses=3, switches=3, hidings=3, warnings=3, resizes=3)
    meant = session("native")
    return Viewer(random.Random(7), meant.stream, meant.client, rich).play_out(START_MS)


def test_native_bodies_are_the_contracts() -> None:
    """A native body decodes into the service's own wire types and gives back the events."""
    events = all_events()
    made = batch("native", events, sent_at=START_MS + 5)
    told = msgspec.json.decode(made.body, type=Envelope)
    assert (made.path, made.events, told.sent_at) == ("/analytics/events", len(events), START_MS + 5)
    assert [(event.type, event.ts, event.seq) for event in told.events] == [
        (event.type, event.ts, event.seq) for event in events
    ]


def test_what_is_unknown_is_not_sent() -> None:
    """Fields that a player does not know are absent, not null."""
    made = batch("native", [SentEvent(type="heartbeat", ts=1, seq=0)])
    assert b"null" not in made.body
    assert b'"events":[{"type":"heartbeat","ts":1,"seq":0}]' in made.body


def test_cmcd_records_are_structured_field_dictionaries() -> None:
    """Each line parses as an RFC 8941 dictionary with the keys that every record has."""
    made = batch("cmcd", all_events())
    lines = made.body.decode().splitlines()
    assert made.body.endswith(b"\n")
    assert len(lines) == made.events
    for line in lines:
        record: Any = http_sf.parse(line.encode(), tltype="dictionary")
        assert record["v"][0] == 2
        assert record["sid"][0] == SESSION_ID
        assert {"e", "ts", "sn", "cid"} <= record.keys()


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (SentEvent(type="play", ts=5, seq=0), "e=ps,sta=s"),
        (SentEvent(type="seek_start", ts=5, seq=0), "e=ps,sta=k"),
        (SentEvent(type="rebuffer_start", ts=5, seq=0), "e=ps,sta=r"),
        (SentEvent(type="pause", ts=5, seq=0), "e=ps,sta=a"),
        (SentEvent(type="ended", ts=5, seq=0), "e=ps,sta=e"),
        (SentEvent(type="quit", ts=5, seq=0), "e=ps,sta=q"),
        (SentEvent(type="heartbeat", ts=5, seq=0), "e=t"),
        (SentEvent(type="quality_change", ts=5, seq=0, bitrate_kbps=900), "br=(900)"),
        (SentEvent(type="visibility", ts=5, seq=0, visible=False), ",bg"),
        (SentEvent(type="error", ts=5, seq=0, error=SentError("x1", "", fatal=True)), 'ec=("x1")'),
    ],
)
def test_cmcd_says_each_event_in_its_words(event: SentEvent, said: str) -> None:
    """The mapping of the protocol page, backwards."""
    assert said in batch("cmcd", [event]).body.decode()


def test_cmcd_has_no_word_for_a_warning() -> None:
    """A batch of non-fatal errors alone is not sent, and they do not count in others."""
    warning = SentEvent(type="error", ts=5, seq=1, error=SentError("retry", "", fatal=False))
    assert Speech(session("cmcd")).batch(0, [warning], at_ms=5, sent_at=None) is None
    assert batch("cmcd", [SentEvent(type="play", ts=5, seq=0), warning]).events == 1


def test_session_ids_are_uuids_of_version_7() -> None:
    """The id carries its instant, the version and the variant, whatever the random bits."""
    for bits in (0, 2**74 - 1):
        digits = make_uuid7(START_MS, bits).replace("-", "")
        assert int(digits[:12], 16) == START_MS
        assert digits[12] == "7"
        assert digits[16] in "89ab"
        assert len(digits) == 32
