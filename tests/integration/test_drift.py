"""The drift check: a healthy store has none, and each wrong figure is found, on both engines."""

import random
import time
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from playhead.events import EventRow, EventType
from playhead.rollup.drift import check_drift
from playhead.rollup.drift_checks import DriftReport, Finding, Subject, fetch_last_check
from playhead.rollup.refresh import refresh_sessions
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from tests.marts import build_marts
from tests.property.placement import Places, deliver
from tests.property.strategies import World, worlds
from tests.stored_sessions import store_batches
from tests.stores import insert_events

pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000
SETTINGS = Settings(drift_check_days=0)


def today() -> int:
    """Return the day it is now, since 1970; a run of the tests may go past midnight."""
    return int(time.time() * 1000) // DAY_MS


TODAY = today()
DAY = datetime.fromtimestamp((TODAY - 4) * 86_400, UTC).date()
STREAMS = [["red-1", "red"], ["red-2", "red"], ["blue-1", "blue"]]

WRONG_SESSION = (
    "INSERT INTO sessions SELECT * REPLACE ({change}, version + 1 AS version) FROM sessions FINAL WHERE {which}"
)
PLANT = """
INSERT INTO {table}
SELECT * REPLACE ({change}, version + 1 AS version) FROM (SELECT * FROM {table} FINAL WHERE {which})
"""
WRONG_FIGURES = (
    "playing_ms + 1 AS playing_ms",
    "NULL AS startup_ms",
    "CAST(1, 'Nullable(Decimal(12, 9))') AS qoe_score",
    "arrayMap(ms -> ms + 1, span_ends_ms) AS span_ends_ms",
    "'other' AS client_id",
    "[] AS error_codes",
    "started_at - toIntervalMillisecond(1) AS started_at",
)
WRONG_ROWS = (
    ("stream_daily", "peak_ms + 1 AS peak_ms", "stream_id = 'red-1'", "red-1"),
    ("stream_daily", "arrayPopBack(viewer_hashes) AS viewer_hashes", "stream_id = 'red-2'", "red-2"),
    ("stream_daily", "0 AS facts", "stream_id = 'blue-1'", "blue-1"),
    ("stream_daily", "'never' AS stream_id", "stream_id = 'red-1'", "never"),
    (
        "stream_dimension_daily",
        "total_playing_ms + 1 AS total_playing_ms",
        "dimension = 'device' AND stream_id = 'red-1'",
        "device=desktop red-1",
    ),
    (
        "stream_dimension_daily",
        "'other' AS first_provider",
        "dimension = 'country' AND stream_id = 'blue-1'",
        "country=SE blue-1",
    ),
    ("dimension_daily", "total_playing_ms + 1 AS total_playing_ms", "dimension = ''", "="),
    ("dimension_daily", "total_score + 0.000000001 AS total_score", "dimension = 'country'", "country=SE"),
    (
        "dimension_daily",
        "arrayReduce('quantilesDDArrayState(0.005, 0.5, 0.95)', [[toUInt64(1)]]) AS startup_state",
        "dimension = 'organizer_id' AND value = 'red'",
        "organizer_id=red",
    ),
    ("dimension_hourly", "peak + 1 AS peak", "dimension = 'error_code'", f"error_code=net {DAY} 12:00:00.000"),
    (
        "dimension_hourly",
        "arrayMap(ms -> ms + 1, startup_quantiles_ms) AS startup_quantiles_ms",
        "dimension = 'device'",
        f"device=desktop {DAY} 12:00:00.000",
    ),
    (
        "viewers_daily",
        "arrayMap(n -> n + 1, previous_viewers) AS previous_viewers",
        "dimension = 'organizer_id' AND value = 'blue'",
        "organizer_id=blue",
    ),
    ("viewers_daily", "[toDate(0)] AS previous_days, [8] AS previous_viewers", "dimension = ''", "="),
    (
        "viewers_daily",
        "[toDate(0)] AS previous_days, [8] AS previous_viewers",
        "dimension = 'stream_id' AND value = 'red-1'",
        "stream_id=red-1",
    ),
    (
        "viewers_daily",
        "[toDate(0)] AS previous_days, [8] AS previous_viewers",
        "dimension = 'player'",
        "player=unknown",
    ),
    (
        "viewers_daily",
        "[toDate(0)] AS previous_days, [8] AS previous_viewers",
        "dimension = 'stream_country' AND value = 'SE\\nred-1'",
        "stream_country=SE red-1",
    ),
)
"""(mart, change, of which row, the key by which it is named)."""


