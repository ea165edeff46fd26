"""When the time of a rule comes: by the clock of its organization, right through summer time.

Wall-clock times become instants by PEP 495: one in the gap of a change counts by the offset before
it, one that stands twice is the first of both.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, StringConstraints

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEK: tuple[Weekday, ...] = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
Every = Literal["hour", "day", "week", "month"]
_SPAN = re.compile(r"([+-]?)(\d{1,5})([mhdw])")
_MINUTES = {"m": 1, "h": 60}
_DAYS = {"d": 1, "w": 7}
LONGEST = timedelta(days=3660)


def _span(text: str) -> str:
    if abs(span_of(text)) > LONGEST:
        raise ValueError("at most ten years")
    return text


Span = Annotated[str, StringConstraints(pattern=r"^[+-]?\d{1,5}[mhdw]$"), AfterValidator(_span)]
"""`90m`, `4h`, `2d`, `-1w`: days and weeks keep the hour by the clock of the organization."""
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


def span_of(text: str) -> timedelta:
    """A span as if each day had 24 hours."""
    days, rest = _parts(text)
    return timedelta(days=days) + rest


def _parts(text: str) -> tuple[int, timedelta]:
    found = _SPAN.fullmatch(text)
    assert found is not None
    number = int(found[1] + found[2])
    if found[3] in _DAYS:
        return number * _DAYS[found[3]], timedelta()
    return 0, timedelta(minutes=number * _MINUTES[found[3]])


def later(moment: datetime, span: str, zone: ZoneInfo) -> datetime:
    """The instant so much later."""
    days, rest = _parts(span)
    if not days:
        return moment + rest
    local = moment.astimezone(zone)
    return instant(local.date() + timedelta(days=days), local.time(), zone)


def instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The instant at which the clock shows this on a day."""
    return datetime.combine(day, clock.replace(tzinfo=None), zone).astimezone(UTC)


def last_day(moment: datetime, clock: str, zone: ZoneInfo) -> date:
    """The last day on which the clock had shown this by a moment."""
    day = moment.astimezone(zone).date()
    return day if instant(day, _clock(clock), zone) <= moment else day - timedelta(days=1)


def next_hour(after: datetime, minute: int) -> datetime:
    """The next instant whose minute this is, by hours that are all an hour apart."""
    begun = after.replace(minute=minute, second=0, microsecond=0)
    return begun if begun > after else begun + timedelta(hours=1)


def next_day(
    after: datetime,
    clock: str,
    zone: ZoneInfo,
    *,
    weekdays: frozenset[str] | None = None,
    day_of_month: int | None = None,
) -> datetime:
    """The next instant at which the clock shows this, on such a day.

    Of a month that is too short its last day is the one.
    """
    day = after.astimezone(zone).date()
    while True:
        if (weekdays is None or WEEK[day.weekday()] in weekdays) and (
            day_of_month is None or day.day == min(day_of_month, monthrange(day.year, day.month)[1])
        ):
            found = instant(day, _clock(clock), zone)
            if found > after:
                return found
        day += timedelta(days=1)


def _clock(text: str) -> time:
    return time(int(text[:2]), int(text[3:]))
