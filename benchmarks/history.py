"""Months of irregular traffic, made inside the engine: sessions of the simulator, again and again at other instants.

`python -m benchmarks.history FOLDER EVENTS` fills an empty folder and prints one JSON line. The stock are 10 000
sessions of the simulator as ingest stores them (benchmarks/templates.py); every visit of one has an arrival, a session
id and a client of its own. A granule holds some 80 sessions, so that two visits of one template seldom meet in one
compressed block, and the tables take what as many fresh sessions would; with `--templates` as many as sessions, none
repeats.
"""

import argparse
import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.sizes import merge_parts
from benchmarks.sql import statement
from benchmarks.templates import BASE_MS, MEAN_WATCH_S, Template, make_templates
from playhead.events import EVENT_COLUMNS, EventRow
from playhead.settings import Settings
from playhead.simulate.audience import Catalogue
from playhead.store.contract import Store
from playhead.store.embedded import open_embedded_store
from playhead.store.migrate import migrate

DAY_MS = 86_400_000
DAYS = 90
TEMPLATES = 10_000
STREAMS = 1_000
ORGANIZERS = 50
SEED = 1
LAST_ARRIVAL_MS = 6 * 3_600_000
"""Nobody comes later than this before midnight, so that all of it lies on closed days."""

TEMPLATES_PER_INSERT = 500
TURNS_AT_ONCE = 2


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to make: so many rows over DAYS days that end at `midnight_ms`."""

    events: int
    midnight_ms: int
    seed: int = SEED
    templates: int = TEMPLATES
    streams: int = STREAMS
    mean_watch_s: float = MEAN_WATCH_S

    @property
    def from_ms(self) -> int:
        """The first day's 00:00."""
        return self.midnight_ms - DAYS * DAY_MS


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What was made: distinct `events` in `sessions`, none of them folded yet; seconds for each step."""

    events: int
    sessions: int
    simulate_s: float
    insert_s: float
    merge_s: float


class _Stored(msgspec.Struct, frozen=True):
    rows: int
    templates: int


class _Count(msgspec.Struct, frozen=True):
    events: int
    sessions: int


_STORED = "SELECT count() AS rows, max(number) + 1 AS templates FROM bench_templates"
_COUNT = "SELECT count() AS events, uniqExact(stream_id, session_id) AS sessions FROM playback_events"
_ROWS_OF = "SELECT count() AS rows, uniqExact(number) AS templates FROM bench_templates WHERE number < {until:UInt64}"


def last_midnight_ms() -> int:
    """Return today's 00:00 UTC."""
    return time.time_ns() // 1_000_000 // DAY_MS * DAY_MS


async def make_history(store: Store, plan: Plan) -> History:
    """Fill an empty database as `plan` says and merge what can be merged; folding is left to a rebuild."""
    await migrate(store)
    watch = _Watch()
    await register_streams(store, plan)
    await store_templates(store, plan)
    simulate_s = watch.lap()
    await store.execute("SYSTEM STOP MERGES playback_events")  # Once at the end is cheaper than all the time.
    await play_templates(store, plan, "playback_events", EVENT_COLUMNS)
    await store.execute("DROP TABLE bench_templates SYNC")
    insert_s = watch.lap()
    await store.execute("SYSTEM START MERGES playback_events")
    await _age_indexes(store)
    await merge_parts(store)
    [count] = await store.fetch(_COUNT, _Count)
    return History(
        events=count.events,
        sessions=count.sessions,
        simulate_s=simulate_s,
        insert_s=insert_s,
        merge_s=watch.lap(),
    )


async def register_streams(store: Store, plan: Plan) -> None:
    """Give every stream an organizer, by chance."""
    chance = random.Random(f"organizers:{plan.seed}")
    lines = [
        [stream.stream_id, stream.title, f"org-{chance.randrange(ORGANIZERS):02}", stream.is_live, "[]"]
        for stream in Catalogue(plan.streams, plan.seed).streams
    ]
    columns = ["stream_id", "title", "organizer_id", "is_live", "providers"]
    await store.insert("streams", columns, msgspec.json.Encoder().encode_lines(lines))