_places = Places(TODAY - 10, days_apart=0)


def viewed(stream_id: str, client_id: str, day: int, playing_ms: int = 30_000) -> list[EventRow]:
    """Return the events of one session that plays for a while at noon of a day since the epoch."""
    session_id, begin = str(uuid4()), day * DAY_MS + DAY_MS // 2
    told = [
        (EventType.play, 0), (EventType.playing, 700), (EventType.rebuffer_start, 5000),
        (EventType.rebuffer_end, 6000), (EventType.error, 7000), (EventType.ended, 700 + playing_ms),
    ]  # fmt: skip
    return [
        EventRow(
            stream_id=stream_id, session_id=session_id, client_id=client_id, ts=begin + after_ms, seq=seq,
            type=int(kind), received_ms=begin + after_ms, sent_offset_ms=0, bitrate_kbps=2500, provider="hls",
            country="SE", device="desktop", error_code="net" if kind == EventType.error else "",
        )
        for seq, (kind, after_ms) in enumerate(told)
    ]  # fmt: skip


def more_of(name: str) -> list[EventRow]:
    """Return later events of a session of stream red-1 on DAY, named as the check names it."""
    rows = viewed("red-1", "c", TODAY - 4, playing_ms=40_000)
    return [msgspec.structs.replace(row, session_id=id_of(name)) for row in rows]


@pytest.fixture
async def history(store: ClientStore) -> ClientStore:
    """Give a store with three days of sessions, refolded, and the marts built of them."""
    for table in ("playback_events", "session_index", "sessions", "changed_days", "mart_builds", "refresh_marks"):
        await store.execute(f"TRUNCATE TABLE {table}")
    await store.insert("streams", ["stream_id", "organizer_id"], msgspec.json.Encoder().encode_lines(STREAMS))
    rows = [
        row
        for day in range(TODAY - 5, TODAY - 2)
        for number, (stream_id, _) in enumerate(STREAMS)
        for client_id in (f"c{number}", f"c{day}")
        for row in viewed(stream_id, client_id, day)
    ]
    await insert_events(store, rows)
    await refresh_sessions(store, SETTINGS)
    await build_marts(store)
    return store


def drifted(report: DriftReport) -> dict[Subject, list[Finding]]:
    """Return the findings in which something differs, by subject."""
    return {
        subject: found
        for subject in Subject
        if (found := [finding for finding in report.findings if finding.subject == subject and finding.differing])
    }


def finding(report: DriftReport, subject: Subject, day: date = DAY) -> Finding:
    """Return what was found of a subject on a day."""
    [found] = [one for one in report.findings if (one.subject, one.day) == (subject, day)]
    return found


async def sessions_of(store: ClientStore, day: date | None = None) -> list[str]:
    """Return the sessions, of all days or of one, as the check names them, first those of red-1."""

    class _Name(msgspec.Struct):
        name: str

    sql = """
        SELECT concat(stream_id, '/', toString(session_id)) AS name FROM sessions FINAL
        WHERE {is_any:Bool} OR toDate(started_at) = {day:Date}
        ORDER BY stream_id = 'red-1' DESC, started_at, session_id
    """
    return [row.name for row in await store.fetch(sql, _Name, {"is_any": day is None, "day": day or DAY})]


def id_of(name: str) -> str:
    """Return the session_id of a session as the check names it."""
    return name.partition("/")[2]


async def plant(store: ClientStore, table: str, change: str, which: str) -> None:
    """Put a wrong version of a row into a table."""
    await store.execute(PLANT.format(table=table, change=change, which=which))


