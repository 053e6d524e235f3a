"""Contract 2.4: which events are the same, which of their copies counts, and their order in a session."""

from collections.abc import Iterable

from tests.oracle.model import TYPE_RANK, OracleEvent

SessionKey = tuple[str, str]
"""(stream_id, session_id): the same session_id on another stream is another session."""


def ordered_sessions(events: Iterable[OracleEvent]) -> dict[SessionKey, tuple[OracleEvent, ...]]:
    """Give each session's distinct events, in order; raises ValueError where the contract names no copy to count."""
    counted: dict[tuple[SessionKey, int, int, int], OracleEvent] = {}
    for event in events:
        identity = ((event.stream_id, event.session_id), event.ts, event.seq, TYPE_RANK[event.type])
        counted[identity] = _counting(counted.get(identity, event), event)
    sessions: dict[SessionKey, list[OracleEvent]] = {}
    for identity in sorted(counted):
        sessions.setdefault(identity[0], []).append(counted[identity])
    return {key: tuple(ordered) for key, ordered in sessions.items()}


def _counting(one: OracleEvent, other: OracleEvent) -> OracleEvent:
    if one != other and _precedence(one) == _precedence(other):
        raise ValueError(f"copies that differ, of one offset and one received_at: {one} and {other}")
    return min(one, other, key=_precedence)


def _precedence(event: OracleEvent) -> tuple[bool, int, int]:
    return event.offset_ms is None, event.offset_ms or 0, event.received_ms
