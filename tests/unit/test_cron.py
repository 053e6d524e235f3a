"""Cron expressions: when they fire, in UTC, and which are refused."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest

from playhead.cron import parse_cron

SATURDAY = datetime(2026, 8, 1, 12, 7, 30, tzinfo=UTC)


def fires(expression: str, count: int = 2) -> list[str]:
    """Return the next instants after the first of August 2026, a Saturday, as "Sun 02 00:00"."""
    trigger = parse_cron(expression)
    instants: list[datetime] = []
    while trigger is not None and len(instants) < count:
        now = instants[-1] + timedelta(seconds=1) if instants else SATURDAY
        instants.append(trigger.get_next_fire_time(None, now))
    return [f"{instant:%a %d %H:%M}" for instant in instants]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/15 * * * *", ["Sat 01 12:15", "Sat 01 12:30"]),
        ("17 3 * * *", ["Sun 02 03:17", "Mon 03 03:17"]),
        ("0 12,18 * * *", ["Sat 01 18:00", "Sun 02 12:00"]),
        ("5-59/20 13 * * *", ["Sat 01 13:05", "Sat 01 13:25"]),
        ("0 0 1 sep *", ["Tue 01 00:00", "Wed 01 00:00"]),
        ("  0   0 31  * * ", ["Mon 31 00:00", "Sat 31 00:00"]),
    ],
)
def test_the_five_fields(expression: str, expected: list[str]) -> None:
    """Minute, hour, day, month and weekday, with lists, ranges and steps."""
    assert fires(expression) == expected


@pytest.mark.parametrize(
    ("weekdays", "expected"),
    [
        ("0", ["Sun 02", "Sun 09"]),
        ("7", ["Sun 02", "Sun 09"]),
        ("1", ["Mon 03", "Mon 10"]),
        ("sun", ["Sun 02", "Sun 09"]),
        ("Mon-Fri", ["Mon 03", "Tue 04"]),
        ("5-7", ["Sun 02", "Fri 07"]),
        ("0-6", ["Sun 02", "Mon 03"]),
        ("1-5/2", ["Mon 03", "Wed 05"]),
        ("*/3", ["Sun 02", "Wed 05"]),
        ("2,sat", ["Tue 04", "Sat 08"]),
    ],
)
def test_weekdays_are_numbered_from_sunday(weekdays: str, expected: list[str]) -> None:
    """0 and 7 are Sunday, as crontab(5) has it."""
    assert fires(f"0 0 * * {weekdays}") == [f"{day} 00:00" for day in expected]


def test_either_day_does_where_both_are_given() -> None:
    """Day and weekday, both restricted, are joined by or; with a star in one by and."""
    assert fires("0 0 5 * 1", 3) == ["Mon 03 00:00", "Wed 05 00:00", "Mon 10 00:00"]
    assert fires("0 0 */2 * 1", 2) == ["Mon 03 00:00", "Mon 17 00:00"]


def test_off_is_never() -> None:
    """The word off stands for no schedule."""
    assert parse_cron("off") is None


def test_the_clock_is_utc() -> None:
    """An hour is an hour of UTC, wherever it is asked."""
    trigger = parse_cron("0 3 * * *")
    assert trigger is not None
    berlin = timezone(timedelta(hours=2))
    asked = [datetime(2026, 8, 1, hour, tzinfo=berlin) for hour in (4, 6)]
    found = [trigger.get_next_fire_time(None, at).astimezone(UTC) for at in asked]
    assert [f"{at:%d %H}" for at in found] == ["01 03", "02 03"]


def test_every_minute_is_every_minute() -> None:
    """Nothing is fired twice and none is left out."""
    minutes = [fire[-5:] for fire in fires("* * * * *", 60)]
    assert (minutes[0], minutes[-1]) == ("12:08", "13:07")
    assert all(first != second for first, second in pairwise(minutes))


@pytest.mark.parametrize(
    "expression",
    [
        "", "* * * *", "* * * * * *", "@hourly", "61 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *",
        "* * * * 8", "a * * * *", "* * * * x", "*/0 * * * *", "* * * * */0", "* * * * 5-2", "* * * * 1-", "* * * * 1/2",
        "0 0 30 2 *", "Off",
    ],
)  # fmt: skip
def test_what_is_no_cron_expression_is_refused(expression: str) -> None:
    """A field too few, a value out of bounds, and a date that never comes are errors."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_cron(expression)