async def _age_indexes(store: Store) -> None:
    """Let the sessions have been touched when they were watched, not now."""
    for table in ("session_index", "client_sessions"):
        aged = f"bench_{table}"
        await store.execute(f"CREATE TABLE {aged} AS {table}")
        await store.execute(statement(f"age_{table}"))
        await store.execute(f"TRUNCATE TABLE {table}")
        await store.execute(f"INSERT INTO {table} SELECT * FROM {aged}")
        await store.execute(f"DROP TABLE {aged} SYNC")
    await store.execute("TRUNCATE TABLE arrivals")


async def store_templates(store: Store, plan: Plan) -> None:
    """Simulate the sessions to play, as many as there are events for, into the table bench_templates."""
    await store.execute(statement("create_templates"))
    made = make_templates(plan.templates, plan.streams, plan.seed, plan.mean_watch_s)
    stored = 0
    for lines in _as_lines(made):
        await store.insert("bench_templates", ["number", "started_ts", *EventRow.__struct_fields__], lines)
        stored += lines.count(b"\n")
        if stored >= plan.events:
            break


def _as_lines(templates: Iterator[Template]) -> Iterator[bytes]:
    """Yield JSONCompactEachRow lines of TEMPLATES_PER_INSERT templates at a time."""
    encode = msgspec.json.Encoder().encode
    lines: list[bytes] = []
    for template in templates:
        head = f"[{template.number},{template.started_ts},".encode()
        lines += (head + encode(row)[1:] + b"\n" for row in template.rows)
        if template.number % TEMPLATES_PER_INSERT == TEMPLATES_PER_INSERT - 1:
            yield b"".join(lines)
            lines = []
    if lines:
        yield b"".join(lines)


async def play_templates(store: Store, plan: Plan, table: str, columns: Sequence[str]) -> None:
    """Insert visits of all templates, turn after turn, and of some in the last; `columns` take an EventRow's fields.

    Each turn has the days after those of the turn before, so that a part holds few days and merging is cheap; two
    turns are played at once, as one statement keeps but one core busy.
    """
    [stored] = await store.fetch(_STORED, _Stored)
    play = statement("play_templates").replace("playback_events (event_columns)", f"{table} ({', '.join(columns)})")
    common = {"seed": plan.seed, "templates": stored.templates, "base_ms": BASE_MS}
    turns = iter([turn async for turn in _turns(store, plan, stored)])

    async def play_on() -> None:
        for turn in turns:
            await store.execute(play, common | turn)

    await asyncio.gather(*(play_on() for _ in range(TURNS_AT_ONCE)))


async def _turns(store: Store, plan: Plan, stored: _Stored) -> AsyncIterator[dict[str, int]]:
    """Yield what tells the turns apart; the last may play only some of the templates."""
    left, turn = plan.events, 0
    while left > 0:
        until = stored.templates if left >= stored.rows else max(stored.templates * left // stored.rows, 1)
        [played] = await store.fetch(_ROWS_OF, _Stored, {"until": until})
        from_ms, to_ms = (_arrival_ms(plan, 1 - rest / plan.events) for rest in (left, max(left - played.rows, 0)))
        yield {"turn": turn, "until": until, "from_ms": from_ms, "to_ms": to_ms}
        left -= played.rows
        turn += 1


def _arrival_ms(plan: Plan, share: float) -> int:
    """Return the instant by which `share` of all visits have begun."""
    return plan.from_ms + round((plan.midnight_ms - LAST_ARRIVAL_MS - plan.from_ms) * share)


class _Watch:
    """Tells the seconds since it was last asked."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap and begin the next."""
        now = time.perf_counter()
        elapsed_s, self._since = now - self._since, now
        return elapsed_s


def main() -> None:
    """Make a history in a folder and say how long each step took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history")
    parser.add_argument("folder", type=Path)
    parser.add_argument("events", type=int)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--mean-watch-s", type=float, default=MEAN_WATCH_S)
    parser.add_argument("--templates", type=int, default=TEMPLATES)
    options = parser.parse_args()
    plan = Plan(
        events=options.events,
        midnight_ms=last_midnight_ms(),
        seed=options.seed,
        mean_watch_s=options.mean_watch_s,
        templates=options.templates,
    )
    print(msgspec.json.encode(asyncio.run(_make_in(options.folder, plan))).decode())


async def _make_in(folder: Path, plan: Plan) -> History:
    settings = Settings(data_dir=str(folder), query_timeout_s=3600, insert_timeout_s=30)
    store = open_embedded_store(settings)
    try:
        return await make_history(store, plan)
    finally:
        await store.close()


if __name__ == "__main__":
    main()
