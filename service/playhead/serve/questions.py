"""What a caller asks for: the common parameters of the admin API, checked once."""

from datetime import UTC, datetime, timedelta

import msgspec

from playhead.errors import InvalidRequestError

DEFAULT_RANGE_MS = 30 * 86_400_000
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

    Raises InvalidRequestError naming the parameter that is not an instant, or a range that is not one.
    """
    to_ms = _read_instant("to", to_text) if to_text else _to_ms(now)
    from_ms = _read_instant("from", from_text) if from_text else to_ms - DEFAULT_RANGE_MS
    if from_ms >= to_ms:
        raise InvalidRequestError("from must be before to", errors=("from must be before to",))
    return from_ms, to_ms


def _read_instant(name: str, text: str) -> int:
    try:
        instant = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise _not_an_instant(name) from error
    if instant.tzinfo is None:
        if len(text) != len("2026-01-31"):
            raise _not_an_instant(name)
        instant = instant.replace(tzinfo=UTC)
    if not 1970 < instant.year < 2200:  # the engine's calendar ends in 2299
        raise _not_an_instant(name)
    return _to_ms(instant)


def _not_an_instant(name: str) -> InvalidRequestError:
    sentence = f"{name} must be an RFC 3339 instant with an offset, or a date, after 1970 and before 2200"
    return InvalidRequestError(sentence, errors=(sentence,))


def _to_ms(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def read_sort(text: str) -> tuple[str, bool]:
    """Return the field and whether it is descending; raises InvalidRequestError for one that is not a column."""
    field = text.removeprefix("-")
    if field not in SORT_FIELDS:
        sentence = f"sort must be one of {', '.join(sorted(SORT_FIELDS))}, with - before it for descending"
        raise InvalidRequestError(sentence, errors=(sentence,))
    return field, text.startswith("-")
