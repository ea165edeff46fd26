"""At which instants something may start, as sets of starts; needs no database.

Starts are ticks in order (`kit/working_time.py`), and a set of them is an integer whose bit n stands
for the start n: what is free of hundreds of resources over thousands of starts is then a few
operations of integers for each resource.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from crm_api.kit.working_time import MINUTE, ticks_of

_DAY = timedelta(days=1)
_DAY_MINUTES = 24 * 60
Span = tuple[int, int]
"""From a tick on, and no more from another."""


class Day(NamedTuple):
    """A day of the zone: from a tick to another, and the starts that it has, as places."""

    day: date
    opens: int
    closes: int
    first: int
    last: int

    @property
    def mask(self) -> int:
        """All of its starts."""
        return run(self.first, self.last)


class Grid(NamedTuple):
    """All starts of a window, and its days."""

    starts: list[int]
    days: list[Day]


def run(first: int, last: int) -> int:
    """The set of the starts from one place up to another, which is not in it."""
    return ((1 << (last - first)) - 1) << first if last > first else 0


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins; where the clocks leave midnight out, that is the first instant after."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def grid_of(zone: ZoneInfo, step: int, start: datetime, end: datetime) -> Grid:
    """The starts from an instant up to another, which is not among them.

    They are every `step` minutes from midnight on by the clock of the zone: what the clock leaves
    out is none, and what it shows twice is two.
    """
    first, last = ticks_of(start), ticks_of(end)
    starts: list[int] = []
    days: list[Day] = []
    day = start.astimezone(zone).date()
    while (begins := midnight(day, zone)) < end:
        ends = midnight(day + _DAY, zone)
        opens, closes = ticks_of(begins), ticks_of(ends)
        if ends - begins == _DAY:
            found: Sequence[int] = range(opens, closes, step * MINUTE)
        else:
            found = _uneven(day, zone, step)
        begun = len(starts)
        starts.extend(tick for tick in found if first <= tick < last)
        days.append(Day(day, opens, closes, begun, len(starts)))
        day += _DAY
    return Grid(starts, days)


def _uneven(day: date, zone: ZoneInfo, step: int) -> list[int]:
    """The starts of a day on which the clocks change."""
    found = set[int]()
    for minutes in range(0, _DAY_MINUTES, step):
        wall = datetime.combine(day, time(minutes // 60, minutes % 60))
        for fold in (0, 1):
            at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
            if at.astimezone(zone).replace(tzinfo=None) == wall:
                found.add(ticks_of(at))
    return sorted(found)


def within(starts: Sequence[int], spans: Iterable[Span], length: int) -> int:
    """The starts from which so many ticks lie in one of these spans."""
    found = 0
    for opens, closes in spans:
        found |= run(bisect_left(starts, opens), bisect_right(starts, closes - length))
    return found


def hit(starts: Sequence[int], spans: Iterable[Span], before: int, after: int) -> int:
    """The starts around which, from `before` earlier to `after` later, one of these spans is met."""
    found = 0
    for opens, closes in spans:
        found |= run(bisect_right(starts, opens - after), bisect_left(starts, closes + before))
    return found


def at_least(sets: Iterable[int], number: int, every: int) -> int:
    """The starts that are in so many of these sets; of none it is `every` one."""
    counted = [every] + [0] * number
    for one in sets:
        for count in range(number, 0, -1):
            counted[count] |= counted[count - 1] & one
    return counted[number]


def places(found: int) -> Iterator[int]:
    """The places of the starts of a set, in order."""
    while found:
        lowest = found & -found
        yield lowest.bit_length() - 1
        found ^= lowest
