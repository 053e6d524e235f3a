"""Worlds over many days, for answers that are put together from days: midnights, long sessions, several organizers.

Times are relative to T = 0, a midnight UTC, as in strategies.py. What happens lies within two days before T and eleven
after it, and no question, with the period before its range, looks further back than twelve.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.oracle.answers import DIMENSIONS
from tests.oracle.metrics import Metrics, Question
from tests.property.strategies import (
    DAY_MS,
    SESSION_IDS,
    STEPS_MS,
    STRETCHES,
    Pace,
    World,
    sessions,
)

HOUR_MS = 3_600_000
ORGANIZERS: Mapping[str, str] = {"a": "o1", "b": "o1", "c": "o2"}
STREAMS = (*ORGANIZERS, "x", "y")
"""Those without an organizer are not registered; all are watched by the same clients."""

DAYS_APART = 24
"""Worlds whose T are as far from each other are not in each other's answers."""
HALF_PAST_FIVE_MS = 19_800_000
"""What midnight at +05:30 is earlier than midnight UTC."""

MIDNIGHTS_MS = tuple(day * DAY_MS for day in range(5))
STARTS_MS = (
    0,
    1,
    HOUR_MS - 1,
    HOUR_MS,
    DAY_MS - HALF_PAST_FIVE_MS,
    DAY_MS // 2,
    *(midnight + by for midnight in MIDNIGHTS_MS[1:4] for by in (-HOUR_MS, -60_001, -1000, -1, 0)),
)
ACROSS_DAYS = Pace(
    starts_ms=STARTS_MS,
    fragments=(
        *STRETCHES,
        (("playing", 0), *(("heartbeat", 60_000),) * 62),
        (("playing", 0), *(("heartbeat", 59_999),) * 3),
        (("playing", 0), ("pause", 20_000), ("playing", 6 * HOUR_MS), ("heartbeat", 30_000)),
        (("ended", 0), ("play", DAY_MS), ("playing", 900), ("heartbeat", 10_000)),
        (("error", 0),),
        (("quit", 0),),
    ),
    steps_ms=(*STEPS_MS, HOUR_MS, DAY_MS - 60_000, DAY_MS, 2 * DAY_MS + 1, 3 * DAY_MS),
    last_step_ms=5 * DAY_MS,
    first_received_ms=12 * DAY_MS,
)
"""Up to about seven days, in a few stretches with days between them."""

EDGES_MS = (
    -DAY_MS,
    *(day * DAY_MS for day in range(11)),
    *(midnight - HALF_PAST_FIVE_MS for midnight in MIDNIGHTS_MS),
    *STARTS_MS,
)
LONE_FILTERS = (
    ("organizer_id", "o1"),
    ("organizer_id", "o2"),
    ("country", "SE"),
    ("device", "desktop"),
    ("provider", "hls"),
)
"""What the marts have figures of, over whole days, without any session being read."""
ZONES = ("date", "Z", "+00:00", "+05:30", "-08:00", "+14:00")
"""How an instant is written: as a bare date where it is midnight UTC (else with Z), or with this offset."""
OF_ALL_OR_ONE = ("timeseries", "concurrency", "breakdown")
METRICS = tuple(Metrics.__dataclass_fields__)


@dataclass(frozen=True)
class Asked:
    """A question, and the choices that single calls leave.

    `question` is of all streams; `stream_id` is the one that calls about one stream name, as those of `of_stream` do.
    `metrics` are those of the timeseries, none for all; `by` is the breakdown's; the streams are sorted by `sort`.
    With `is_asked_by_key` the organizer of the question asks by a key of its own, instead of naming itself as a filter.
    """

    question: Question
    stream_id: str
    of_stream: frozenset[str]
    from_zone: str
    to_zone: str
    interval: str
    metrics: tuple[str, ...]
    by: str
    sort: str
    is_descending: bool
    include_empty: bool
    is_csv_read: bool
    is_asked_by_key: bool


class Told:
    """A world and what is asked of it. Of a dataclass hypothesis would print all, where an answer is wrong."""

    def __init__(self, world: World, asked: Asked) -> None:
        self.world = world
        self.asked = asked

    def __repr__(self) -> str:
        return f"Told({len(self.world.events)} events, {self.asked})"


@st.composite
def told(draw: st.DrawFn) -> Told:
    """Give worlds, and a question about each."""
    return Told(draw(wide_worlds()), draw(asked()))


def wide_worlds(max_sessions: int = 6) -> st.SearchStrategy[World]:
    """Give worlds of 1 to `max_sessions` sessions over several days, on streams of two organizers and of none."""
    keys = st.lists(
        st.tuples(st.sampled_from(STREAMS), st.sampled_from(SESSION_IDS)),
        min_size=1,
        max_size=max_sessions,
        unique=True,
    )
    told = keys.flatmap(lambda chosen: st.tuples(*(sessions(*key, at, ACROSS_DAYS) for at, key in enumerate(chosen))))
    return told.map(lambda every: World(tuple(batch for one in every for batch in one), ORGANIZERS))


def asked() -> st.SearchStrategy[Asked]:
    """Give questions about a wide world, over days that most ranges cut in part, with the choices of each call."""
    return st.builds(
        Asked,
        question=_questions(),
        stream_id=st.sampled_from(STREAMS),
        of_stream=st.frozensets(st.sampled_from(OF_ALL_OR_ONE)),
        from_zone=st.sampled_from(ZONES),
        to_zone=st.sampled_from(ZONES),
        interval=st.sampled_from(("minute", "hour", "day", "day")),
        metrics=st.lists(st.sampled_from(METRICS), max_size=4, unique=True).map(tuple),
        by=st.sampled_from(DIMENSIONS),
        sort=st.sampled_from(("playing_time_s", "sessions", "viewers", "startup_ms_p50", "peak_at", "qoe_score")),
        is_descending=st.booleans(),
        include_empty=st.booleans(),
        is_csv_read=st.booleans(),
        is_asked_by_key=st.booleans(),
    )


def _questions() -> st.SearchStrategy[Question]:
    edges = st.one_of(st.sampled_from(EDGES_MS), st.integers(0, 3 * DAY_MS))
    ranges = st.lists(edges, min_size=2, max_size=2, unique=True).map(sorted)
    of_any_range = st.builds(
        lambda span, **filters: Question(from_ms=span[0], to_ms=span[1], organizers=ORGANIZERS, **filters),
        ranges,
        include_bots=st.booleans(),
        organizer_id=st.sampled_from((None, None, None, "o1", "o2")),
        provider=st.sampled_from((None,) * 4 + ("hls", "bunny")),
        country=st.sampled_from((None,) * 4 + ("SE",)),
        device=st.sampled_from((None,) * 4 + ("desktop", "mobile", "unknown")),
    )
    days = st.lists(st.integers(-1, 11), min_size=2, max_size=2, unique=True).map(sorted)
    of_days = st.builds(
        lambda span, filters: Question(
            from_ms=span[0] * DAY_MS, to_ms=span[1] * DAY_MS, organizers=ORGANIZERS, **dict(filters)
        ),
        days,
        st.sampled_from(((), *((one,) for one in LONE_FILTERS))),
    )
    return st.one_of(of_any_range, of_days)
