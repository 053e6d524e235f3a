"""Asks the database; every figure comes from clickhouse/queries, the marts and the views below them."""

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Literal

import msgspec

from playhead.errors import NotFoundError
from playhead.rollup.refresh import RefreshState
from playhead.serve.answers import (
    CountedStreamRow,
    RegistryEntry,
    StreamContent,
    StreamRow,
    SummedMetrics,
    ValueMetrics,
)
from playhead.serve.cover import FIRST_DAY, Cover, answer_by_covers
from playhead.serve.placements import decode_placements
from playhead.serve.questions import Page, View
from playhead.store.contract import Store
from playhead.store.sql_files import query

MAX_VALUES = 11_000
"""Values a breakdown gives at most, those played most."""

KEPT = frozenset({"", "organizer_id", "stream_id"})
"""Dimensions whose marts keep who the viewers were, so that those of sessions can be added."""

FILTERED = "stream_dimension_daily"
"""The mart of streams by country, device and provider: all of them but who their viewers were."""

NOW, BEFORE = 0, 1
"""Periods: the range asked about, and as much before it."""

REACH = frozenset({"viewers", "startup_ms_p50", "startup_ms_p95"})
"""Columns that are dear to work out, so that a page of streams is found without them."""

SUMS = frozenset({"sessions", "attempts", "plays", "playing_time_s", "playing_hidden_time_s"})
"""Columns that a page of streams is found by from a few sums of the mart, before all else is worked out for it."""

MAX_PAGE = 1_000
"""Streams that are named in a question at most."""


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


class _PeriodMetrics(SummedMetrics, frozen=True, kw_only=True):
    period: int


class _Reach(msgspec.Struct, frozen=True):
    value: str = ""
    period: int = 0
    viewers: int | None = None
    streams: int | None = None

    def changes(self) -> dict[str, int]:
        """Return what is known, by the names of the answers' fields."""
        told = {"viewers": self.viewers, "streams": self.streams}
        return {name: count for name, count in told.items() if count is not None}


class _PageEntry(msgspec.Struct, frozen=True):
    stream_id: str
    total: int


class _RegisteredNames(msgspec.Struct, frozen=True):
    stream_id: str
    title: str
    organizer_id: str
    provider: str

    def changes(self) -> dict[str, str]:
        told = {"title": self.title, "organizer_id": self.organizer_id}
        return {**told, "provider": self.provider} if self.provider else told


class _StreamReach(msgspec.Struct, frozen=True):
    value: str
    viewers: int
    startup_ms_p50: int | None
    startup_ms_p95: int | None

    def changes(self) -> dict[str, int | None]:
        return {name: getattr(self, name) for name in REACH}


async def fetch_streams(store: Store, view: View, page: Page) -> tuple[RefreshState, int, list[StreamRow]]:
    """Return how fresh the answer is, how many rows there are in all, and those of the page."""
    mart = _pick_streams_mart(view, page)

    async def ask(covers: list[Cover]) -> tuple[int, list[StreamRow]]:
        [cover] = covers
        if mart != FILTERED or not cover.days:
            return await _fetch_streams(store, view, page, cover, "stream_daily")
        finding = _fetch_streams(store, view, page, cover, FILTERED)
        is_linked = _is_reach_apart(page, cover) and cover.are_viewers_settled
        return await (finding if is_linked else _with_viewers(store, view, cover, finding))

    state, (total, streams) = await answer_by_covers(store, [view], (mart,) if mart else (), ask)
    return state, total, streams


def _pick_streams_mart(view: View, page: Page) -> str | None:
    """Return the mart that has days of these streams; None: what is asked of them only sessions tell."""
    filters = view.dimensions()
    if not filters:
        return "stream_daily"
    is_kept = len(filters) == 1 and not view.include_bots and page.sort not in REACH
    return FILTERED if is_kept else None