async def test_a_healthy_store_has_no_drift(history: ClientStore) -> None:
    """Every closed day is compared in each subject, and nothing differs."""
    report = await check_drift(history, SETTINGS)
    assert (report.status, report.days) == ("ok", 3)
    assert [one.day for one in report.findings if one.subject == Subject.SESSIONS] == [
        DAY + timedelta(days=1), DAY, DAY - timedelta(days=1)
    ]  # fmt: skip
    checked = {subject: finding(report, subject).checked for subject in Subject}
    # 1 platform, 2 organizers, and one value of each of the seven other dimensions; of viewers 3 streams too, each also
    # by its country, device and provider.
    assert checked == {
        "sessions": 6, "stream_daily": 3, "stream_dimension_daily": 9, "dimension_daily": 10, "dimension_hourly": 10,
        "viewers_daily": 22,
    }  # fmt: skip
    assert report.summary == "3 days, 180 rows compared; none differs"
    assert report == await fetch_last_check(history)


async def test_wrong_sessions_are_found(history: ClientStore) -> None:
    """A row with one figure that is not what its events say is found on its day, whatever the figure, and named."""
    sessions = await sessions_of(history)
    wrong = dict(zip(sessions, WRONG_FIGURES, strict=False))
    for name, change in wrong.items():
        await plant(history, "sessions", change, f"session_id = '{id_of(name)}'")
    report = await check_drift(history, SETTINGS)
    assert (report.status, wrong.keys() == set(sessions)) == ("drifted", False)
    found = drifted(report)[Subject.SESSIONS]
    assert sorted(name for one in found for name in one.examples) == sorted(wrong)
    assert sum(one.differing for one in found) == len(WRONG_FIGURES)
    assert {one.checked for one in found} == {6}
    assert f"{len(WRONG_FIGURES)} of sessions" in report.summary


async def test_a_session_that_never_was_is_found(history: ClientStore) -> None:
    """A row without any event is drift, once a round of the refresh has been over it."""
    name = (await sessions_of(history, DAY))[0]
    made_up = "01900000-0000-7000-8000-000000000001"
    await plant(history, "sessions", f"toUUID('{made_up}') AS session_id", f"session_id = '{id_of(name)}'")
    found = finding(await check_drift(history, SETTINGS), Subject.SESSIONS)
    assert (found.checked, found.examples) == (7, (f"red-1/{made_up}",))


async def test_a_session_that_was_forgotten_is_found(history: ClientStore) -> None:
    """Events without a row are drift once a round of the refresh has passed them over, not before."""
    rows = viewed("red-1", "c", TODAY - 4)
    await insert_events(history, rows)
    assert drifted(await check_drift(history, SETTINGS)) == {}
    await history.execute("INSERT INTO refresh_marks (refreshed_until) SELECT now64(3) + toIntervalMinute(2)")
    report = await check_drift(history, SETTINGS)
    assert drifted(report) == {
        Subject.SESSIONS: [
            Finding(
                day=DAY, subject=Subject.SESSIONS, checked=7, differing=1, examples=(f"red-1/{rows[0].session_id}",)
            )
        ]
    }  # fmt: skip


async def test_wrong_rows_of_marts_are_found(history: ClientStore) -> None:
    """Whatever figure of a mart is not what its sessions add up to, the row is named, and no other."""
    for mart, change, which, _ in WRONG_ROWS:
        await plant(history, mart, change, f"day = '{DAY}' AND {which}")
    report = await check_drift(history, SETTINGS)
    wrong = {one.subject: one for found in drifted(report).values() for one in found}
    assert {subject: (one.day, one.examples) for subject, one in wrong.items()} == {
        mart: (DAY, tuple(sorted(key for of, _, _, key in WRONG_ROWS if of == mart)))
        for mart in (*Subject,)[1:]
    }  # fmt: skip


