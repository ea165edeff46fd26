"""When resources are free long enough for the first time: needs no database."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_api.domains.scheduling.sweeping import Taken, in_the_way

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Wanted:
    """How much of a resource is wanted, and what there is of it in a window."""

    room: int
    """What may be taken beside what is wanted: the capacity less the quantity."""
    taken: Sequence[Taken]
    opens: Sequence[Span] | None
    """Its working time, in order; None: any time."""


def earliest_fit(
    wanted: Collection[Wanted], start: datetime, end: datetime, length: timedelta
) -> datetime | None:
    """The first instant from which all are free for so long, within a window; None without one.

    Something becomes free only at the beginning of the window, where something that is taken ends,
    and where working time begins: no other instant can be the first.
    """
    starts = {start}
    for one in wanted:
        starts |= {taken.ends_at for taken in one.taken}
        starts |= {opens for opens, _ in one.opens or ()}
    for at in sorted(starts):
        if start <= at and at + length <= end and _fits(wanted, at, at + length):
            return at
    return None


def _fits(wanted: Collection[Wanted], start: datetime, end: datetime) -> bool:
    for one in wanted:
        if one.room < 0 or in_the_way(one.taken, start, end, one.room):
            return False
        if one.opens is not None and not any(a <= start and end <= b for a, b in one.opens):
            return False
    return True
