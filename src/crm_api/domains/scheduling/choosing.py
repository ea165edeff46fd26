"""Bookings through a type: who has them is chosen under the locks of all who could.

Of a type that has so many a day at the most, the row of the type is locked first, so that whoever
counts the day writes before the next one counts. Then all candidates are locked, in the order of
their ids and by one statement, whichever requirements they are for. What is free is read after
that: it is still free when the booking is written.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.scheduling.allocating import Allocations
from crm_api.domains.scheduling.candidates import (
    Candidates,
    Order,
    fitting,
    found_for,
    owners_first,
    required_of,
    turns_of,
)
from crm_api.domains.scheduling.grid import Day, midnight
from crm_api.domains.scheduling.openings import Lasting, Openings, hours_of, openings
from crm_api.domains.scheduling.type_models import BookingType
from crm_api.domains.scheduling.type_repository import BookingTypes
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid
from crm_api.kit.working_time import MINUTE, instant_of, ticks_of

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_LOCK = """
    SELECT time_zone, most_per_day FROM booking_types
    WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE
"""
_LOCK_BINNED = """
    SELECT id FROM booking_types WHERE organization_id = $1 AND id IN (
        SELECT booking_type_id FROM bookings
        WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NOT NULL)
    ORDER BY id FOR NO KEY UPDATE
"""
_STARTED = """
    SELECT count(*) AS number FROM bookings
    WHERE organization_id = $1 AND booking_type_id = $2 AND starts_at >= $3 AND starts_at < $4
        AND id IS DISTINCT FROM $5 AND deleted_at IS NULL
        AND status IN ('held', 'confirmed', 'checked_in', 'completed')
        AND (status <> 'held' OR hold_expires_at IS NULL OR hold_expires_at > $6)
"""
_PER_DAY = """
    SELECT width_bucket(starts_at, $3::timestamptz[]) AS place, count(*) AS number FROM bookings
    WHERE organization_id = $1 AND booking_type_id = $2 AND starts_at >= $4 AND starts_at < $5
        AND deleted_at IS NULL AND status IN ('held', 'confirmed', 'checked_in', 'completed')
        AND (status <> 'held' OR hold_expires_at IS NULL OR hold_expires_at > $6)
    GROUP BY 1
"""


class Chooser:
    """Makes whole what a booking through a type leaves open."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def completed(self, values: dict[str, Any]) -> dict[str, Any]:
        """A new booking with everything that its type says, and with its resources.

        Without a type it says all of that itself. Raises `Invalid` and `Conflict`.
        """
        duration = values.pop("duration", None)
        if values["booking_type_id"] is None:
            return values | _plain(values, duration)
        type = await BookingTypes(self.tx).find(values["booking_type_id"])
        if type is None:
            message = "There is no such booking_type."
            raise Invalid.at("/booking_type_id", "unknown_reference", message)
        if type.status != "active":
            message = f"{type.name} is not booked."
            raise Invalid.at("/booking_type_id", "booking_type_inactive", message)
        values |= _timed(values, type, duration)
        for name in ("buffer_before", "buffer_after"):
            values[name] = getattr(type, name) if values[name] is None else values[name]
        held = values["hold_expires_at"] is None and values["reserved_for"] is None
        if held and type.hold_minutes is not None:
            values["hold_expires_at"] = self.tx.now + type.hold_minutes * _MINUTE
        values["title"] = values["title"] or type.name
        need_offered(self.tx, type, values["starts_at"])
        values["resources"] = await self._resources(type, values)
        return values

    async def _resources(self, type: BookingType, values: Mapping[str, Any]) -> list[Any]:
        tx, starts_at = self.tx, values["starts_at"]
        named = _named(type, values["resources"])
        alone = type.assignment != "collective"
        required = await required_of(tx, type.requirements)
        could = await found_for(tx, required, alone=alone)
        need_candidates(could, list(named))
        lasting = _lasting(values)
        if not values["ignores_calendars"]:
            await self._need_open(type, starts_at, lasting)
        if type.most_per_day is not None:
            await need_day(tx, type.id, starts_at, None)
        locked = await Allocations(tx).lock(could.rows)
        candidates = fitting(required, locked.values(), alone=alone)
        day = day_of(starts_at, ZoneInfo(type.time_zone))
        found = await openings(
            tx,
            candidates,
            [ticks_of(starts_at)],
            lasting,
            [day],
            ignores_calendars=values["ignores_calendars"],
        )
        first = await owners_first(tx, candidates, values["contact_id"], values["company_id"])
        had = await turns_of(tx, type.id, months_of([day.day], ZoneInfo(type.time_zone)))
        order = Order(type.assignment, candidates, had, list(dict.fromkeys([*named, *first])))
        (asked,) = found.orders(order, [day], [0])
        chosen = found.chosen(0, asked, list(named))
        if chosen is None:
            raise _none_free(found)
        booked = booked_of(candidates, chosen)
        _need_quantities(booked, named)
        return booked

    async def _need_open(self, type: BookingType, starts_at: datetime, lasting: Lasting) -> None:
        hours = await hours_of(self.tx, [type.calendar_id], [ticks_of(starts_at)], lasting)
        if not hours[type.calendar_id]:
            message = f"It is outside the hours of {type.name}."
            raise Conflict(message, code="outside_working_time", details={"resource_ids": []})


