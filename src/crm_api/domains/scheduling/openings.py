"""When candidates are at work and free: one statement, and one pass over what it finds."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.busy import Span as Away
from crm_api.domains.scheduling.busy import busy_between
from crm_api.domains.scheduling.candidates import Candidates, Order
from crm_api.domains.scheduling.grid import Day, Span, at_least, hit, within
from crm_api.domains.scheduling.matching import matched
from crm_api.domains.scheduling.models import LASTS, SHORT
from crm_api.domains.scheduling.sweeping import Taken, levels
from crm_api.kit.calendar import Calendar
from crm_api.kit.db.tx import Tx
from crm_api.kit.working_time import instant_of, ticks_of
from crm_api.platform.calendars.service import calendars_at

# What is short and begins before the window is over has ended soon after; what is long is little.
_OF_WINDOW = """
    SELECT resource_id, starts_at, ends_at, quantity, hold_expires_at FROM booking_allocations
    WHERE organization_id = $1 AND is_active AND ends_at > $3 AND starts_at < $4
"""
_BUSY = f"""
    SELECT resource_id, array_agg((extract(epoch FROM starts_at) * 1000000)::bigint) AS starts,
        array_agg((extract(epoch FROM ends_at) * 1000000)::bigint) AS ends,
        array_agg(quantity) AS quantities
    FROM (
        {_OF_WINDOW} AND {LASTS} <= {SHORT} AND ends_at < $4 + {SHORT}
        UNION ALL
        {_OF_WINDOW} AND {LASTS} > {SHORT} AND resource_id = ANY($2)
    ) taken
    WHERE resource_id = ANY($2) AND (hold_expires_at IS NULL OR hold_expires_at > $5)
    GROUP BY resource_id
