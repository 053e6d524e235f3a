"""One session's events and the states they make; the only answer that reads the events."""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Literal

from playhead.serve.session_answers import EventFields, State, StateInterval, TimelineError, TimelineEvent
from playhead.store.cluster import shards_of
from playhead.store.contract import Store
from playhead.store.sql_files import query

Shown = State | Literal["gap"]


class TimelineRow(EventFields, frozen=True, kw_only=True):
    """A row of the view session_timeline; until_next_ms: None after the last event."""

    until_next_ms: int | None
    is_gap: bool
    error_code: str
    error_message: str
    is_error_fatal: bool
    is_error_business: bool

    def event(self) -> TimelineEvent:
        """Return the event as it is answered."""
        error = TimelineError(
            code=self.error_code,
            message=self.error_message,
            fatal=self.is_error_fatal,
            business=self.is_error_business,
        )
        carried = {name: getattr(self, name) for name in EventFields.__struct_fields__}
        return TimelineEvent(**carried, error=error if self.type == "error" else None)


async def fetch_timeline(store: Store, stream_id: str, session_id: str, max_events: int) -> list[TimelineRow]:
    """Return the session's distinct events in the contract's order, at most the first `max_events`."""
    parameters = {"stream_id": stream_id, "session_id": session_id, "max_events": max_events}
    # A session lies whole on one shard; the others know nothing of it.
    answers = [shard.fetch(query("session_timeline"), TimelineRow, parameters) for shard in await shards_of(store)]
    return [row for rows in await asyncio.gather(*answers) for row in rows]


def state_intervals(rows: Iterable[TimelineRow]) -> list[StateInterval]:
    """Return the states over time: neighbouring events in one state as one interval, gaps as such, nothing empty.

    What follows the last event is in no interval, and neither is a state that did not last a millisecond; yet such
    a state parts the intervals before and after it.
    """
    intervals = []
    for state, group in groupby(_stretches(rows), key=lambda stretch: stretch[0]):
        stretches = list(group)
        begin, end = stretches[0][1], stretches[-1][2]
        if begin < end:
            intervals.append(StateInterval(from_=begin, to=end, state=state, is_counted=state != "gap"))
    return intervals


def _stretches(rows: Iterable[TimelineRow]) -> Iterator[tuple[Shown, int, int]]:
    """Yield (state, from, to) after each event; an event before a gap has none of its state's, and then the gap."""
    for row in rows:
        until = row.at + (row.until_next_ms or 0)
        yield row.state, row.at, row.at if row.is_gap else until
        if row.is_gap:
            yield "gap", row.at, until
