"""Asks the database; every figure comes from clickhouse/queries and the views below them."""

import msgspec

from playhead.errors import NotFoundError
from playhead.serve.answers import (
    CountedStreamRow,
    RegistryEntry,
    StreamContent,
    StreamRow,
    SummedMetrics,
)
from playhead.serve.placements import decode_placements
from playhead.serve.questions import Page, View
from playhead.store.contract import Store
from playhead.store.sql_files import query


class StreamEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry and the players say of one stream."""

    is_registered: bool
    title: str
    organizer_id: str
    is_live: bool
    providers: str
    content_title: str | None
    content_duration_ms: int | None
    content_is_live: bool | None

    def content(self) -> StreamContent:
        """Return the players' word."""
        return StreamContent(title=self.content_title, duration_ms=self.content_duration_ms, live=self.content_is_live)

    def registry(self) -> RegistryEntry | None:
        """Return the registry's word; None: not registered."""
        if not self.is_registered:
            return None
        return RegistryEntry(
            title=self.title,
            organizer_id=self.organizer_id,
            live=self.is_live,
            providers=decode_placements(self.providers),
        )


async def fetch_streams(store: Store, view: View, page: Page) -> tuple[int, list[StreamRow]]:
    """Return how many rows there are in all, and those of the page."""
    parameters = msgspec.structs.asdict(view) | msgspec.structs.asdict(page)
    rows = await store.fetch(query("streams"), CountedStreamRow, parameters)
    if not rows and page.offset:
        first = await store.fetch(query("streams"), CountedStreamRow, parameters | {"offset": 0, "limit": 1})
        return sum(row.total for row in first), []
    return (rows[0].total if rows else 0), [_without_total(row) for row in rows]


def _without_total(row: CountedStreamRow) -> StreamRow:
    return StreamRow(**{name: getattr(row, name) for name in StreamRow.__struct_fields__})


async def fetch_summary(store: Store, view: View) -> SummedMetrics:
    """Return every metric over all sessions of the view."""
    rows = await store.fetch(query("summary"), SummedMetrics, msgspec.structs.asdict(view))
    return rows[0] if rows else SummedMetrics()


async def fetch_stream(store: Store, view: View) -> tuple[StreamRow, StreamEntry]:
    """Return the row and the entry of `view.stream_id`.

    Raises NotFoundError where nothing is known of it, or nothing that the view's organizer may know.
    """
    scope = {"stream_id": view.stream_id, "organizer_id": view.organizer_id}
    entries = await store.fetch(query("stream_entry"), StreamEntry, scope)
    if not entries:
        raise NotFoundError("There is no such stream.")
    _, rows = await fetch_streams(store, view, Page(limit=1, include_empty=True))
    return (rows[0] if rows else StreamRow(stream_id=view.stream_id)), entries[0]
