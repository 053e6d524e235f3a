"""What became of the batches: counts, acknowledgement times, and the sessions as they were meant."""

import math
from collections import Counter

import msgspec

from playhead.simulate.wire import Batch, Session

BINS_PER_DOUBLING = 32


class Reply(msgspec.Struct, frozen=True):
    """The service's answer to one batch; `accepted` is -1 where the protocol does not tell."""

    status: int
    accepted: int = -1
    rejected_codes: tuple[str, ...] = ()
    session_id: str | None = None


class AckTimes:
    """A histogram of milliseconds in bins 2 % wide: bounded, whatever the number of requests."""

    def __init__(self) -> None:
        self._bins: Counter[int] = Counter()

    def add(self, ms: float) -> None:
        """Count one acknowledgement."""
        self._bins[math.floor(math.log2(max(ms, 0.001)) * BINS_PER_DOUBLING)] += 1

    def quantile(self, share: float) -> float | None:
        """Return the quantile in ms within 2 %, None if nothing was counted."""
        rank = share * (self._bins.total() - 1)
        passed = 0
        for place, count in sorted(self._bins.items()):
            passed += count
            if passed > rank:
                return round(math.exp2((place + 0.5) / BINS_PER_DOUBLING), 3)
        return None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The run in figures; events count once a request, copies of batches again under `events_repeated`."""

    seed: int
    elapsed_s: float
    requests_acknowledged: int
    requests_given_up: int
    requests_tried_again: int
    events_acknowledged: int
    events_repeated: int
    events_rejected: int
    rejected_by_code: dict[str, int]
    statuses: dict[str, int]
    requests_per_second: float
    events_per_second: float
    ack_p50_ms: float | None
    ack_p99_ms: float | None
    behind_schedule_s: float


class MeantSession(msgspec.Struct, kw_only=True):
    """A session as it was meant, of what was really sent: `events` distinct ones, `acknowledged` of them."""

    viewer: int
    stream_id: str
    session_id: str | None
    """None: the service was left to name it; `named` is what it answered."""
    client_id: str
    protocol: str
    fate: str
    skew_ms: int
    events: int = 0
    acknowledged: int = 0
    named: list[str] = []
    acknowledged_parts: set[int] = msgspec.field(default_factory=set)
    sent_parts: set[int] = msgspec.field(default_factory=set)


class Report:
    """Gathers what happens to batches; with `keeps_sessions` also what each session was meant to be."""

    def __init__(self, *, keeps_sessions: bool = False) -> None:
        self.ack_times = AckTimes()
        self.statuses: Counter[int] = Counter()
        self.rejected: Counter[str] = Counter()
        self.acknowledged = 0
        self.given_up = 0
        self.tried_again = 0
        self.events = 0
        self.events_repeated = 0
        self.behind_s = 0.0
        self._sessions: dict[int, MeantSession] | None = {} if keeps_sessions else None

    def note_made(self, batch: Batch) -> None:
        """Note that `batch` is about to be sent or written."""
        if self._sessions is None:
            return
        meant = self._sessions.setdefault(batch.session.viewer, _as_meant(batch.session))
        if batch.part not in meant.sent_parts:
            meant.sent_parts.add(batch.part)
            meant.events += batch.events

    def note_reply(self, batch: Batch, reply: Reply, ack_ms: float) -> None:
        """Note the last answer to `batch`: an acknowledgement, or a refusal that is final."""
        self.statuses[reply.status] += 1
        if not 200 <= reply.status < 300:
            self.given_up += 1
            return
        accepted = batch.events if reply.accepted < 0 else reply.accepted
        self.acknowledged += 1
        self.ack_times.add(ack_ms)
        self.rejected.update(reply.rejected_codes)
        self.events += 0 if batch.is_copy else accepted
        self.events_repeated += accepted if batch.is_copy else 0
        self._note_acknowledged(batch, reply, accepted)

    def note_written(self, batch: Batch) -> None:
        """Note that `batch` went to a file, where nothing is refused."""
        self.acknowledged += 1
        self.events += 0 if batch.is_copy else batch.events
        self.events_repeated += batch.events if batch.is_copy else 0

    def note_retry(self, status: int) -> None:
        """Note an answer, or with 0 a broken connection, after which the batch is sent again."""
        self.statuses[status] += 1
        self.tried_again += 1

    def note_lost(self) -> None:
        """Note a batch that no connection could carry."""
        self.given_up += 1

    def sessions(self) -> list[MeantSession]:
        """Return the sessions by viewer; empty unless they are kept."""
        return sorted((self._sessions or {}).values(), key=lambda meant: meant.viewer)

    def summary(self, seed: int, elapsed_s: float) -> Summary:
        """Return the figures after `elapsed_s` seconds."""
        return Summary(
            seed=seed,
            elapsed_s=round(elapsed_s, 3),
            requests_acknowledged=self.acknowledged,
            requests_given_up=self.given_up,
            requests_tried_again=self.tried_again,
            events_acknowledged=self.events,
            events_repeated=self.events_repeated,
            events_rejected=self.rejected.total(),
            rejected_by_code=dict(self.rejected),
            statuses={str(status): count for status, count in sorted(self.statuses.items())},
            requests_per_second=round(self.acknowledged / max(elapsed_s, 0.001), 1),
            events_per_second=round((self.events + self.events_repeated) / max(elapsed_s, 0.001), 1),
            ack_p50_ms=self.ack_times.quantile(0.5),
            ack_p99_ms=self.ack_times.quantile(0.99),
            behind_schedule_s=round(self.behind_s, 3),
        )

    def _note_acknowledged(self, batch: Batch, reply: Reply, accepted: int) -> None:
        if self._sessions is None:
            return
        meant = self._sessions[batch.session.viewer]
        if batch.part not in meant.acknowledged_parts:
            meant.acknowledged_parts.add(batch.part)
            meant.acknowledged += accepted
        if meant.session_id is None and reply.session_id and reply.session_id not in meant.named:
            meant.named.append(reply.session_id)


def _as_meant(session: Session) -> MeantSession:
    return MeantSession(
        viewer=session.viewer,
        stream_id=session.stream.stream_id,
        session_id=session.session_id,
        client_id=session.client.client_id,
        protocol=session.protocol,
        fate=session.fate,
        skew_ms=session.client.skew_ms,
    )
