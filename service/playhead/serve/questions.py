"""What a caller asks for: the common parameters of the admin API, checked once."""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from playhead.errors import InvalidRequestError

DEFAULT_RANGE_MS = 30 * 86_400_000
EARLIEST_MS = 365 * 86_400_000
"""Before every session. Ranges are compared some days wider than they are, and the engine's dates begin in 1970."""
LATEST_MS = 7_258_118_400_000
"""2200, after every session."""
_INSTANT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)|"
    r"(?P<until_second>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:)(?P<second>\d\d)(?P<rest>(\.\d+)?([Zz]|[+-]\d\d:\d\d))",
    re.ASCII,
)
SORT_FIELDS = frozenset({
    "stream_id", "title", "organizer_id", "provider", "first_event_at", "last_event_at", "sessions", "attempts",
    "plays", "viewers", "playing_time_s", "playing_hidden_time_s", "avg_playing_time_s", "startup_ms_p50",
    "startup_ms_p95", "rebuffer_count", "rebuffer_time_s", "rebuffer_ratio", "failure_rate", "business_error_rate",
    "error_rate", "ebvs_rate", "avg_bitrate_kbps", "peak_concurrent", "peak_at", "qoe_score",
})  # fmt: skip


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The sessions a question is about: a range [from_ms, to_ms) and filters, "" for none.

    The fields are parameters of metric_sums.
    """

    from_ms: int
    to_ms: int
    organizer_id: str = ""
    provider: str = ""
    country: str = ""
    device: str = ""
    stream_id: str = ""
    include_bots: bool = False

    def dimensions(self) -> list[tuple[str, str]]:
        """Return (dimension, value) of each filter by what sessions have; ("bots", "") where those are wanted too."""
        named = [(name, getattr(self, name)) for name in ("provider", "country", "device")]
        return [(name, value) for name, value in named if value] + ([("bots", "")] if self.include_bots else [])

    def mart_key(self) -> tuple[str, str] | None:
        """Return the (dimension, value) that these sessions are added up under; None: they are not."""
        filters = self.dimensions() + ([("organizer_id", self.organizer_id)] if self.organizer_id else [])
        if self.stream_id or self.include_bots or len(filters) > 1:
            return None
        return filters[0] if filters else ("", "")

    def previous(self) -> "View":
        """Return the same over the period of equal length before."""
        return msgspec.structs.replace(self, from_ms=2 * self.from_ms - self.to_ms, to_ms=self.from_ms)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of the table of streams, in which order."""

    sort: str = "playing_time_s"
    is_descending: bool = True
    limit: int = 100
    offset: int = 0
    q: str = ""
    include_empty: bool = False


def read_range(from_text: str | None, to_text: str | None, now: datetime) -> tuple[int, int]:
    """Return [from, to) in ms: RFC 3339 instants or bare dates; by default the last 30 days.

    What lies before 1971 or after 2199 is cut off: there are no sessions, and the engine's calendar is not much longer.
    Raises InvalidRequestError naming the parameter that is not an instant, or a range that is not one.
    """
    to_ms = _read_instant("to", to_text) if to_text else _to_ms(now)
    from_ms = _read_instant("from", from_text) if from_text else to_ms - DEFAULT_RANGE_MS
    if from_ms >= to_ms:
        raise InvalidRequestError("from must be before to", errors=("from must be before to",))
    known_from_ms = min(max(from_ms, EARLIEST_MS), LATEST_MS - 1)
    return known_from_ms, max(min(to_ms, LATEST_MS), known_from_ms + 1)


def _read_instant(name: str, text: str) -> int:
    written = _INSTANT.fullmatch(text)
    instant_ms = _parse(written) if written else None
    if instant_ms is None:
        sentence = f"{name} must be an RFC 3339 instant with an offset, or a date"
        raise InvalidRequestError(sentence, errors=(sentence,))
    return instant_ms


def _parse(written: re.Match[str]) -> int | None:
    """Return the instant in ms, None where the calendar has none such; a leap second is the one after it."""
    is_leap_second = written["second"] == "60"
    second = "59" if is_leap_second else written["second"]
    try:
        instant = datetime.fromisoformat(
            written["date"] or f"{written['until_second']}{second}{written['rest']}".upper()
        )
    except ValueError:
        return None
    return _to_ms(instant.replace(tzinfo=instant.tzinfo or UTC)) + 1000 * is_leap_second


def _to_ms(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def read_sort(text: str) -> tuple[str, bool]:
    """Return the field and whether it is descending; raises InvalidRequestError for one that is not a column."""
    field = text.removeprefix("-")
    if field not in SORT_FIELDS:
        sentence = f"sort must be one of {', '.join(sorted(SORT_FIELDS))}, with - before it for descending"
        raise InvalidRequestError(sentence, errors=(sentence,))
    return field, text.startswith("-")