async def test_late_events_are_no_drift(history: ClientStore) -> None:
    """Before the refresh a session is left out, after it the marts of its day are, until they are built."""
    await insert_events(history, more_of((await sessions_of(history, DAY))[0]))
    report = await check_drift(history, SETTINGS)
    assert (report.status, finding(report, Subject.SESSIONS).checked) == ("ok", 5)
    await refresh_sessions(history, SETTINGS)
    report = await check_drift(history, SETTINGS)
    assert report.status == "ok"
    assert {subject: finding(report, subject).checked for subject in Subject} == {
        "sessions": 6, "stream_daily": 0, "stream_dimension_daily": 0, "dimension_daily": 0, "dimension_hourly": 0,
        "viewers_daily": 0,
    }  # fmt: skip
    # Who was new on a day after it depends on it too.
    assert finding(report, Subject.VIEWERS_DAILY, DAY + timedelta(days=1)).checked == 0
    assert finding(report, Subject.STREAM_DAILY, DAY + timedelta(days=1)).checked == 3
    await build_marts(history)
    report = await check_drift(history, SETTINGS)
    assert (report.status, finding(report, Subject.STREAM_DAILY).checked) == ("ok", 3)


async def test_events_that_come_during_the_check_are_no_drift(history: ClientStore) -> None:
    """A difference counts only where the session has got nothing since the check settled what to compare."""
    more = more_of((await sessions_of(history, DAY))[0])

    class BusyStore:
        """Stores more events of a session just before its events are read."""

        database = history.database
        fetch = history.fetch
        insert = history.insert
        close = history.close

        async def execute(self, sql: str, parameters: object = None) -> None:
            if "uniqExact(figures)" in sql:
                await insert_events(history, more)
            await history.execute(sql, parameters)  # type: ignore[arg-type]

    assert (await check_drift(BusyStore(), SETTINGS)).status == "ok"


async def test_few_rows_at_a_time_find_the_same(history: ClientStore) -> None:
    """However small the slices, each session is compared once."""
    name = (await sessions_of(history, DAY))[0]
    await plant(history, "sessions", "playing_ms + 1 AS playing_ms", f"session_id = '{id_of(name)}'")
    found = finding(await check_drift(history, msgspec.structs.replace(SETTINGS, refold_rows=20)), Subject.SESSIONS)
    assert (found.checked, found.differing, found.examples) == (6, 1, (name,))


async def test_a_sample_holds_the_newest_day(history: ClientStore) -> None:
    """Of the days there are so many are chosen, the newest closed one always among them; today is not closed."""
    await insert_events(history, viewed("red-1", "c", today()))
    await refresh_sessions(history, SETTINGS)
    chosen = [await check_drift(history, msgspec.structs.replace(SETTINGS, drift_check_days=n)) for n in (1, 2, 7)]
    assert [report.days for report in chosen] == [1, 2, 3]
    assert {report.findings[0].day for report in chosen} == {DAY + timedelta(days=1)}


async def test_days_at_the_end_of_retention_are_left_alone(history: ClientStore) -> None:
    """What may be partly gone is not compared."""
    report = await check_drift(history, msgspec.structs.replace(SETTINGS, retention_days=14 + today() - TODAY))
    assert {one.day for one in report.findings} == {DAY + timedelta(days=1), DAY}


@pytest.mark.slow
@hypothesis.settings(max_examples=2)
@hypothesis.given(told=st.lists(worlds(), min_size=4, max_size=4), seed=st.integers(0, 2**32))
async def test_no_world_drifts(store: ClientStore, told: list[World], seed: int) -> None:
    """Whatever was received, in whatever order and however often, a check of it finds nothing."""
    placed = [_places.place(world) for world in told]
    registry = [[stream, organizer] for world in placed for stream, organizer in world.organizers.items()]
    await store.insert("streams", ["stream_id", "organizer_id"], msgspec.json.Encoder().encode_lines(registry))
    await store_batches(store, deliver([event for world in placed for event in world.events], random.Random(seed)))
    await build_marts(store)
    report = await check_drift(store, SETTINGS)
    assert drifted(report) == {}
    assert all(sum(one.checked for one in report.findings if one.subject == subject) for subject in Subject)