async def _with_viewers(
    store: Store, view: View, cover: Cover, finding: Awaitable[tuple[int, list[StreamRow]]]
) -> tuple[int, list[StreamRow]]:
    """Return the streams that `finding` gives, with their viewers from the sessions, which are read meanwhile."""
    scope = {"by": "stream_id", "split_day": FIRST_DAY}
    reaching = _fetch_reach(store, view, "sessions", _parameters(view, cover) | scope)
    (total, streams), reached = await asyncio.gather(finding, reaching)
    viewers = {stream_id: reach.viewers or 0 for (stream_id, _), reach in reached.items()}
    return total, [msgspec.structs.replace(row, viewers=viewers.get(row.stream_id, 0)) for row in streams]


async def _fetch_streams(store: Store, view: View, page: Page, cover: Cover, mart: str) -> tuple[int, list[StreamRow]]:
    """Return how many streams there are, and those of the page; of FILTERED with viewers where they are linked."""
    source = "stream_dimension_days" if mart == FILTERED else "stream_days"
    dimension, value = view.dimensions()[0] if mart == FILTERED else ("", "")
    parameters = {
        **_parameters(view, cover),
        **msgspec.structs.asdict(page),
        "dimensions": ["stream_id"],
        "dimension": dimension,
        "value": value,
        "stream_ids": [],
    }
    if _is_found_by_sums(page, cover):
        return await _fetch_page(store, cover, source, parameters)
    sql = query("streams", source if cover.is_of_days_alone else f"{source}_and_sessions")
    is_reach_apart = _is_reach_apart(page, cover)
    parameters["with_reach"] = not is_reach_apart
    rows = await store.fetch(sql, CountedStreamRow, parameters)
    total = await _count_streams(store, sql, parameters, rows)
    streams = [_without_total(row) for row in rows]
    if rows and is_reach_apart:
        reached = await _fetch_streams_reach(store, cover, source, [row.stream_id for row in rows], parameters)
        streams = [msgspec.structs.replace(row, **reached.get(row.stream_id, {})) for row in streams]
    return total, streams


def _is_reach_apart(page: Page, cover: Cover) -> bool:
    """Tell whether the dear columns are asked for the streams of the page alone, once it is known which they are."""
    return cover.is_of_days_alone and page.sort not in REACH and page.limit <= MAX_VALUES


def _is_found_by_sums(page: Page, cover: Cover) -> bool:
    """Tell whether neither sessions nor the registry nor any ratio has a say in which streams are on the page."""
    is_plain = not page.q and not page.include_empty and page.limit <= MAX_PAGE
    return cover.is_of_days_alone and is_plain and page.sort in SUMS


async def _fetch_page(
    store: Store, cover: Cover, source: str, parameters: dict[str, object]
) -> tuple[int, list[StreamRow]]:
    """Return how many streams there are, and those of the page, all else of which is asked for at once."""
    sql = query("streams_page", source)
    found = await store.fetch(sql, _PageEntry, parameters)
    total = await _count_streams(store, sql, parameters, found)
    stream_ids = [entry.stream_id for entry in found]
    if not stream_ids:
        return total, []
    of_page = parameters | {"stream_ids": stream_ids, "organizer_id": "", "stream_id": ""}
    rows, reached, names = await asyncio.gather(
        store.fetch(query("streams_of_page", source), StreamRow, of_page),
        _fetch_streams_reach(store, cover, source, stream_ids, of_page),
        store.fetch(query("registered_names"), _RegisteredNames, parameters | {"stream_ids": stream_ids}),
    )
    by_stream = {row.stream_id: row for row in rows}
    known = {name.stream_id: name.changes() for name in names}
    # A stream that was given to another organizer since it was found is not told of.
    is_told = known.__contains__ if parameters["organizer_id"] else by_stream.__contains__
    return total, [
        msgspec.structs.replace(by_stream[stream_id], **reached.get(stream_id, {}), **known.get(stream_id, {}))
        for stream_id in stream_ids
        if stream_id in by_stream and is_told(stream_id)
    ]


