"""What is posted: real sessions of the simulator, cut to equal batches, with a mark where the session id goes."""

import itertools
import random
from collections.abc import Callable, Sequence

import msgspec

from playhead.events import EventRow
from playhead.ingest.envelopes import read_envelope
from playhead.ingest.lines import encode_rows
from playhead.ingest.native import make_batch
from playhead.simulate.audience import Catalogue, make_client, make_uuid7
from playhead.simulate.viewer import Fate, Mix, Viewer
from playhead.simulate.wire import SentEvent, Session, Speech

Encode = Callable[[Sequence[EventRow]], bytes]

SESSION_MARK = "SESSION-ID"
SEED = 1
TEMPLATES = 200
ORIGIN = ("DE", "desktop", "Windows", "Chrome")
"""What the service adds to a row: country, device, os and browser."""


class Cut(msgspec.Struct, frozen=True):
    """The first events of one session."""

    session: Session
    events: list[SentEvent]


def make_cuts(base_ms: int, events_each: int, count: int = TEMPLATES) -> list[Cut]:
    """Return `count` sessions that ended before `base_ms`, the last `events_each` of their first 60 events.

    One event alone is then mostly a heartbeat, as in life, and 25 are a mix of all types.
    """
    cuts = (_cut(number, base_ms, events_each) for number in itertools.count())
    return list(itertools.islice((cut for cut in cuts if len(cut.events) == events_each), count))


def _cut(number: int, base_ms: int, events_each: int) -> Cut:
    chance = random.Random(f"bench:{SEED}:{number}")
    stream = Catalogue(8, SEED).choose(chance)
    client = msgspec.structs.replace(make_client(str(number), SEED), skew_ms=0)
    viewer = Viewer(chance, stream, client, Mix(fates={Fate.watched: 1.0}))
    start_ms = base_ms - 6 * 3_600_000
    events = viewer.play_out(start_ms)[:60][-events_each:]
    return Cut(Session(number, stream, client, SESSION_MARK, "native", viewer.fate), events)


def make_bodies(cuts: list[Cut]) -> list[bytes]:
    """Return one native body a cut, on one line, with SESSION_MARK for its session id."""
    batches = (Speech(cut.session).batch(0, cut.events, at_ms=0, sent_at=None) for cut in cuts)
    return [batch.body for batch in batches if batch is not None]


def make_row_block(bodies: list[bytes], received_ms: int, rows: int, block: int, encode: Encode = encode_rows) -> bytes:
    """Return `rows` events as ingest inserts them for `bodies`, of sessions that no other `block` has."""
    made = itertools.chain.from_iterable(
        _rows(body, make_uuid7(received_ms, block << 42 | turn << 20 | number), received_ms)
        for turn in itertools.count()
        for number, body in enumerate(bodies)
    )
    return encode(list(itertools.islice(made, rows)))


def _rows(body: bytes, session_id: str, received_ms: int) -> list[EventRow]:
    body = body.replace(SESSION_MARK.encode(), session_id.encode())
    rows = make_batch(read_envelope(body), body, received_ms, is_private=False).rows
    for row in rows:
        row.country, row.device, row.os, row.browser = ORIGIN
    return rows
