"""dbt builds, again and again while events come in: the marts are what a full rebuild and the oracle say."""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from playhead.rollup.changed_days import note_stream_days
from playhead.rollup.dbt import run_dbt
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.growing_world import DAY_MS, DAYS, ORGANIZERS, GrowingWorld, growing_world
from tests.marts import MARTS, build_marts, build_marts_by_dbt, settle_marts, store_settings
from tests.oracle.answers import breakdown, dimension_values, in_view, summary
from tests.oracle.metrics import Metrics, Question, metrics
from tests.oracle.sessions import OracleSession, fold_sessions
from tests.stored_sessions import metric_differences, to_row
from tests.stores import insert_events

__all__ = ["store_settings"]

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(900)]

BUILD = ("build", "--exclude-resource-type", "unit_test")
DIMENSIONS = ("country", "device", "os", "browser", "player", "provider", "error_code", "stream_id")

READ_ROWS = """
SELECT formatRow('JSONCompactEachRow', {columns}) AS line
FROM {mart} FINAL
WHERE {is_something}
ORDER BY line
"""
READ_DIGESTS = """
SELECT toString(day) AS day, groupBitXor(cityHash64(toString(tuple({columns})))) AS digest
FROM {mart} FINAL
WHERE {is_something}
GROUP BY day
"""
READ_VIEWERS = """
SELECT
    dimension,
    value,
    toUInt64(sum(arraySum((d, n) -> if(d < {from_day:Date}, n, 0), previous_days, previous_viewers))) AS n
FROM viewers_daily FINAL
WHERE day >= {from_day:Date} AND day < {to_day:Date}
GROUP BY dimension, value
"""
READ_METRICS = "SELECT formatRow('JSONEachRow', *) AS line FROM daily_metrics"


class _Line(msgspec.Struct, frozen=True):
    line: str


class _Column(msgspec.Struct, frozen=True):
    name: str
    type: str


class _Digest(msgspec.Struct, frozen=True):
    day: str
    digest: int


class _Viewers(msgspec.Struct, frozen=True):
    dimension: str
    value: str
    n: int


async def read_columns(store: ClientStore, mart: str) -> str:
    """Return a mart's columns but its version as an expression list, states as what they come to."""
    sql = "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String}"
    columns = await store.fetch(sql, _Column, {"database": store.database, "table": mart})
    return ", ".join(
        f"finalizeAggregation({column.name})" if column.type.startswith("AggregateFunction") else column.name
        for column in columns
        if column.name != "version"
    )


async def mart_query(store: ClientStore, mart: str, template: str) -> str:
    """Return `template` about the rows of `mart` that count for something."""
    is_something = "notEmpty(previous_days)" if mart == "viewers_daily" else "facts > 0"
    return template.format(mart=mart, columns=await read_columns(store, mart), is_something=is_something)


async def read_marts(store: ClientStore) -> dict[str, list[str]]:
    """Return every row of every mart, without versions."""
    return {
        mart: [row.line for row in await store.fetch(await mart_query(store, mart, READ_ROWS), _Line)] for mart in MARTS
    }


async def register(store: ClientStore, organizers: Mapping[str, str]) -> None:
    """Say whose the streams are, as the registry's routes do."""
    for stream_id in organizers:
        await note_stream_days(store, stream_id)
    entries = [[name, name, owner, False, "[]"] for name, owner in organizers.items()]
    lines = msgspec.json.Encoder().encode_lines(entries)
    await store.insert("streams", ["stream_id", "title", "organizer_id", "is_live", "providers"], lines)


async def insert_round(store: ClientStore, world: GrowingWorld, number: int) -> None:
    """Store a round's events in several batches."""
    rows = [to_row(event) for event in world.rounds[number]]
    for begin in range(0, len(rows), 100):
        await insert_events(store, rows[begin : begin + 100])


def day_question(world: GrowingWorld, first: int, last: int, organizers: Mapping[str, str]) -> Question:
    """Return the question about the world's days [first, last)."""
    return Question(
        from_ms=world.base_ms + first * DAY_MS, to_ms=world.base_ms + last * DAY_MS, organizers=organizers
    )  # fmt: skip


def expected_metrics(
    sessions: list[OracleSession], world: GrowingWorld, organizers: Mapping[str, str]
) -> dict[tuple[str, str, str], Metrics]:
    """Return the oracle's metrics by (dimension, value, day)."""
    expected = {}
    for number in range(-1, DAYS + 1):
        question = day_question(world, number, number + 1, organizers)
        day = datetime.fromtimestamp(question.from_ms / 1000, UTC).date().isoformat()
        seen = in_view(sessions, question)
        if seen:
            expected["", "", day] = summary(sessions, question).figures
        for owner in {organizers[one.stream_id] for one in seen if one.stream_id in organizers}:
            owned = [one for one in seen if organizers.get(one.stream_id) == owner]
            expected["organizer_id", owner, day] = metrics(owned, question)
        for by in DIMENSIONS:
            expected |= {(by, value, day): figures for value, figures in breakdown(sessions, question, by).items()}
    return expected


async def metric_faults(
    store: ClientStore, sessions: list[OracleSession], world: GrowingWorld, organizers: Mapping[str, str]
) -> dict[tuple[str, str, str], Any]:
    """Return in which rows of daily_metrics, and how, the marts and the oracle differ."""
    rows = [json.loads(row.line) for row in await store.fetch(READ_METRICS, _Line)]
    stored = {(row["dimension"], row["value"], row["day"]): row for row in rows}
    expected = expected_metrics(sessions, world, organizers)
    assert stored.keys() == expected.keys()
    found = {key: metric_differences(stored[key], figures) for key, figures in expected.items()}
    return {key: differences for key, differences in found.items() if differences}


