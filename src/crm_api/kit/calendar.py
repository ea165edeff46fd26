"""Working time: a calendar's hours as instants, and arithmetic with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict

_DAY_MINUTES = 24 * 60
_ZERO = timedelta()
FARTHEST = timedelta(days=3660)
"""A sum of working time that is not reached by then never is, or is a mistake."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A stretch of working time on a day, in minutes of local time from its midnight.

    Of a shift that ends after midnight the end is above 1,440.
    """

    start: int
    end: int


@dataclass(frozen=True)
class Calendar:
    """When work is done: hours by weekday, and days that differ.

    Wall-clock times become instants by PEP 495: one in the gap of a change to summer time counts
    by the offset before it, one that stands twice is the first of both.
    """

    zone: ZoneInfo
    week: tuple[Sequence[Hours], ...]
    """Monday first."""
    exceptions: Mapping[date, Sequence[Hours]] = field(default_factory=dict[date, Sequence[Hours]])
    """Days whose hours are not those of their weekday; without any the day is closed."""

    def spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The working time between two instants in UTC, in order, without overlaps."""
        for opens, closes in self._merged(start, end):
            first, last = max(opens, start), min(closes, end)
            if first < last:
                yield first, last

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """The working time from one instant to another; negative if the second is earlier."""
        if end < start:
            return -self.elapsed(end, start)
        return sum((closes - opens for opens, closes in self.spans(start, end)), _ZERO)

    def add(self, start: datetime, duration: timedelta) -> datetime:
        """The instant at which so much working time has passed.

        What ends exactly at closing time ends then, not at the next opening; nothing at all ends
        where it starts. Raises `Conflict` where ten years are not enough.
        """
        left = duration
        if left <= _ZERO:
            return start
        for opens, closes in self.spans(start, start + FARTHEST):
            if closes - opens >= left:
                return opens + left
            left -= closes - opens
        raise no_working_time()

    def opening(self, at: datetime) -> datetime:
        """The instant itself where it is working time, else when that begins next.

        Raises `Conflict` where there is none in ten years.
        """
        found = next(self.spans(at, at + FARTHEST), None)
        if found is None:
            raise no_working_time()
        return found[0]

    def add_days(self, start: datetime, days: int) -> datetime:
        """When the clock shows the same so many working days later, those with any hours.

        Raises `Conflict` where ten years are not enough.
        """
        local = start.astimezone(self.zone)
        clock, day = local.hour * 60 + local.minute, local.date()
        rest = timedelta(seconds=local.second, microseconds=local.microsecond)
        left, last = days, day + FARTHEST
        while left > 0:
            day += timedelta(days=1)
            if day > last:
                raise no_working_time()
            left -= bool(self.hours_of(day))
        return start if days <= 0 else self._instant(day, clock) + rest

    def hours_of(self, day: date) -> Sequence[Hours]:
        """The hours of a day; none where it is closed."""
        hours = self.exceptions.get(day)
        return self.week[day.weekday()] if hours is None else hours

    def is_open(self, at: datetime) -> bool:
        """Whether this instant is working time."""
        return next(self.spans(at, at + timedelta(microseconds=1)), None) is not None

    def _merged(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        pending: tuple[datetime, datetime] | None = None
        for opens, closes in self._raw(start, end):
            if pending is None:
                pending = opens, closes
            elif opens <= pending[1]:
                pending = min(pending[0], opens), max(pending[1], closes)
            else:
                yield pending
                pending = opens, closes
        if pending is not None:
            yield pending

    def _raw(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        # A shift of the day before may reach into the first day.
        day = start.astimezone(self.zone).date() - timedelta(days=1)
        last = end.astimezone(self.zone).date()
        while day <= last:
            for one in self.hours_of(day):
                opens, closes = self._instant(day, one.start), self._instant(day, one.end)
                if opens < closes:
                    yield opens, closes
            day += timedelta(days=1)

    def _instant(self, day: date, minutes: int) -> datetime:
        days, rest = divmod(minutes, _DAY_MINUTES)
        local = datetime.combine(
            day + timedelta(days=days), time(rest // 60, rest % 60), tzinfo=self.zone
        )
        return local.astimezone(UTC)


def no_working_time() -> Conflict:
    """The error for working time that a calendar does not have."""
    return Conflict(
        "The calendar has not that much working time in ten years.", code="no_working_time"
    )


def today_of(tx: Tx) -> date:
    """The day that it is for the organization, whoever asks: that of its numbers and documents.

    What is for a user alone, such as an agenda or `@today` in a filter, goes by `Actor.time_zone`.
    """
    return tx.now.astimezone(ZoneInfo(tx.catalogue.time_zone)).date()
