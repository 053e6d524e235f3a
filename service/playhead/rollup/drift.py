"""Finds drift: stored figures that are not what comes out when they are worked out anew.

Sessions are folded from their events once more and compared with their rows; marts are added up once more from the
sessions. What is behind for a while, since events have just come in or a mart is not built yet, is no drift and is
left out (docs/drift.md).
"""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import msgspec

from playhead.rollup.drift_checks import DriftReport, Finding, Subject, fetch_last_check, write_findings
from playhead.rollup.refresh import LOOK_BACK_MS, read_refresh_state
from playhead.settings import Settings
from playhead.store.cluster import shards_of
from playhead.store.contract import Store
from playhead.store.sql_files import query

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
EPOCH = date(1970, 1, 1)
MAX_EXAMPLES = 10

_ALL_DAYS = 65_535
_MARGIN_DAYS = 10
"""Days at the end of retention that are left alone: rows go by weeks there, and events before the sessions."""

_MART_DIMENSIONS = ("", "organizer_id", "country", "device", "os", "browser", "player", "provider", "error_code")
_MARTS = {
    Subject.STREAM_DAILY: {"dimensions": ["stream_id"], "bucket_length_ms": DAY_MS},
    Subject.STREAM_DIMENSION_DAILY: {
        "dimensions": ["stream_country", "stream_device", "stream_provider"],
        "bucket_length_ms": DAY_MS,
    },
    Subject.DIMENSION_DAILY: {"dimensions": list(_MART_DIMENSIONS), "bucket_length_ms": DAY_MS},
    Subject.DIMENSION_HOURLY: {"dimensions": list(_MART_DIMENSIONS), "bucket_length_ms": HOUR_MS},
    Subject.VIEWERS_DAILY: {},
}
_EVERY_SESSION = {
    "from_b": 0, "to_b": 0, "stream_id": "", "organizer_id": "", "provider": "", "country": "", "device": "",
    "include_bots": False,
}  # fmt: skip


class _Day(msgspec.Struct, frozen=True):
    day: date


class _Slice(msgspec.Struct, frozen=True):
    """The last session of a slice, and how many it holds."""

    sessions: int = 0
    session_id: str = "00000000-0000-0000-0000-000000000000"
    stream_id: str = ""


class _Comparison(msgspec.Struct, frozen=True):
    differing: int
    examples: tuple[str, ...]
    checked: int = 0


class _FreshMart(msgspec.Struct, frozen=True):
    model: str
    changed_version: int


async def check_drift(store: Store, settings: Settings) -> DriftReport:
    """Compare closed days with what they come from, write down what was found, and return it.

    It looks at the newest closed day and a random sample of the others, `drift_check_days` in all (0: at every day).
    Raises StoreError, and then nothing is written down.
    """
    first_day = await _first_day(store, settings)
    asked = {"max_days": settings.drift_check_days or _ALL_DAYS, "first_day": first_day}
    days = await store.fetch(query("drift_days"), _Day, asked)
    findings: list[Finding] = []
    for day in sorted((row.day for row in days), reverse=True):
        findings.append(await _check_sessions(store, settings, day, first_day))
        findings.extend(await _check_marts(store, day, first_day))
    if findings:
        await write_findings(store, findings)
    return await fetch_last_check(store)


async def _first_day(store: Store, settings: Settings) -> date:
    """Return the first day of which neither events nor rows are gone yet."""
    now = datetime.fromtimestamp((await read_refresh_state(store)).now_ms / 1000, UTC)
    return max(now.date() - timedelta(days=settings.retention_days - _MARGIN_DAYS), EPOCH)


async def _check_sessions(store: Store, settings: Settings, day: date, first_day: date) -> Finding:
    """Return what was found of a day's sessions, on each shard of a cluster by itself: they lie whole on one."""
    checked = differing = 0
    examples: list[str] = []
    for shard in await shards_of(store):
        async for batch_id, sessions in _slices(shard, settings, day, first_day):
            batch = {"batch_id": batch_id, "suspects_id": str(uuid4())}
            await shard.execute(query("drift_suspects"), batch | {"max_events": settings.max_session_events})
            [found] = await shard.fetch(query("drift_sessions"), _Comparison, batch)
            checked += sessions
            differing += found.differing
            examples.extend(found.examples)
    shown = tuple(sorted(examples)[:MAX_EXAMPLES])
    return Finding(day=day, subject=Subject.SESSIONS, checked=checked, differing=differing, examples=shown)


async def _slices(store: Store, settings: Settings, day: date, first_day: date) -> AsyncIterator[tuple[str, int]]:
    """Yield the day's sessions as batches of bounded size: (batch_id, how many)."""
    state = await read_refresh_state(store)
    bounds = {
        "day": day,
        "first_day": first_day,
        "max_rows": settings.refold_rows,
        "settled_before": max(state.refreshed_until_ms - LOOK_BACK_MS, 0) / 1000,
    }
    end = _Slice()
    while True:
        batch_id = str(uuid4())
        after = {"batch_id": batch_id, "after_session_id": end.session_id, "after_stream_id": end.stream_id}
        await store.execute(query("drift_scope"), bounds | after)
        ends = await store.fetch(query("scope_end"), _Slice, {"batch_id": batch_id})
        if not ends:
            return
        [end] = ends
        yield batch_id, end.sessions


async def _check_marts(store: Store, day: date, first_day: date) -> list[Finding]:
    """Return what was found of each mart; of those that are not up to date, or ceased to be meanwhile, nothing."""
    before = await _fetch_fresh(store, day)
    fresh = {mart.model for mart in before}
    found = {subject: await _compare_mart(store, subject, day, first_day) for subject in _MARTS if subject in fresh}
    still_fresh = {mart.model for mart in before & await _fetch_fresh(store, day)}
    return [
        found[subject] if subject in still_fresh else Finding(day=day, subject=subject) for subject in _MARTS
    ]  # fmt: skip


async def _fetch_fresh(store: Store, day: date) -> set[_FreshMart]:
    return set(await store.fetch(query("drift_fresh_marts"), _FreshMart, {"day": day}))


async def _compare_mart(store: Store, subject: Subject, day: date, first_day: date) -> Finding:
    from_ms = (day - EPOCH).days * DAY_MS
    bounds = {"day": day, "first_day": first_day, "from_a": from_ms, "to_a": from_ms + DAY_MS}
    parameters = bounds | _EVERY_SESSION | _MARTS[subject]
    [found] = await store.fetch(query("drift_mart", f"drift_{subject}"), _Comparison, parameters)
    return Finding(
        day=day, subject=subject, checked=found.checked, differing=found.differing, examples=found.examples
    )  # fmt: skip