def _plain(values: Mapping[str, Any], duration: int | None) -> dict[str, Any]:
    """What a booking without a type has to say."""
    ends_at = values["ends_at"]
    if ends_at is None and duration is not None:
        ends_at = values["starts_at"] + duration * _MINUTE
    given = {"title": values["title"], "ends_at": ends_at, "resources": values["resources"]}
    message = "A booking without a type says it."
    faults = [Fault("required", message, f"/{n}") for n, one in given.items() if one is None]
    if faults:
        raise Invalid(message, faults=faults)
    if duration is not None and ends_at != values["starts_at"] + duration * _MINUTE:
        raise Invalid.at("/duration", "not_the_end", "It ends after so many minutes.")
    buffers = {name: values[name] or 0 for name in ("buffer_before", "buffer_after")}
    return given | buffers


def _timed(values: Mapping[str, Any], type: BookingType, duration: int | None) -> dict[str, Any]:
    """The end of a booking, which its type has to offer."""
    starts_at, ends_at = values["starts_at"], values["ends_at"]
    minutes = type.durations[0] if duration is None and ends_at is None else duration
    end = ends_at if minutes is None else starts_at + minutes * _MINUTE
    if end not in {starts_at + one * _MINUTE for one in type.durations}:
        offered = ", ".join(str(one) for one in type.durations)
        at = "/duration" if ends_at is None else "/ends_at"
        raise Invalid.at(at, "not_offered", f"{type.name} lasts {offered} minutes.")
    if ends_at is not None and ends_at != end:
        raise Invalid.at("/duration", "not_the_end", "It ends after so many minutes.")
    return {"ends_at": end}


def _lasting(values: Mapping[str, Any]) -> Lasting:
    return Lasting(
        ticks_of(values["ends_at"]) - ticks_of(values["starts_at"]),
        values["buffer_before"] * MINUTE,
        values["buffer_after"] * MINUTE,
    )


def _named(type: BookingType, given: Sequence[Mapping[str, Any]] | None) -> dict[UUID, int]:
    """The resources that the booking names, and how much of each."""
    if type.assignment == "specific" and not given:
        raise Invalid.at("/resources", "required", f"Whoever books {type.name} says what of.")
    need_once(given or ())
    return {UUID(str(one["resource_id"])): one["quantity"] for one in given or ()}


def need_once(booked: Sequence[Mapping[str, Any]]) -> None:
    """Raise `Invalid` where a resource is named again."""
    ids = [one["resource_id"] for one in booked]
    faults = [
        Fault("named_twice", "Each resource is named once.", f"/resources/{n}/resource_id")
        for n, id in enumerate(ids)
        if id in ids[:n]
    ]
    if faults:
        raise Invalid(faults[0].message, faults=faults)


def need_candidates(candidates: Candidates, named: Sequence[UUID]) -> None:
    """Raise `Invalid` where a resource is named that no requirement asks for."""
    faults = [
        Fault("not_required", "No requirement asks for it.", f"/resources/{n}/resource_id")
        for n, id in enumerate(named)
        if id not in candidates.rows
    ]
    if faults:
        raise Invalid(faults[0].message, faults=faults)


