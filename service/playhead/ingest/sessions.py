"""Which session a batch without session_id belongs to (contract, section 2.4).

Any worker comes to the same answer: what is stored decides, and a new session's id is made of what was sent.
A session that is given to a batch counts for the next one at once, before the batch is stored.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

import msgspec

from playhead.events import EventRow
from playhead.ingest.batch import EventKey, key_of
from playhead.ingest.client_sessions import ClientSessions, Sender, SessionSpan
from playhead.store.contract import Store

_UUID_TS_BITS = 2**48 - 1
_NO_EVENTS: frozenset[EventKey] = frozenset()


class Hold(msgspec.Struct, frozen=True, eq=False):
    """A batch's claim on a session until its rows are stored; `events` is empty where the sender named the session."""

    sender: Sender
    span: SessionSpan
    events: frozenset[EventKey]

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.span.session_id


class SessionResolver:
    """Gives batches their sessions; every Hold it returns is to be released, once the rows are stored or given up."""

    def __init__(self, store: Store, timeout_s: int) -> None:
        self._timeout_ms = timeout_s * 1000
        self._holds: defaultdict[Sender, set[Hold]] = defaultdict(set)
        self._client_sessions = ClientSessions(store, self._spans_under_way)

    async def assign(self, stream_id: str, client_id: str, rows: Sequence[EventRow]) -> Hold:
        """Return the session of rows that came without one, at least one row; raises StoreError."""
        sender = Sender(stream_id, client_id)
        events = frozenset(map(key_of, rows))
        session_id = await self._find(sender, min(events)) or make_session_id(
            min(events).ts, stream_id.encode(), client_id.encode()
        )
        span = SessionSpan(session_id, min(row.ts for row in rows), max(row.ts for row in rows))
        return self._add(sender, span, events)

    def hold(self, stream_id: str, client_id: str, span: SessionSpan) -> Hold:
        """Claim the session that the sender named; `span` is where the batch's events lie."""
        return self._add(Sender(stream_id, client_id), span, _NO_EVENTS)

    async def name(self, stream_id: str, client_id: str, ts: int) -> str:
        """Return the session a batch at `ts` would get, without a claim; raises StoreError."""
        found = await self._find(Sender(stream_id, client_id), EventKey(ts, 0, 0))
        return found or make_session_id(ts, stream_id.encode(), client_id.encode())

    def release(self, hold: Hold) -> None:
        """Give up a claim: the rows are stored, and the database knows, or they never will be."""
        holds = self._holds[hold.sender]
        holds.discard(hold)
        if not holds:
            del self._holds[hold.sender]

    async def _find(self, sender: Sender, first: EventKey) -> str | None:
        from_ts, to_ts = first.ts - self._timeout_ms, first.ts + self._timeout_ms
        spans = await self._client_sessions.find(sender, from_ts, to_ts)
        spans += self._spans_under_way(sender)
        found = self._choose(spans, first.ts)
        if len(found) < 2:
            return found[0] if found else None
        return await self._pick(sender, spans, first)

    async def _pick(self, sender: Sender, spans: list[SessionSpan], first: EventKey) -> str:
        """Return the session that already holds the event, else the latest.

        Sessions grow into each other as batches come late; one that is sent again must go where it went before.
        """
        # What is under way may be stored while the question runs, so it is looked at before and after.
        holding = self._holding_under_way(sender, first)
        near = self._choose(spans, first.ts)
        holding |= await self._client_sessions.find_holding(sender.stream_id, near, first)
        holding |= self._holding_under_way(sender, first)
        near = self._choose(spans + self._spans_under_way(sender), first.ts)
        return next((session_id for session_id in near if session_id in holding), near[0])

    def _choose(self, spans: Sequence[SessionSpan], ts: int) -> list[str]:
        """Return the sessions whose span, widened by the timeout, holds `ts`; the latest first."""
        widest: dict[str, SessionSpan] = {}
        for span in spans:
            known = widest.get(span.session_id, span)
            widest[span.session_id] = SessionSpan(
                span.session_id, min(span.first_ts, known.first_ts), max(span.last_ts, known.last_ts)
            )
        near = [
            span
            for span in widest.values()
            if span.first_ts - self._timeout_ms <= ts <= span.last_ts + self._timeout_ms
        ]
        near.sort(key=lambda span: (span.first_ts, span.session_id), reverse=True)
        return [span.session_id for span in near]

    def _spans_under_way(self, sender: Sender) -> list[SessionSpan]:
        return [hold.span for hold in self._holds.get(sender, ())]

    def _holding_under_way(self, sender: Sender, event: EventKey) -> set[str]:
        return {hold.session_id for hold in self._holds.get(sender, ()) if event in hold.events}

    def _add(self, sender: Sender, span: SessionSpan, events: frozenset[EventKey]) -> Hold:
        hold = Hold(sender, span, events)
        self._holds[sender].add(hold)
        return hold


def make_session_id(ts: int, *parts: bytes) -> str:
    """Return the UUIDv7 of `ts` (ms) whose other 74 bits are a hash of `ts` and `parts`: equal for equal arguments."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (str(ts).encode(), *parts):
        digest.update(len(part).to_bytes(4, "big") + part)
    number = int.from_bytes(digest.digest(), "big")
    number = number & (2**80 - 1) | (ts & _UUID_TS_BITS) << 80
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=number))