def scopes_of(session: OracleSession, organizers: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return each (dimension, value) that the viewer of a session counts under."""
    values = {by: dimension_values(session, by) for by in DIMENSIONS}
    values["organizer_id"] = tuple(filter(None, (organizers.get(session.stream_id),)))
    paired = {f"stream_{by}": (f"{values[by][0]}\n{session.stream_id}",) for by in ("country", "device", "provider")}
    return {("", "")} | {(by, value) for by, of_session in (values | paired).items() for value in of_session}


async def viewer_faults(
    store: ClientStore, sessions: list[OracleSession], world: GrowingWorld, organizers: Mapping[str, str]
) -> list[tuple[object, ...]]:
    """Return the runs of days over which viewers_daily and the oracle count different viewers."""
    by_scope: dict[tuple[str, str], list[OracleSession]] = {}
    for session in sessions:
        for scope in scopes_of(session, organizers):
            by_scope.setdefault(scope, []).append(session)
    faults: list[tuple[object, ...]] = []
    for first, last in combinations(range(-1, DAYS + 2), 2):
        question = day_question(world, first, last, organizers)
        from_day, to_day = (
            datetime.fromtimestamp(at / 1000, UTC).date().isoformat() for at in (question.from_ms, question.to_ms)
        )
        found = await store.fetch(READ_VIEWERS, _Viewers, {"from_day": from_day, "to_day": to_day})
        stored = {(row.dimension, row.value): row.n for row in found}
        for scope, of_scope in by_scope.items():
            expected = metrics(of_scope, question).viewers
            if stored.pop(scope, 0) != expected:
                faults.append((*scope, first, last, expected))
        faults += [(*scope, first, last, 0) for scope, viewers in stored.items() if viewers]
    return faults


async def test_three_builds_equal_a_full_refresh_and_the_oracle(store: ClientStore, store_settings: Settings) -> None:
    """New, late, repeated and out-of-order events between builds: no row differs from a rebuild or the oracle."""
    world = growing_world(seed=11)
    rebuilt_days = []
    for number in range(3):
        organizers = ORGANIZERS[number == 2]
        await insert_round(store, world, number)
        if number != 1:
            await register(store, organizers)
        result = await build_marts_by_dbt(store, store_settings, *(("build",) if number == 0 else BUILD))
        await settle_marts(store)
        rebuilt_days.append(int(re.findall(r"stream_daily: (\d+) days", result.output)[0]))
        sessions = fold_sessions(world.until(number))
        assert await metric_faults(store, sessions, world, organizers) == {}
        assert await viewer_faults(store, sessions, world, organizers) == []
    built = await read_marts(store)
    result = await build_marts_by_dbt(store, store_settings, "run")
    assert re.findall(r"(\d+) (?:days in|sessions refolded)", result.output) == ["0"] * 6
    await build_marts_by_dbt(store, store_settings, "run", "--full-refresh")
    assert await read_marts(store) == built
    assert min(rebuilt_days) > 0


async def test_a_build_takes_on_what_changed_alone(store: ClientStore, store_settings: Settings) -> None:
    """One late event rebuilds the days of its session, and of viewers those that follow."""
    world = growing_world(seed=11)
    await settle_marts(store)
    event = max(world.until(2), key=lambda event: event.ts)
    await insert_events(store, [to_row(event)])
    result = await build_marts_by_dbt(store, store_settings, "run")
    days = dict(re.findall(r"(\w+): (\d+) days", result.output))
    assert 1 <= int(days["stream_daily"]) <= 2
    assert days["stream_daily"] == days["dimension_daily"] == days["dimension_hourly"]


async def test_readers_see_a_day_before_or_after(store: ClientStore, store_settings: Settings, tmp_path: Path) -> None:
    """While builds run, two at once, what is read of a day is what it was or what it will be."""
    queries = {mart: await mart_query(store, mart, READ_DIGESTS) for mart in MARTS}

    async def read_digests(mart: str) -> dict[str, int]:
        return {row.day: row.digest for row in await store.fetch(queries[mart], _Digest)}

    before = {mart: await read_digests(mart) for mart in MARTS}
    await insert_events(store, [to_row(event) for event in growing_world(seed=12).until(2)])
    other_settings = msgspec.structs.replace(store_settings, data_dir=str(tmp_path))
    builds = [build_marts_by_dbt(store, settings, "run") for settings in (store_settings, other_settings)]
    build = asyncio.gather(*builds)
    seen: list[tuple[str, dict[str, int]]] = []
    while not build.done():
        seen += [(mart, await read_digests(mart)) for mart in MARTS]
    await build
    after = {mart: await read_digests(mart) for mart in MARTS}
    assert all(before[mart] != after[mart] for mart in MARTS)
    for mart, digests in seen:
        for day in digests.keys() | after[mart].keys():
            assert digests.get(day) in {before[mart].get(day), after[mart].get(day)}
    assert len(seen) > 50
    await build_marts(store)
    assert {mart: await read_digests(mart) for mart in MARTS} == after


@pytest.mark.parametrize("command", [("docs", "generate"), ("source", "freshness")])
async def test_dbt_describes_the_database(
    store: ClientStore, store_settings: Settings, command: tuple[str, ...]
) -> None:
    """The documentation can be made, and the age of the sources be told."""
    result = await run_dbt(store_settings, command, database=store.database)
    assert result.status == 0, result.output