def _need_quantities(booked: Sequence[Mapping[str, Any]], named: Mapping[UUID, int]) -> None:
    wanted = {one["resource_id"]: one["quantity"] for one in booked}
    for number, (id, quantity) in enumerate(named.items()):
        if wanted[id] != quantity:
            message = f"So much as {wanted[id]} of it is needed."
            raise Invalid.at(f"/resources/{number}/quantity", "not_required", message)


def booked_of(candidates: Candidates, chosen: Sequence[Sequence[UUID]]) -> list[dict[str, Any]]:
    """What is booked of each that was chosen."""
    return [
        {"resource_id": id, "quantity": one.units}
        for one, ids in zip(candidates.required, chosen, strict=True)
        for id in ids
    ]


def _none_free(found: Openings) -> Conflict:
    candidates = found.candidates
    told = [
        {
            "requirement": number,
            "needed": quantity,
            "candidates": len(candidates.of[number]),
            "free": found.number(number, 0),
        }
        for number, quantity in enumerate(candidates.quantities)
    ]
    message = "Not enough of what it takes is at work and free at that time."
    return Conflict(message, code="no_resources_free", details={"requirements": told})


def bounds_of(tx: Tx, type: Any) -> tuple[datetime, datetime]:
    """When a booking of a type may start, the last of these included."""
    return tx.now + type.minimum_notice * _MINUTE, tx.now + type.horizon_days * _DAY


def need_offered(tx: Tx, type: BookingType, starts_at: datetime) -> None:
    """Raise `Invalid` where a start is too soon, or too far ahead."""
    first, last = bounds_of(tx, type)
    if starts_at < first:
        message = f"{type.name} is booked {type.minimum_notice} minutes ahead at the least."
        raise Invalid.at("/starts_at", "too_soon", message)
    if starts_at > last:
        message = f"{type.name} is booked {type.horizon_days} days ahead at the most."
        raise Invalid.at("/starts_at", "too_far_ahead", message)


async def need_day(tx: Tx, type_id: UUID, starts_at: datetime, but: UUID | None) -> None:
    """Lock a type, and raise `Conflict` where a day has as many as there may be already.

    `but` is the booking that moves there, which does not count.
    """
    (row,) = await tx.write(_LOCK, tx.organization_id, type_id)
    if row["most_per_day"] is None:
        return
    zone = ZoneInfo(row["time_zone"])
    day = starts_at.astimezone(zone).date()
    between = midnight(day, zone), midnight(day + _DAY, zone)
    args = (tx.organization_id, type_id, *between, but, tx.now)
    (found,) = await tx.fetch(_STARTED, *args)
    if found["number"] >= row["most_per_day"]:
        message = f"On {day} there are as many as there may be."
        raise Conflict(message, code="day_full", details={"day": day})


async def lock_types_of(tx: Tx, booking_ids: Sequence[UUID]) -> None:
    """Lock the types of those of some bookings that are in the bin: restored they count again."""
    await tx.write(_LOCK_BINNED, tx.organization_id, list(booking_ids))


async def started_on(tx: Tx, type_id: UUID, days: Sequence[Day]) -> list[int]:
    """How many bookings of a type start on each of some days, which are in order."""
    bounds = [instant_of(day.opens) for day in days]
    args = (tx.organization_id, type_id, bounds, bounds[0], instant_of(days[-1].closes), tx.now)
    rows = await tx.fetch(_PER_DAY, *args)
    found = {row["place"]: row["number"] for row in rows}
    return [found.get(place, 0) for place in range(1, len(days) + 1)]


def day_of(at: datetime, zone: ZoneInfo) -> Day:
    """The day of an instant, which is its one start."""
    day = at.astimezone(zone).date()
    opens, closes = (ticks_of(midnight(one, zone)) for one in (day, day + _DAY))
    return Day(day, opens, closes, 0, 1)


def months_of(days: Sequence[date], zone: ZoneInfo) -> list[datetime]:
    """When the months of some days in order begin, and when the last one ends."""
    firsts = list(dict.fromkeys(day.replace(day=1) for day in days))
    after = (firsts[-1] + timedelta(days=32)).replace(day=1)
    return [midnight(day, zone) for day in (*firsts, after)]
