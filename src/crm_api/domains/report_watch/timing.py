"""When a schedule is due: by a recurrence rule at a time of day, or by cron; in its time zone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm_api.kit.recurrence import BadRule, instant, read

LEAST_MINUTES = 15
_HORIZON = timedelta(days=5 * 366)
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))


@dataclass(frozen=True, slots=True)
class Cron:
    """The five fields of cron; of day and weekday either suffices where both are said."""

    minutes: Sequence[int]
    hours: Sequence[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def on(self, day: date) -> bool:
        """Whether it is due on a day."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_day or by_weekday if self.either else by_day and by_weekday

    def walls(self, after: datetime) -> Iterator[datetime]:
        """The wall times from the day of `after` on."""
        for offset in range(_HORIZON.days):
            day = after.date() + timedelta(days=offset)
            if self.on(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        yield datetime.combine(day, time(hour, minute))


def cron(text: str) -> Cron:
    """Cron as it was typed; raises `BadRule`, also for more often than every quarter of an hour."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise BadRule("Cron has five fields: minute, hour, day, month, weekday.")
    found = [_field(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
    minutes, hours = sorted(found[0]), sorted(found[1])
    gaps = [b - a for a, b in zip(minutes, [*minutes[1:], minutes[0] + 60], strict=True)]
    if min(gaps) < LEAST_MINUTES:
        raise BadRule(f"It is due every {LEAST_MINUTES} minutes at the most.")
    weekdays = frozenset(day % 7 for day in found[4])
    either = parts[2] != "*" and parts[4] != "*"
    return Cron(minutes, hours, frozenset(found[2]), frozenset(found[3]), weekdays, either)


def _field(text: str, name: str, least: int, most: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, is_span, last = span.partition("-")
        if span == "*":
            first, is_span, last = str(least), "-", str(most)
        numbers = [first, last] if is_span else [first]
        if not all(one.isascii() and one.isdigit() and len(one) <= 2 for one in numbers):
            raise BadRule(f"{part[:40]!r} is no {name} of cron.")
        if "/" in part and not (step.isascii() and step.isdigit() and 0 < int(step) <= most):
            raise BadRule(f"{part[:40]!r} has no step from 1 to {most}.")
        low = int(first)
        high = int(last) if is_span else most if step else low
        if not least <= low <= high <= most:
            raise BadRule(f"A {name} is from {least} to {most}.")
        found |= set(range(low, high + 1, int(step or 1)))
    return found


@dataclass(frozen=True, slots=True)
class Timing:
    """A schedule's times."""

    time_zone: str
    cron: str | None
    rule: str | None
    starts_on: date
    at: str | None

    def after(self, moment: datetime) -> datetime | None:
        """The first moment it is due after another; None where it ends. Raises `BadRule`."""
        zone = ZoneInfo(self.time_zone)
        for wall in self._walls(moment, zone):
            found = instant(wall, zone)
            if found > moment:
                return found
        return None

    def _walls(self, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        if self.cron is not None:
            local = moment.astimezone(zone).replace(tzinfo=None)
            return cron(self.cron).walls(max(local, datetime.combine(self.starts_on, time())))
        start = datetime.combine(self.starts_on, time.fromisoformat(self.at or "00:00"))
        return read(self.rule or "", timed=True).occurrences(start, zone)


def today(moment: datetime, time_zone: str) -> date:
    """The day of a moment."""
    return moment.astimezone(UTC).astimezone(ZoneInfo(time_zone)).date()
