"""Cron expressions: five fields in UTC, read as crontab(5) reads them."""

from datetime import UTC, datetime

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

OFF = "off"
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FIELDS = 5


def parse_cron(expression: str) -> BaseTrigger | None:
    """Return when to fire by `minute hour day month weekday`; None for the word off.

    Raises ValueError where it is no such expression, or of a date that never comes.
    """
    if expression == OFF:
        return None
    fields = expression.split()
    if len(fields) != _FIELDS:
        raise ValueError("give five fields, minute hour day month weekday, or off")
    trigger = _make_trigger(*fields)
    if trigger.get_next_fire_time(None, datetime.now(UTC)) is None:
        raise ValueError("that never comes")
    return trigger


def _make_trigger(minute: str, hour: str, day: str, month: str, weekday: str) -> BaseTrigger:
    weekdays = _name_weekdays(weekday)
    time = {"minute": minute, "hour": hour, "month": month, "timezone": UTC}
    if day.startswith("*") or weekday.startswith("*"):
        return CronTrigger(day=day, day_of_week=weekdays, **time)
    # Of two restricted ones crontab(5) takes either, while a trigger takes what fits both.
    return OrTrigger([CronTrigger(day=day, **time), CronTrigger(day_of_week=weekdays, **time)])


def _name_weekdays(field: str) -> str:
    """Return the field as a list of names: a trigger's numbers begin with Monday, those of crontab(5) with Sunday."""
    return ",".join(_WEEKDAYS[number] for part in field.lower().split(",") for number in _expand(part))


def _expand(part: str) -> range:
    span, has_step, step = part.partition("/")
    if span == "*":
        span = "0-6"
    elif has_step and "-" not in span:
        raise ValueError(f'a step goes with a range, not with the weekday "{span}"')
    first, has_last, last = span.partition("-")
    begin = _number(first)
    end = _number(last) if has_last else begin
    every = int(step) if has_step else 1
    if every < 1 or end < begin:
        raise ValueError(f'"{part}" is no range of weekdays')
    return range(begin, end + 1, every)


def _number(weekday: str) -> int:
    """Return 0 (Sunday) to 7 (Sunday again)."""
    if weekday in _WEEKDAYS:
        return _WEEKDAYS.index(weekday)
    if weekday.isdecimal() and int(weekday) < len(_WEEKDAYS):
        return int(weekday)
    raise ValueError(f'"{weekday}" is no weekday')