async def _fetch_streams_reach(
    store: Store, cover: Cover, source: str, stream_ids: list[str], parameters: dict[str, object]
) -> dict[str, dict[str, int | None]]:
    """Return the dear columns of some streams over whole days, by stream."""
    is_linked = cover.are_viewers_settled
    of_page = parameters | {"stream_ids": stream_ids, "merge_viewers": not is_linked}
    reaching = store.fetch(query("streams_reach", source), _StreamReach, of_page)
    if not is_linked:
        return {row.value: row.changes() for row in await reaching}
    is_filtered = source == "stream_dimension_days"
    prefix = f"{parameters['value']}\n" if is_filtered else ""
    of_streams = of_page | {
        "dimension": f"stream_{parameters['dimension']}" if is_filtered else "stream_id",
        "values": [prefix + stream_id for stream_id in stream_ids],
        "split_day": FIRST_DAY,
    }
    rows, linked = await asyncio.gather(reaching, store.fetch(query("viewers_of_days"), _Reach, of_streams))
    viewers = {row.value.removeprefix(prefix): row.changes() for row in linked}
    return {row.value: {**row.changes(), **viewers.get(row.value, {})} for row in rows}


async def _count_streams(
    store: Store, sql: str, parameters: dict[str, object], rows: Sequence[CountedStreamRow | _PageEntry]
) -> int:
    """Return how many rows there are; a page beyond the last one does not tell."""
    if not rows and parameters["offset"]:
        rows = await store.fetch(sql, _PageEntry, parameters | {"offset": 0, "limit": 1})
    return rows[0].total if rows else 0


def _without_total(row: CountedStreamRow) -> StreamRow:
    return StreamRow(**{name: getattr(row, name) for name in StreamRow.__struct_fields__})


async def fetch_summaries(store: Store, view: View) -> tuple[RefreshState, SummedMetrics, SummedMetrics]:
    """Return how fresh the answers are, and every metric over all sessions of the view and of the period before."""
    views = (view, view.previous())
    mart = view.mart_key()

    async def ask(covers: list[Cover]) -> tuple[SummedMetrics, SummedMetrics]:
        now, before = covers
        joined = now.join(before)
        if joined is not None and mart is not None:
            periods = await _fetch_periods(store, view, joined, split_day=now.first_day)
            return periods[NOW], periods[BEFORE]
        apart = await asyncio.gather(*map(partial(_fetch_periods, store), views, covers))
        return apart[0][NOW], apart[1][NOW]

    models = () if mart is None else ("dimension_daily",) if mart[0] in KEPT else ("dimension_daily", FILTERED)
    state, (metrics, previous) = await answer_by_covers(store, views, models, ask)
    return state, metrics, previous


async def _fetch_periods(
    store: Store, view: View, cover: Cover, split_day: str = FIRST_DAY
) -> dict[int, SummedMetrics]:
    """Return the metrics from `split_day` on and, with a cover of days alone, before it."""
    dimension, value = view.mart_key() or ("", "")
    reach = _pick_reach(cover, dimension)
    parameters = {
        **_parameters(view, cover),
        "dimension": dimension,
        "value": value,
        "values": [value],
        "with_streams": dimension not in KEPT,
        "by": "",
        "dimensions": [""],
        "merge_viewers": reach == "merged",
        "split_day": split_day,
    }
    rows, reached = await asyncio.gather(
        store.fetch(query("summary", _days_source(cover)), _PeriodMetrics, parameters),
        _fetch_reach(store, view, reach, parameters),
    )
    periods = {NOW: SummedMetrics(), BEFORE: SummedMetrics()}
    reached_in = {period: reach for (_, period), reach in reached.items()}
    for row in rows:
        known = reached_in.get(row.period, _Reach()).changes()
        periods[row.period] = SummedMetrics(
            **{name: known.get(name, getattr(row, name)) for name in SummedMetrics.__struct_fields__}
        )
    return periods


async def fetch_breakdown(store: Store, view: View, by: str) -> tuple[RefreshState, list[ValueMetrics]]:
    """Return how fresh the answer is, and every metric by the values of the dimension `by`, the most played first."""
    if by == "stream_id":
        state, _, streams = await fetch_streams(store, view, Page(limit=MAX_VALUES))
        return state, [_as_value(row) for row in streams]
    is_covered = view.mart_key() == ("", "")

    async def ask(covers: list[Cover]) -> list[ValueMetrics]:
        return await _fetch_values(store, view, by, *covers)

    return await answer_by_covers(store, [view], ("dimension_daily",) if is_covered else (), ask)


