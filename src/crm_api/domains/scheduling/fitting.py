"""When resources are free long enough for the first time: needs no database."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_api.domains.scheduling.sweeping import Taken, levels

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

    Each says the first instant from one on that would do for it, until all say the same one. What
    is passed over meanwhile would not have done for whoever passed it over.
    """
    free = [[span for span in _free(one, start, end) if _lasts(span, length)] for one in wanted]
    at: datetime = start
    while True:
        before = at
        for spans in free:
            place = bisect_left(spans, at + length, key=_end)
            if place == len(spans):
                return None
            at = max(at, spans[place][0])
        if at == before:
            return at if at + length <= end else None


def _free(one: Wanted, start: datetime, end: datetime) -> Iterator[Span]:
    """When it is open and there is room, in order."""
    opens = iter([(start, end)] if one.opens is None else one.opens)
    current = next(opens, None)
    for begins, ends in _roomy(one, start, end):
        while current is not None and current[0] < ends:
            first, last = max(begins, current[0]), min(ends, current[1])
            if first < last:
                yield first, last
            if current[1] > ends:
                break
            current = next(opens, None)


def _roomy(one: Wanted, start: datetime, end: datetime) -> Iterator[Span]:
    """When no more is taken than may be, in order; what touches is one."""
    pending: Span | None = None
    for level in levels(one.taken, start, end):
        if level.quantity > one.room:
            if pending is not None:
                yield pending
            pending = None
        else:
            pending = (pending or level)[0], level.ends_at
    if pending is not None:
        yield pending


def _lasts(span: Span, length: timedelta) -> bool:
    return span[1] - span[0] >= length


def _end(span: Span) -> datetime:
    return span[1]
