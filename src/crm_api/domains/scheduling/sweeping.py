"""How full something is over time: one pass over the beginnings and ends of what takes it.

The sum of quantities changes only where something begins or ends, so the levels between these
instants are all there are. Interchangeable units are counted, never numbered: by lanes, two that are
free one after the other would look taken.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Taken(NamedTuple):
    """A quantity that is taken from an instant on, and free again from another."""

    starts_at: datetime
    ends_at: datetime
    quantity: int
    booking_id: UUID | None = None


class Level(NamedTuple):
    """How much is taken from an instant to another."""

    starts_at: datetime
    ends_at: datetime
    quantity: int


def levels(taken: Sequence[Taken], start: datetime, end: datetime) -> Iterator[Level]:
    """How much is taken in a window, in order and without gaps; levels beside each other differ."""
    changes: defaultdict[datetime, int] = defaultdict(int)
    for one in taken:
        if one.starts_at < end and one.ends_at > start:
            changes[max(one.starts_at, start)] += one.quantity
            changes[min(one.ends_at, end)] -= one.quantity
    since, quantity = start, 0
    for at in sorted(changes):
        if not changes[at]:
            continue
        if since < at:
            yield Level(since, at, quantity)
        since, quantity = at, quantity + changes[at]
    if since < end:
        yield Level(since, end, quantity)


def peak(taken: Sequence[Taken], start: datetime, end: datetime) -> int:
    """The most that is taken at any instant of a window."""
    return max((level.quantity for level in levels(taken, start, end)), default=0)


def in_the_way(taken: Sequence[Taken], start: datetime, end: datetime, room: int) -> list[Taken]:
    """What takes part where more than `room` is taken; nothing, where that is nowhere so."""
    full = [level for level in levels(taken, start, end) if level.quantity > room]
    ends = [level.ends_at for level in full]
    # Of each the first level that ends after it begins: levels are in order, and apart.
    nearest = ((one, bisect_right(ends, one.starts_at)) for one in taken)
    return [one for one, n in nearest if n < len(full) and full[n].starts_at < one.ends_at]
