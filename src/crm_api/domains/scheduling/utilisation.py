"""How much of resources is booked, by period: one statement for all of them.

The working time of each calendar is expanded once and goes into the statement as a multirange per
period, so that the database cuts each booking into what is inside and what is not. Times are exact
to the microsecond until they are shown, so that a day of a change of the clocks has 23 or 25 hours.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.scheduling.resources import ResourceService
from crm_api.domains.scheduling.times_schemas import By, UtilisationAsked
from crm_api.kit.calendar import Calendar
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Invalid
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.platform.calendars.service import calendars_at
from crm_api.platform.exchange.repository import ExchangeRates

MOST_DAYS: Mapping[By, int] = {"day": 62, "week": 371, "month": 732}
FIELDS = ("id", "name", "capacity", "calendar_id", "cost_per_hour")
_USED = """
    WITH period AS (
        SELECT n, starts, ends FROM unnest($3::timestamptz[], $4::timestamptz[])
            WITH ORDINALITY AS p (starts, ends, n)),
    working AS (
        SELECT calendar_id, n, range_agg(tstzrange(opens, closes)) AS spans
        FROM unnest($5::uuid[], $6::integer[], $7::timestamptz[], $8::timestamptz[])
            AS w (calendar_id, n, opens, closes)
        GROUP BY calendar_id, n),
    part AS (
        SELECT a.resource_id, p.n, r.calendar_id, a.quantity, b.status = 'held' AS is_held,
            b.starts_at >= p.starts AND b.starts_at < p.ends AS begins,
            tstzrange(a.starts_at, a.ends_at) * tstzrange(p.starts, p.ends) AS whole,
            tstzrange(b.starts_at, b.ends_at) * tstzrange(p.starts, p.ends) AS own
        FROM unnest($2::uuid[], $9::uuid[]) AS r (id, calendar_id)
        JOIN booking_allocations a ON a.organization_id = $1 AND a.resource_id = r.id
        JOIN bookings b ON b.organization_id = $1 AND b.id = a.booking_id
        JOIN period p ON a.starts_at < p.ends AND a.ends_at > p.starts
        WHERE a.is_active AND (a.hold_expires_at IS NULL OR a.hold_expires_at > $10)
            AND a.ends_at > $11 AND a.starts_at < $12),
    timed AS (
        SELECT part.*,
            coalesce(extract(epoch FROM upper(whole) - lower(whole)), 0) * quantity AS taken,
            coalesce(extract(epoch FROM upper(own) - lower(own)), 0) * quantity AS booked,
            quantity * CASE WHEN part.calendar_id IS NULL
                THEN coalesce(extract(epoch FROM upper(own) - lower(own)), 0)
                ELSE (
                    SELECT coalesce(sum(extract(epoch FROM upper(one) - lower(one))), 0)
                    FROM unnest(w.spans * tstzmultirange(own)) one) END AS inside
        FROM part LEFT JOIN working w ON w.calendar_id = part.calendar_id AND w.n = part.n)
    SELECT resource_id, n,
        coalesce(sum(inside) FILTER (WHERE NOT is_held), 0) AS inside,
        coalesce(sum(booked) FILTER (WHERE NOT is_held), 0) AS booked,
        coalesce(sum(taken) FILTER (WHERE NOT is_held), 0) AS taken,
        coalesce(sum(taken) FILTER (WHERE is_held), 0) AS held,
        count(*) FILTER (WHERE begins AND NOT is_held) AS bookings
    FROM timed GROUP BY resource_id, n
