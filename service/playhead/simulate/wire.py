"""What goes over the wire: a viewer's events as a native JSON body or as CMCD v2 records."""

import msgspec

from playhead.events import Content, ErrorDetail, Event, Player
from playhead.simulate.audience import Client, Protocol, Stream

NATIVE_PATH = "/analytics/events"
CMCD_PATH = "/analytics/cmcd"


class SentEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An event as a player sends it: whole numbers, and what it does not know is left out."""

    ts: int
    seq: int


class SentError(ErrorDetail, frozen=True, omit_defaults=True):
    """An error as a player sends it."""


class SentPlayer(Player, frozen=True, kw_only=True, omit_defaults=True):
    """A player as it names itself."""


class SentContent(Content, frozen=True, kw_only=True, omit_defaults=True):
    """The content as the player knows it."""


class SentEnvelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A native batch."""

    stream_id: str
    client_id: str
    session_id: str | None = None
    sent_at: int | None = None
    player: SentPlayer
    content: SentContent
    page_url: str
    timezone: str
    events: list[SentEvent]


class Session(msgspec.Struct, frozen=True):
    """One attempt to play, as it was meant; without `session_id` the service names it."""

    viewer: int
    stream: Stream
    client: Client
    session_id: str | None
    protocol: Protocol
    fate: str


class Batch(msgspec.Struct, frozen=True, gc=False):
    """One request and when it reaches the service, true time; a copy repeats the `part` it is a copy of."""

    at_ms: int
    session: Session
    part: int
    events: int
    path: str
    headers: dict[str, str]
    body: bytes
    is_copy: bool = False


class WrittenBatch(msgspec.Struct, frozen=True):
    """A batch as a line of a file."""

    at_ms: int
    path: str
    headers: dict[str, str]
    body: str


_encoder = msgspec.json.Encoder()


class Speech:
    """How one session speaks to the service: where it posts, its headers, its encoding."""

    def __init__(self, session: Session) -> None:
        client = session.client
        self.session = session
        self.is_native = session.protocol == "native"
        if self.is_native:
            self.path = NATIVE_PATH
            content_type = "application/json" if client.has_json_type else "text/plain"
        else:
            self.path = f"{CMCD_PATH}?client_id={client.client_id}&provider={session.stream.provider}"
            content_type = "application/cmcd" if client.has_json_type else "text/cmcd"
        self.headers = {"Content-Type": content_type, "User-Agent": client.user_agent}

    def batch(self, part: int, events: list[SentEvent], *, at_ms: int, sent_at: int | None) -> Batch | None:
        """Return the batch of `events` that arrives at `at_ms`; None if the protocol has no word for any of them.

        `sent_at` is by the client's clock; CMCD does not carry it.
        """
        said = events if self.is_native else [event for event in events if is_said_in_cmcd(event)]
        if not said:
            return None
        body = self._encode_native(said, sent_at) if self.is_native else self._encode_cmcd(said)
        return Batch(at_ms, self.session, part, len(said), self.path, self.headers, body)

    def _encode_native(self, events: list[SentEvent], sent_at: int | None) -> bytes:
        session, stream, client = self.session, self.session.stream, self.session.client
        return _encoder.encode(
            SentEnvelope(
                stream_id=stream.stream_id,
                client_id=client.client_id,
                session_id=session.session_id,
                sent_at=sent_at,
                player=SentPlayer(provider=stream.provider, name="sim-player", version="1.0.0"),
                content=SentContent(
                    title=stream.title, duration_ms=stream.duration_ms or None, live=stream.is_live or None
                ),
                page_url=f"https://video.example/watch/{stream.stream_id}",
                timezone=client.timezone,
                events=events,
            )
        )

    def _encode_cmcd(self, events: list[SentEvent]) -> bytes:
        stream = self.session.stream
        kind = "l" if stream.is_live else "v"
        form = "d" if stream.provider == "dash" else "h"
        head = f'cid="{stream.stream_id}",sf={form},sid="{self.session.session_id}",st={kind},v=2'
        return "".join(_cmcd_record(event, head) for event in events).encode()


def is_said_in_cmcd(event: SentEvent) -> bool:
    """Tell whether CMCD has a word for `event`; it has none for an error that is not fatal."""
    return event.error is None or event.error.fatal is True


_CMCD_WORDS: dict[str, str] = {
    "play": "e=ps,sta=s",
    "playing": "e=ps,sta=p",
    "pause": "e=ps,sta=a",
    "rebuffer_start": "e=ps,sta=r",
    "rebuffer_end": "e=ps,sta=p",
    "seek_start": "e=ps,sta=k",
    "seek_end": "e=ps,sta=p",
    "heartbeat": "e=t",
    "quality_change": "e=bc",
    "visibility": "e=b",
    "error": "e=e,sta=f",
    "ended": "e=ps,sta=e",
    "quit": "e=ps,sta=q",
}


def _cmcd_record(event: SentEvent, head: str) -> str:
    extra = ""
    if event.bitrate_kbps:
        extra = f",br=({event.bitrate_kbps})"
    if event.visible is False:
        extra += ",bg"
    if event.error is not None:
        extra += f',ec=("{event.error.code}")'
    if event.position_ms is not None:
        extra += f",pt={event.position_ms}"
    if event.dropped_frames is not None:
        extra += f",dfa={event.dropped_frames}"
    return f"{_CMCD_WORDS[event.type]},{head},sn={event.seq},ts={event.ts}{extra}\n"
