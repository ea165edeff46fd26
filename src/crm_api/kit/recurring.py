"""The days on which a recurrence rule of RFC 5545 has something recur, period by period.

Section 3.3.10: a period is a day, a week, a month or a year, of which every `INTERVAL`th counts;
the BY parts choose days of it, and BYSETPOS among the chosen. The search goes from a day to a day,
so a rule that never comes costs no more than one that comes daily.
"""

import calendar
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY = timedelta(days=1)


def days(parts: Mapping[str, str], start: date, end: date) -> Iterator[date]:
    """The days of a rule from `start`, to which its periods are counted, to `end`.

    `parts` are those of a rule that has been checked, in capitals.
    """
    choice = _Choice.of(parts, start)
    positions = _numbers(parts, "BYSETPOS")
    for first, length in _periods(parts, start, end):
        chosen = [
            day
            for place in range(length)
            if date.max - first >= place * _DAY and choice.has(day := first + place * _DAY)
        ]
        if positions:
            found = {n - 1 if n > 0 else len(chosen) + n for n in positions}
            chosen = [chosen[place] for place in sorted(found) if 0 <= place < len(chosen)]
        yield from (day for day in chosen if start <= day <= end)


def _periods(parts: Mapping[str, str], start: date, end: date) -> Iterator[tuple[date, int]]:
    """Where each period that counts begins, and how many days it has."""
    interval, frequency = int(parts.get("INTERVAL", "1")), parts["FREQ"]
    if frequency in {"DAILY", "WEEKLY"}:
        length = 1 if frequency == "DAILY" else 7
        first = start
        if length == 7:
            since = (start.weekday() - _WEEKDAYS.index(parts.get("WKST", "MO"))) % 7
            first -= min(since * _DAY, start - date.min)
        step = interval * length * _DAY
        while first <= end:
            yield first, length
            if date.max - first < step:
                return
            first += step
        return
    year, month = start.year, start.month
    while (year, month) <= (end.year, end.month) or (frequency == "YEARLY" and year <= end.year):
        if frequency == "YEARLY":
            yield date(year, 1, 1), 366 if calendar.isleap(year) else 365
            year += interval
        else:
            yield date(year, month, 1), calendar.monthrange(year, month)[1]
            years, month = divmod(month - 1 + interval, 12)
            year, month = year + years, month + 1


@dataclass(frozen=True)
class _Choice:
    """Which days the BY parts choose; an empty set chooses all."""

    months: frozenset[int]
    weeks: frozenset[int]
    year_days: frozenset[int]
    month_days: frozenset[int]
    weekdays: frozenset[int]
    numbered: frozenset[tuple[int, int]]
    """Days of the week by their place, in the month or in the year."""
    in_year: bool
    week_start: int

    @classmethod
    def of(cls, parts: Mapping[str, str], start: date) -> "_Choice":
        """What a rule says, and of what it does not say, what its first day does."""
        frequency = parts["FREQ"]
        months, month_days = _numbers(parts, "BYMONTH"), _numbers(parts, "BYMONTHDAY")
        weekdays: set[int] = set()
        numbered: set[tuple[int, int]] = set()
        for item in filter(None, parts.get("BYDAY", "").split(",")):
            weekday = _WEEKDAYS.index(item[-2:])
            if item[:-2]:
                numbered.add((int(item[:-2]), weekday))
            else:
                weekdays.add(weekday)
        if not {"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY"} & parts.keys():
            if frequency == "YEARLY":
                months = months or frozenset([start.month])
            if frequency in {"YEARLY", "MONTHLY"}:
                month_days = frozenset([start.day])
            elif frequency == "WEEKLY":
                weekdays = {start.weekday()}
        return cls(
            months,
            _numbers(parts, "BYWEEKNO"),
            _numbers(parts, "BYYEARDAY"),
            month_days,
            frozenset(weekdays),
            frozenset(numbered),
            frequency == "YEARLY" and "BYMONTH" not in parts,
            _WEEKDAYS.index(parts.get("WKST", "MO")),
        )

    def has(self, day: date) -> bool:
        """Whether a day is chosen."""
        return (
            (not self.months or day.month in self.months)
            and (not self.month_days or _counted(day.day, _month(day), self.month_days))
            and (not (self.weekdays or self.numbered) or self._has_weekday(day))
            and (not self.year_days or _counted(_place(day), _year(day), self.year_days))
            and (not self.weeks or self._has_week(day))
        )

    def _has_weekday(self, day: date) -> bool:
        weekday = day.weekday()
        if weekday in self.weekdays:
            return True
        place, length = (_place(day), _year(day)) if self.in_year else (day.day, _month(day))
        ahead, behind = (place - 1) // 7 + 1, -((length - place) // 7 + 1)
        return (ahead, weekday) in self.numbered or (behind, weekday) in self.numbered

    def _has_week(self, day: date) -> bool:
        """Weeks are those of the year that has four of their days at least."""
        since = (day.weekday() - self.week_start) % 7
        place = _place(day) - since + 3  # the fourth day of the week says whose it is
        length = _year(day)
        if place > length:
            place, length = place - length, 366 if calendar.isleap(day.year + 1) else 365
        elif place < 1:
            length = 366 if calendar.isleap(day.year - 1) else 365
            place += length
        number = (place - 1) // 7 + 1
        return _counted(number, number + (length - place) // 7, self.weeks)


def _counted(place: int, length: int, chosen: frozenset[int]) -> bool:
    """Whether a place is among those, counted from the beginning or from the end."""
    return place in chosen or place - length - 1 in chosen


def _place(day: date) -> int:
    return day.timetuple().tm_yday


def _year(day: date) -> int:
    return 366 if calendar.isleap(day.year) else 365


def _month(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _numbers(parts: Mapping[str, str], name: str) -> frozenset[int]:
    return frozenset(int(item) for item in parts[name].split(",")) if name in parts else frozenset()
