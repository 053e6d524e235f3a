"""What callers ask for, as it is read."""

from datetime import UTC, datetime

import pytest

from playhead.errors import InvalidRequestError
from playhead.serve.questions import DEFAULT_RANGE_MS, EARLIEST_MS, LATEST_MS, read_range

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOW_MS = 1_795_780_800_000


@pytest.mark.parametrize(
    ("text", "before_now_ms"),
    [
        ("2026-11-27", 12 * 3_600_000),
        ("2026-11-27T11:00:00Z", 3_600_000),
        ("2026-11-27t11:00:00z", 3_600_000),
        ("2026-11-27 11:00:00Z", 3_600_000),
        ("2026-11-27T11:00:00.5Z", 3_599_500),
        ("2026-11-27T11:00:00.123456789Z", 3_599_877),
        ("2026-11-27T13:30:00+05:30", 4 * 3_600_000),
        ("2026-11-27T05:00:00-06:00", 3_600_000),
        ("2016-12-31T23:59:60Z", NOW_MS - 1_483_228_800_000),
        ("2016-12-31T23:59:60.250Z", NOW_MS - 1_483_228_800_250),
    ],
)
def test_instants(text: str, before_now_ms: int) -> None:
    """All that RFC 3339 writes, and dates."""
    assert read_range(text, None, NOW) == (NOW_MS - before_now_ms, NOW_MS)


@pytest.mark.parametrize(
    "text",
    [
        "2026-W48-1", "20261101", "2026-11-01X00:00:00Z", "20261101T000000Z", "2026-11-01T00Z", "2026-11-01T00:00Z",
        "2026-11-01T00:00:00,5Z", "2026-11-01T00:00:00", "2026-11-01T00:00:00+0530", "2026-11-01T00:00:00+05",
        "2026-11-01T00:00:00+05:30:15", "2026-02-30", "2026-11-01T24:00:00Z", "2026-11-01T00:60:00Z",
        "2026-11-01T00:00:61Z", "2026-11-01T00:00:00+25:00", "0000-01-01", "1795780800000", "now", "٢٠٢٦-11-01",
        "2026-11-01\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["from", "to"])
def test_what_is_no_instant(name: str, text: str) -> None:
    """The parameter is named."""
    asked = {"from": (text, None), "to": (None, text)}[name]
    with pytest.raises(InvalidRequestError, match=f"^{name} must be an RFC 3339 instant"):
        read_range(*asked, NOW)


def test_the_last_thirty_days_are_asked_for_by_default() -> None:
    """They end where the range ends."""
    assert read_range(None, None, NOW) == (NOW_MS - DEFAULT_RANGE_MS, NOW_MS)
    assert read_range(None, "2026-11-27T11:00:00Z", NOW) == (NOW_MS - 3_600_000 - DEFAULT_RANGE_MS, NOW_MS - 3_600_000)


@pytest.mark.parametrize(
    ("from_text", "to_text", "known"),
    [
        ("1970-01-01", "2026-11-27T12:00:00Z", (EARLIEST_MS, NOW_MS)),
        ("0001-01-01", "9999-12-31", (EARLIEST_MS, LATEST_MS)),
        ("1970-01-01", "1970-01-10", (EARLIEST_MS, EARLIEST_MS + 1)),
        ("2300-01-01", "2301-01-01", (LATEST_MS - 1, LATEST_MS)),
    ],
)
def test_what_no_session_can_be_in_is_cut_off(from_text: str, to_text: str, known: tuple[int, int]) -> None:
    """All of time may be asked for."""
    assert read_range(from_text, to_text, NOW) == known


def test_a_range_that_ends_before_it_begins() -> None:
    """Also beyond the calendar."""
    for from_text, to_text in (
        ("2026-11-02", "2026-11-01"),
        ("1970-01-02", "1970-01-01"),
        ("2026-11-01", "2026-11-01"),
    ):
        with pytest.raises(InvalidRequestError, match="from must be before to"):
            read_range(from_text, to_text, NOW)