"""  # noqa: S608 - of parts that are all in the code


@dataclass(frozen=True)
class Lasting:
    """How long something takes, in ticks, and what it takes besides before and after."""

    duration: int
    before: int
    after: int


class _Able:
    """Those who are free at a start, in order; most of the time only the first is asked for."""

    def __init__(self, ids: Sequence[UUID], free: Mapping[UUID, int], place: int) -> None:
        self.ids, self.free, self.place = ids, free, place

    def __iter__(self) -> Iterator[UUID]:
        free, place = self.free, self.place
        return (id for id in self.ids if free[id] >> place & 1)


@dataclass(frozen=True)
class Openings:
    """At which of some starts each candidate is at work, and free besides."""

    every: int
    candidates: Candidates
    hours: Sequence[int]
    """Of each requirement, the starts at which enough candidates are at work."""
    enough: Sequence[int]
    """The same, where they are free as well; of all requirements together it may be too few."""
    together: int
    """The starts at which as many are free as all requirements need, whichever they are for."""
    changed: int
    """The starts at which not the same are free as at the start before."""
    free: Sequence[Mapping[UUID, int]]
    """Of each requirement, by candidate."""
    busy: Mapping[UUID, Sequence[Span]]
    taken: Mapping[UUID, Any]
    """By candidate what is taken of it, as `opened` was told."""

    def chosen(
        self, place: int, order: Sequence[Sequence[UUID]], must: Sequence[UUID]
    ) -> list[list[UUID]] | None:
        """Who is taken at a start, by requirement; None where they do not suffice."""
        wanted = [
            (quantity, _Able(ids, free, place))
            for quantity, ids, free in zip(
                self.candidates.quantities, order, self.free, strict=True
            )
        ]
        return matched(wanted, must)

    def number(self, requirement: int, place: int) -> int:
        """How many candidates of a requirement are free at a start."""
        return sum(found >> place & 1 for found in self.free[requirement].values())

    def loads(self, days: Sequence[Day]) -> list[dict[UUID, int]]:
        """How many ticks of some days in order each is taken, buffers included."""
        found: list[dict[UUID, int]] = [{} for _ in days]
        opens = [day.opens for day in days]
        for id, spans in self.busy.items():
            for first, last in spans:
                for number in range(max(bisect_right(opens, first) - 1, 0), len(days)):
                    day, own = days[number], found[number]
                    if day.opens >= last:
                        break
                    taken = min(last, day.closes) - max(first, day.opens)
                    own[id] = own.get(id, 0) + max(taken, 0)
        return found

    def orders(
        self, order: Order, days: Sequence[Day], months: Sequence[int]
    ) -> Iterator[list[list[UUID]]]:
        """Who is asked first on each of some days, of which the months are known."""
        nothing: dict[UUID, int] = {}
        loads = self.loads(days) if order.assignment == "least_loaded" else [nothing] * len(days)
        return (order.of(month, load) for month, load in zip(months, loads, strict=True))


async def openings(
    tx: Tx,
    candidates: Candidates,
    starts: Sequence[int],
    lasting: Lasting,
    days: Sequence[Day],
    *,
    ignores_calendars: bool = False,
) -> Openings:
    """When candidates are free, of which the starts lie on these days, in order."""
    start = min(starts[0] - lasting.before, days[0].opens)
    end = max(starts[-1] + lasting.duration + lasting.after, days[-1].closes)
    window = instant_of(start), instant_of(end)
    rows = await tx.fetch(_BUSY, tx.organization_id, list(candidates.rows), *window, tx.now)
    found = {row["resource_id"]: row for row in rows}
    hours = dict.fromkeys(candidates.rows, (1 << len(starts)) - 1)
    away: dict[UUID, int] = {}
    if not ignores_calendars:
        by_calendar = await hours_of(
            tx, [row["calendar_id"] for row in candidates.rows.values()], starts, lasting
        )
        hours = {id: by_calendar[row["calendar_id"]] for id, row in candidates.rows.items()}
        elsewhere = await busy_between(tx, list(candidates.rows), *window)
        away = {id: _away(starts, spans, lasting) for id, spans in elsewhere.items()}
    return opened(candidates, starts, lasting, hours, found, away)


def opened(
    candidates: Candidates,
    starts: Sequence[int],
    lasting: Lasting,
    hours: Mapping[UUID, int],
    taken: Mapping[UUID, Any],
    away: Mapping[UUID, int],
) -> Openings:
    """When candidates are free, of whom the starts in their hours and what is taken are known.

    `taken` has the columns `starts`, `ends` and `quantities` of those of whom anything is, `away`
    the starts at which they would be busy elsewhere.
    """
    every = (1 << len(starts)) - 1
    met: dict[tuple[UUID, int], int] = {}

    def clear(id: UUID, units: int) -> int:
        room = candidates.rows[id]["capacity"] - units
        if (id, room) not in met:
            spans = full(taken[id], room) if id in taken else ()
            met[id, room] = hit(starts, spans, lasting.before, lasting.duration + lasting.after)
        return hours[id] & ~met[id, room] & ~away.get(id, 0)

    free = [
        {id: clear(id, one.units) for id in ids}
        for one, ids in zip(candidates.required, candidates.of, strict=True)
    ]
    needed = list(zip(candidates.of, free, candidates.quantities, strict=True))
    any_of: dict[UUID, int] = {}
    changed = 0
    for own in free:
        for id, found in own.items():
            any_of[id] = any_of.get(id, 0) | found
            changed |= found ^ (found << 1)
    return Openings(
        every,
        candidates,
        [at_least([hours[id] for id in ids], quantity, every) for ids, _, quantity in needed],
        [at_least(own.values(), quantity, every) for _, own, quantity in needed],
        at_least(any_of.values(), sum(candidates.quantities), every),
        changed & every,
        free,
        {id: list(zip(row["starts"], row["ends"], strict=True)) for id, row in taken.items()},
        taken,
    )


def _away(starts: Sequence[int], spans: Iterable[Away], lasting: Lasting) -> int:
    # As what is closed, without what a booking takes before and after.
    found = ((ticks_of(first), ticks_of(last)) for first, last in spans)
    return hit(starts, found, 0, lasting.duration)


def full(row: Any, room: int) -> Iterable[Span]:
    """When more than so much of a resource is taken."""
    if room == 0:
        return zip(row["starts"], row["ends"], strict=True)
    if sum(row["quantities"]) <= room:
        return ()
    taken = [
        Taken(instant_of(first), instant_of(last), quantity)
        for first, last, quantity in zip(row["starts"], row["ends"], row["quantities"], strict=True)
    ]
    start, end = min(one.starts_at for one in taken), max(one.ends_at for one in taken)
    return [
        (ticks_of(level.starts_at), ticks_of(level.ends_at))
        for level in levels(taken, start, end)
        if level.quantity > room
    ]


async def hours_of(
    tx: Tx, ids: Iterable[UUID | None], starts: Sequence[int], lasting: Lasting
) -> dict[UUID | None, int]:
    """By calendar, the starts that are wholly in its working time; without one all are."""
    every = (1 << len(starts)) - 1
    wanted = {id for id in ids if id is not None}
    first, last = instant_of(starts[0]), instant_of(starts[-1] + lasting.duration)
    calendars = await calendars_at(tx, wanted, first) if wanted else {}
    by_calendar: dict[UUID | None, int] = {None: every}
    for id in wanted:
        spans = _spans(calendars[id], first, last)
        by_calendar[id] = within(starts, spans, lasting.duration)
    return by_calendar


def _spans(calendar: Calendar, start: datetime, end: datetime) -> list[Span]:
    return [(ticks_of(opens), ticks_of(closes)) for opens, closes in calendar.spans(start, end)]