"""
# They take nothing any more: what is left of them is the booking.
_MISSED = """
    SELECT r.id AS resource_id, p.n, count(*) AS missed
    FROM bookings b
    CROSS JOIN LATERAL jsonb_to_recordset(b.resources) AS one (resource_id uuid)
    JOIN unnest($2::uuid[]) AS r (id) ON r.id = one.resource_id
    JOIN unnest($3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY AS p (starts, ends, n)
        ON b.starts_at >= p.starts AND b.starts_at < p.ends
    WHERE b.organization_id = $1 AND b.status = 'no_show' AND b.deleted_at IS NULL
        AND b.starts_at >= $5 AND b.starts_at < $6
    GROUP BY r.id, p.n
"""


@dataclass
class _Used:
    """Seconds of a resource in a period, and how many bookings."""

    capacity: Decimal = Decimal()
    inside: Decimal = Decimal()
    booked: Decimal = Decimal()
    taken: Decimal = Decimal()
    held: Decimal = Decimal()
    bookings: int = 0
    missed: int = 0

    def add(self, other: "_Used") -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def shown(self, cost_per_hour: Decimal | None) -> dict[str, Any]:
        share = self.inside / self.capacity if self.capacity else None
        cost = None if cost_per_hour is None else self.booked * cost_per_hour / 3600
        return {
            "capacity_minutes": _minutes(self.capacity),
            "booked_minutes": _minutes(self.inside),
            "outside_minutes": _minutes(self.booked - self.inside),
            "buffer_minutes": _minutes(self.taken - self.booked),
            "held_minutes": _minutes(self.held),
            "share": None if share is None else shown_quantity(share.quantize(Decimal("0.0001"))),
            "bookings": self.bookings,
            "no_shows": self.missed,
            "cost": None if cost is None else shown_amount(cost),
        }


@dataclass(frozen=True)
class _Periods:
    """Days put together, and where each begins and ends as instants."""

    days: Sequence[tuple[date, date]]
    edges: Sequence[datetime]

    @property
    def starts(self) -> list[datetime]:
        return list(self.edges[:-1])

    @property
    def ends(self) -> list[datetime]:
        return list(self.edges[1:])


async def utilisation_of(tx: Tx, asked: UtilisationAsked, query: PageQuery) -> dict[str, Any]:
    """How much of the resources of a page is booked between two days, both included.

    Days are those of the organization's time zone. Raises `Invalid` for days out of order or too
    many of them.
    """
    async with at_one_moment(tx) as reader:
        return await utilisation_in(reader, asked, query)


async def utilisation_in(tx: Tx, asked: UtilisationAsked, query: PageQuery) -> dict[str, Any]:
    """The same as this transaction sees it."""
    service = ResourceService(tx)
    service.need("read")
    zone = ZoneInfo(tx.actor.time_zone)
    periods = _periods(asked, zone)
    page = await service.page(query)
    ids = {row.calendar_id for row in page.data} - {None}
    known = await calendars_at(tx, ids, periods.edges[0])
    used = await _used(tx, page.data, known, periods)
    return {
        "time_zone": zone.key,
        "currency": await ExchangeRates(tx).own_currency(),
        "data": [_shown(row, used[row.id], periods) for row in page.data],
        "next_cursor": page.next_cursor,
    }


def asked_for() -> Selection:
    """What has to be known of each resource."""
    return Selection(FIELDS)


def need_few_days(asked: UtilisationAsked) -> None:
    """Raise `Invalid` for days out of order, or too many."""
    if asked.until < asked.since:
        raise Invalid.parameter("to", "before_from", "It is no earlier than `from`.")
    if (asked.until - asked.since).days >= MOST_DAYS[asked.by]:
        message = f"At most {MOST_DAYS[asked.by]} days by {asked.by}."
        raise Invalid.parameter("to", "too_long", message)


def _periods(asked: UtilisationAsked, zone: ZoneInfo) -> _Periods:
    need_few_days(asked)
    firsts = [asked.since]
    end = asked.until + timedelta(days=1)
    while (following := _next(firsts[-1], asked.by)) < end:
        firsts.append(following)
    firsts.append(end)
    days = [(first, following - timedelta(days=1)) for first, following in pairwise(firsts)]
    # In UTC: of two times in one zone Python subtracts what the clocks show.
    edges = [datetime.combine(day, time(), tzinfo=zone).astimezone(UTC) for day in firsts]
    return _Periods(days, edges)


def _next(day: date, by: By) -> date:
    """The first day of the period after the one that a day is in."""
    if by == "day":
        return day + timedelta(days=1)
    if by == "week":
        return day + timedelta(days=7 - day.weekday())
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


async def _used(
    tx: Tx, resources: Sequence[Any], known: Mapping[Any, Calendar], periods: _Periods
) -> Mapping[UUID, list[_Used]]:
    found: dict[UUID, list[_Used]] = {row.id: [_Used() for _ in periods.days] for row in resources}
    if not found:
        return found
    working = list(_working(known, periods))
    opened: defaultdict[tuple[Any, int], Decimal] = defaultdict(Decimal)
    for id, number, opens, closes in working:
        opened[id, number] += _seconds(closes - opens)
    for row in resources:
        for number, one in enumerate(found[row.id], start=1):
            whole = _seconds(periods.edges[number] - periods.edges[number - 1])
            one.capacity = row.capacity * (
                whole if row.calendar_id is None else opened[row.calendar_id, number]
            )
    ids = [row.id for row in resources]
    between = (periods.edges[0], periods.edges[-1])
    spans = [list(column) for column in zip(*working, strict=True)] or [[], [], [], []]
    calendars = [row.calendar_id for row in resources]
    own, stretches = tx.organization_id, (periods.starts, periods.ends)
    for row in await tx.fetch(_USED, own, ids, *stretches, *spans, calendars, tx.now, *between):
        used = found[row["resource_id"]][int(row["n"]) - 1]
        used.inside, used.booked = row["inside"], row["booked"]
        used.taken, used.held, used.bookings = row["taken"], row["held"], row["bookings"]
    for row in await tx.fetch(_MISSED, own, ids, *stretches, *between):
        found[row["resource_id"]][int(row["n"]) - 1].missed = row["missed"]
    return found


def _working(
    known: Mapping[Any, Calendar], periods: _Periods
) -> Iterator[tuple[Any, int, datetime, datetime]]:
    """The working time of each calendar in each period."""
    for id, calendar in known.items():
        for number, (start, end) in enumerate(pairwise(periods.edges), start=1):
            for opens, closes in calendar.spans(start, end):
                yield id, number, opens, closes


def _shown(row: Any, used: Sequence[_Used], periods: _Periods) -> dict[str, Any]:
    total = _Used()
    for one in used:
        total.add(one)
    cost = None if row.cost_per_hour is None else Decimal(row.cost_per_hour)
    return {
        "resource_id": row.id,
        "name": row.name,
        "capacity": row.capacity,
        "total": total.shown(cost),
        "periods": [
            {"first_day": first, "last_day": last, **one.shown(cost)}
            for (first, last), one in zip(periods.days, used, strict=True)
        ],
    }


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(microseconds=1)) / 1_000_000


def _minutes(seconds: Decimal) -> int:
    return int(seconds // 60)