async def _fetch_values(store: Store, view: View, by: str, cover: Cover) -> list[ValueMetrics]:
    parameters = {
        **_parameters(view, cover),
        "dimension": by,
        "value": "",
        "values": [],
        "with_streams": False,
        "by": by,
        "dimensions": [by],
        "max_values": MAX_VALUES,
        "split_day": FIRST_DAY,
    }
    rows, reached = await asyncio.gather(
        store.fetch(query("breakdown", _days_source(cover)), ValueMetrics, parameters),
        _fetch_reach(store, view, _pick_reach(cover, by), parameters),
    )
    viewers = {value: reach.viewers for (value, _), reach in reached.items()}
    return [msgspec.structs.replace(row, viewers=viewers.get(row.value, row.viewers)) for row in rows]


def _days_source(cover: Cover) -> str:
    return "dimension_days" if cover.is_of_days_alone else "dimension_days_and_sessions"


def _pick_reach(cover: Cover, dimension: str) -> Literal["merged", "linked", "sessions"]:
    """Return where distinct viewers come from: along with the sums, from viewers_daily, or from sessions alone."""
    if cover.is_of_days_alone and cover.are_viewers_settled:
        return "linked"
    return "sessions" if cover.days and dimension not in KEPT else "merged"


async def _fetch_reach(
    store: Store, view: View, reach: str, parameters: dict[str, object]
) -> dict[tuple[str, int], _Reach]:
    """Return distinct viewers, and streams where they are known, by value and period.

    None where they come with the sums.
    """
    if reach == "merged":
        return {}
    if reach == "linked":
        rows = await _fetch_linked_reach(store, parameters)
    else:
        whole = {"from_a": view.from_ms, "to_a": view.to_ms, "from_b": 0, "to_b": 0}
        if parameters["split_day"] != FIRST_DAY:
            before = view.previous()
            whole |= {"from_b": before.from_ms, "to_b": before.to_ms}
        rows = await store.fetch(query("reach"), _Reach, parameters | whole)
    return {(row.value, row.period): row for row in rows}


async def _fetch_linked_reach(store: Store, parameters: dict[str, object]) -> list[_Reach]:
    """Return the viewers of whole days and, where asked for, the streams of the one value."""
    viewers = store.fetch(query("viewers_of_days"), _Reach, parameters)
    if not parameters["with_streams"]:
        return await viewers
    rows, streams = await asyncio.gather(viewers, store.fetch(query("streams_of_days"), _Reach, parameters))
    viewers_in = {row.period: row.viewers for row in rows}
    return [msgspec.structs.replace(row, viewers=viewers_in.get(row.period, 0)) for row in streams]


def _as_value(row: StreamRow) -> ValueMetrics:
    figures = {name: getattr(row, name) for name in ValueMetrics.__struct_fields__ if name != "value"}
    return ValueMetrics(value=row.stream_id, **figures)


async def fetch_stream(store: Store, view: View) -> tuple[RefreshState, StreamRow, StreamEntry]:
    """Return how fresh the answer is, the row and the entry of `view.stream_id`.

    Raises NotFoundError where nothing is known of it, or nothing that the view's organizer may know.
    """
    scope = {"stream_id": view.stream_id, "organizer_id": view.organizer_id}
    entries, (state, _, rows) = await asyncio.gather(
        store.fetch(query("stream_entry"), StreamEntry, scope),
        fetch_streams(store, view, Page(limit=1, include_empty=True)),
    )
    if not entries:
        raise NotFoundError("There is no such stream.")
    return state, rows[0] if rows else StreamRow(stream_id=view.stream_id), entries[0]


def _parameters(view: View, cover: Cover) -> dict[str, object]:
    return msgspec.structs.asdict(view) | cover.parameters() | {"bucket_length_ms": 0}
