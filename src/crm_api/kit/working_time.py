"""Working time as a line of numbers, for many questions about one calendar."""

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta

from crm_api.kit.calendar import FARTHEST, Calendar, no_working_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_FIRST, _LONGEST = timedelta(days=25), timedelta(days=400)
MINUTE = timedelta(minutes=1) // _TICK
"""A minute in ticks."""


def ticks_of(at: datetime) -> int:
    """An instant as microseconds since 1970 in UTC."""
    return (at - _EPOCH) // _TICK


def instant_of(ticks: int) -> datetime:
    """The instant that is so many microseconds after 1970, in UTC."""
    return _EPOCH + ticks * _TICK


class WorkingTime:
    """The same arithmetic as of `Calendar`, where each answer is a look-up in an index.

    The spans of the calendar are expanded once, some weeks first and twice as many each time that
    more are needed, with the sum of the working time before each: a position. To count is then a
    bisection, so that the plan of thousands of tasks, or the due times of thousands of cases,
    expand a calendar once. Instants and durations are ticks, which are microseconds: `ticks_of` and
    `instant_of` convert, `add` and `elapsed` take and give what `Calendar` does. A position belongs
    to one object.

    Of every position there are two instants where it is a closing time: that one, and the next
    opening. Whatever ends there ends at the first, whatever begins there begins at the second.

    Answers lie within ten years of `origin`; beyond that they raise `Conflict`.
    """

    def __init__(self, calendar: Calendar, origin: datetime) -> None:
        self._calendar = calendar
        origin = origin.astimezone(UTC)
        self._first, self._last = origin - FARTHEST, origin + FARTHEST
        self._start = self._end = origin
        self._ahead = self._behind = _FIRST
        # What is expanded, in ticks.
        self._from = self._until = ticks_of(origin)
        self._opens: list[int] = []
        self._closes: list[int] = []
        # Working time from the origin to each opening, and to each closing.
        self._before: list[int] = []
        self._after: list[int] = []

    def position(self, at: int) -> int:
        """The working time from the origin to an instant, in ticks; negative before it."""
        if not self._from <= at <= self._until:
            self._reach(at)
        place = bisect_right(self._opens, at) - 1
        if place < 0:
            return self._before[0] if self._before else 0
        return self._before[place] + min(at, self._closes[place]) - self._opens[place]

    def closing(self, position: int) -> int:
        """The first instant of a position, which what ends there ends at."""
        while not self._after or self._after[-1] < position:
            self._go_on()
        while self._before[0] >= position:
            self._go_back()
        place = bisect_left(self._after, position)
        return self._opens[place] + position - self._before[place]

    def opening(self, position: int) -> int:
        """The last instant of a position, which what begins there begins at."""
        while not self._after or self._after[-1] <= position:
            self._go_on()
        while self._before[0] > position:
            self._go_back()
        place = bisect_right(self._before, position) - 1
        return self._opens[place] + position - self._before[place]

    def begin(self, at: int) -> int:
        """When work begins that cannot begin earlier than an instant: then, or when it opens."""
        return self.opening(self.position(at))

    def shift(self, at: int, duration: int) -> int:
        """The instant so much working time later, or earlier where it is negative.

        Later ends at closing time and earlier begins at opening time; nothing at all stays.
        """
        if not duration:
            return at
        reached = self.position(at) + duration
        return self.closing(reached) if duration > 0 else self.opening(reached)

    def add(self, start: datetime, duration: timedelta) -> datetime:
        """As `Calendar.add`."""
        return instant_of(self.shift(ticks_of(start), max(duration // _TICK, 0)))

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """As `Calendar.elapsed`."""
        return (self.position(ticks_of(end)) - self.position(ticks_of(start))) * _TICK

    def _reach(self, at: int) -> None:
        while at > self._until:
            self._go_on()
        while at < self._from:
            self._go_back()

    def _go_on(self) -> None:
        if self._end >= self._last:
            raise no_working_time()
        until = min(self._end + self._ahead, self._last)
        self._ahead = min(2 * self._ahead, _LONGEST)
        done = self._after[-1] if self._after else 0
        for opens, closes in self._calendar.spans(self._end, until):
            first, last = ticks_of(opens), ticks_of(closes)
            self._opens.append(first)
            self._closes.append(last)
            self._before.append(done)
            done += last - first
            self._after.append(done)
        self._end, self._until = until, ticks_of(until)

    def _go_back(self) -> None:
        if self._start <= self._first:
            raise no_working_time()
        since = max(self._start - self._behind, self._first)
        self._behind = min(2 * self._behind, _LONGEST)
        found = list(self._calendar.spans(since, self._start))
        done = self._before[0] if self._before else 0
        opens, closes, before, after = (list[int]() for _ in range(4))
        for first, last in ((ticks_of(a), ticks_of(b)) for a, b in reversed(found)):
            opens.append(first)
            closes.append(last)
            after.append(done)
            done -= last - first
            before.append(done)
        self._opens[:0], self._closes[:0] = opens[::-1], closes[::-1]
        self._before[:0], self._after[:0] = before[::-1], after[::-1]
        self._start, self._from = since, ticks_of(since)
