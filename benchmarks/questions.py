"""What admins ask, each question many times over with other days, organizers, streams and countries."""

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

import msgspec

from benchmarks.history import DAYS, ORGANIZERS
from playhead.simulate.audience import Catalogue

COUNTRIES = ("DE", "FR", "PL", "US", "BR", "JP", "IN", "NG", "AU")
"""Of the simulator's time zones."""

RANGES = (30, 90)
SLACK_DAYS = 8
"""A range of 90 days may be so much shorter, or there would be but one in 90 days of history."""

SUMMARY_MUST_MS = 60.0
STREAMS_MUST_MS = 120.0
FILTER_MUST_MS = 500.0


class Session(msgspec.Struct, frozen=True):
    """A session to ask for."""

    stream_id: str
    session_id: str


class World(msgspec.Struct, frozen=True):
    """What there is to ask about: `first_day` of DAYS days, streams by popularity, some sessions."""

    first_day: date
    catalogue: Catalogue
    sessions: list[Session]


class Target(msgspec.Struct, frozen=True):
    """What one request is about; the range as bare dates, which are whole days, and one that ends at any minute."""

    range: dict[str, str]
    odd_range: dict[str, str]
    stream_id: str
    organizer_id: str
    country: str
    session: Session


Ask = Callable[[Target], tuple[str, Mapping[str, str]]]


class Kind(msgspec.Struct, frozen=True):
    """One sort of question; `must_ms` bounds its p95 at the larger size, None: nothing was promised."""

    name: str
    must_ms: float | None
    ask: Ask
    has_range: bool = True


def _plain(path: str, **parameters: str) -> Ask:
    return lambda target: (path.format(stream_id=target.stream_id), target.range | parameters)


def _odd(path: str, **parameters: str) -> Ask:
    return lambda target: (path, target.odd_range | parameters)


def _scoped(path: str, **parameters: str) -> Ask:
    return lambda target: (path, target.range | parameters | {"organizer_id": target.organizer_id})


def _filtered(path: str, **parameters: str) -> Ask:
    return lambda target: (path, target.range | parameters | {"country": target.country})


def _session(target: Target) -> tuple[str, Mapping[str, str]]:
    return f"/sessions/{target.session.session_id}", {"stream_id": target.session.stream_id}


KINDS: tuple[Kind, ...] = (
    Kind("summary", SUMMARY_MUST_MS, _plain("/streams/summary")),
    Kind("timeseries by day", SUMMARY_MUST_MS, _plain("/timeseries", interval="day")),
    Kind("timeseries by hour", SUMMARY_MUST_MS, _plain("/timeseries", interval="hour")),
    Kind("concurrency by hour", SUMMARY_MUST_MS, _plain("/concurrency", interval="hour")),
    Kind("concurrency by day", SUMMARY_MUST_MS, _plain("/concurrency", interval="day")),
    Kind("streams", STREAMS_MUST_MS, _plain("/streams")),
    Kind("summary of an organizer", SUMMARY_MUST_MS, _scoped("/streams/summary")),
    Kind("timeseries of an organizer", SUMMARY_MUST_MS, _scoped("/timeseries", interval="day")),
    Kind("concurrency of an organizer", SUMMARY_MUST_MS, _scoped("/concurrency", interval="day")),
    Kind("streams of an organizer", STREAMS_MUST_MS, _scoped("/streams")),
    Kind("breakdown by country", None, _plain("/breakdown", by="country")),
    Kind("stream", None, _plain("/streams/{stream_id}")),
    Kind("timeseries of a stream", SUMMARY_MUST_MS, _plain("/streams/{stream_id}/timeseries", interval="day")),
    Kind("concurrency of a stream", SUMMARY_MUST_MS, _plain("/streams/{stream_id}/concurrency", interval="day")),
    Kind("sessions of a stream", None, _plain("/streams/{stream_id}/sessions")),
    Kind("summary, one country", FILTER_MUST_MS, _filtered("/streams/summary")),
    Kind("streams, one country", FILTER_MUST_MS, _filtered("/streams")),
    Kind("timeseries, one country", FILTER_MUST_MS, _filtered("/timeseries", interval="day")),
    Kind("concurrency, one country", FILTER_MUST_MS, _filtered("/concurrency", interval="day")),
    Kind("summary, to the minute", None, _odd("/streams/summary")),
    Kind("timeseries, to the minute", None, _odd("/timeseries", interval="day")),
    Kind("concurrency, to the minute", None, _odd("/concurrency", interval="day")),
    Kind("streams, to the minute", None, _odd("/streams")),
    Kind("one session", None, _session, has_range=False),
)


def make_paths(kind: Kind, days: int, world: World, count: int, seed: int) -> list[str]:
    """Return `count` different requests of a kind; fewer where there are not so many."""
    chance = random.Random(f"questions:{seed}:{kind.name}:{days}")
    paths: dict[str, None] = {}
    for target in _targets(days, world, count, chance):
        path, parameters = kind.ask(target)
        paths[f"/admin/analytics{path}?{urlencode(parameters)}"] = None
        if len(paths) == count:
            break
    return list(paths)


def _targets(days: int, world: World, count: int, chance: random.Random) -> Iterator[Target]:
    """Yield more targets than are needed, ranges in random order without repetition as long as there are some."""
    ranges = [
        (start, end)
        for start in range(DAYS)
        for end in range(start + 1, DAYS + 1)
        if days - (SLACK_DAYS if days == DAYS else 0) <= end - start <= days
    ]
    chance.shuffle(ranges)
    for number in range(20 * count):
        start, end = ranges[number % len(ranges)]
        yield Target(
            range={"from": _day(world, start), "to": _day(world, end)},
            odd_range=_odd_range(world, days, chance),
            stream_id=world.catalogue.choose(chance).stream_id,
            organizer_id=f"org-{chance.randrange(ORGANIZERS):02}",
            country=chance.choice(COUNTRIES),
            session=chance.choice(world.sessions),
        )


def _odd_range(world: World, days: int, chance: random.Random) -> dict[str, str]:
    """Return a range that ends on the last day, as one that ends now does: its ends are in the middle of days."""
    last_midnight = datetime.combine(world.first_day, datetime.min.time(), UTC) + timedelta(days=DAYS)
    end = last_midnight - timedelta(minutes=chance.randrange(1, 24 * 60))
    return {"from": (end - timedelta(days=days)).isoformat(), "to": end.isoformat()}


def _day(world: World, number: int) -> str:
    return (world.first_day + timedelta(days=number)).isoformat()


def first_day(midnight_ms: int) -> date:
    """Return the first of the DAYS days that end at `midnight_ms`."""
    return (datetime.fromtimestamp(midnight_ms / 1000, UTC) - timedelta(days=DAYS)).date()
