"""The rules of bookings: whatever changes one has its time given and freed with it."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.scheduling.allocating import Allocations, Place, hold_expired, place_of
from crm_api.domains.scheduling.busy import need_not_busy
from crm_api.domains.scheduling.candidates import seen_resources
from crm_api.domains.scheduling.choosing import Chooser, lock_types_of, need_day, need_once
from crm_api.domains.scheduling.models import Booking
from crm_api.domains.scheduling.repository import BOOKINGS, Bookings, resource_key
from crm_api.domains.scheduling.schemas import BookingCreate, BookingUpdate
from crm_api.domains.scheduling.standing import need_going
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked, Conflict, Fault, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.query.kinds import kinds_of
from crm_api.platform.calendars.service import calendars_at

OUTSIDE = "book_outside_hours"
MOST_DAYS = 366
_TIMES = ("starts_at", "ends_at", "buffer_before", "buffer_after", "resources")
_AHEAD = frozenset({"held", "confirmed", "checked_in"})
_PASSED_OVER = frozenset({"outside_working_time", "busy_elsewhere"})
_DECIDED = frozenset(
    {
        *_TIMES,
        *("status", "ignores_calendars", "hold_expires_at", "sequence"),
        *("cancel_reason", "decided_at", "series_id", "occurrence", "is_detached"),
        *("conflicts", "conflicted_at", "reserved_for"),
    }
)
Check = Callable[[Tx, Mapping[str, Any]], Awaitable[None]]
"""Gets what a booking is given that is new to it, and raises `Invalid`."""


class BookingService(CrudService[Booking]):
    """Time of resources that somebody has."""

    repository = Bookings
    area = "bookings"
    plural = "bookings"
    personal = About(
        ("contact_id",), end="kept", reason="What was booked; it names people by no more."
    )
    create_shape = BookingCreate
    update_shape = BookingUpdate
    # What is there is moved by `reschedule`, which a call that also creates could not mean.
    upserts = False
    begins_with: ClassVar[Mapping[str, Any]] = {
        "sequence": 0,
        "cancel_reason": None,
        "decided_at": None,
        "series_id": None,
        "occurrence": None,
        "is_detached": False,
        "conflicts": [],
        "conflicted_at": None,
    }
    checks: ClassVar[list[Check]] = []
    """What those above know of what bookings refer to."""
    records: Bookings

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Found by its resources."""
        return [("resource", resource_key(str(one["resource_id"]))) for one in record["resources"]]

    async def prepare(self, values: dict[str, Any], current: Booking | None) -> dict[str, Any]:
        """A new booking has its time, of all of its resources."""
        values = await super().prepare(values, current)
        given = {n: v for n, v in values.items() if v != getattr(current, n, None)}
        for check in self.checks:
            await check(self.tx, given)
        if current is None:
            standing = await need_going(self.tx, values)
            values = await Chooser(self.tx).completed(values)
            values |= self.timed(values)
            values["id"] = values.get("id") or new_id()
            until: datetime | None = values["hold_expires_at"]
            waits = until is not None or standing == "waiting"
            values["status"] = "held" if waits else "confirmed"
            if until is not None and until <= self.tx.now:
                raise Invalid.at("/hold_expires_at", "not_in_future", "A hold ends in the future.")
            self.need_right(ignores=values["ignores_calendars"])
            whole = {**values, "deleted_at": None}
            await self._move(values["id"], None, place_of(whole), whole)
        elif current.reserved_for is not None:
            name = f"{current.reserved_for}_id"
            if values.get(name, getattr(current, name)) != getattr(current, name):
                message = "It is reserved for that one."
                raise Invalid.at(f"/{name}", "reserved", message)
        return values

    def timed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The resources as they are stored; raises `Invalid` for times and resources that are none.

        `values` has the start, the end and the resources.
        """
        if values["ends_at"] <= values["starts_at"]:
            raise Invalid.at("/ends_at", "not_after_start", "It ends after it starts.")
        if values["ends_at"] - values["starts_at"] > timedelta(days=MOST_DAYS):
            raise Invalid.at("/ends_at", "too_long", f"It has {MOST_DAYS} days at the most.")
        booked: list[dict[str, Any]] = decode(encode(values["resources"]))
        need_once(booked)
        return {"resources": booked}

    def need_right(self, *, ignores: bool) -> None:
        """Raise `Forbidden` where working time is passed over by who may not."""
        if ignores:
            self.tx.actor.permitted(OUTSIDE)

    async def change(
        self,
        current: Booking,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """What it takes of its resources is always what it says.

        Cancelled, binned, restored, rescheduled or confirmed: all go through here.
        """
        known = columns_of(current)
        whole = {**known, **values}
        if known["deleted_at"] is not None and whole["deleted_at"] is None:
            values = {**values, **await self._come_back(current)}
            whole |= values
        await self._need_day(known, whole)
        await self._move(current.id, place_of(known), place_of(whole), whole)
        return await self.write(current, values, verb=verb, told=told)

    async def _come_back(self, current: Booking) -> dict[str, Any]:
        """What becomes of one out of the bin, where what it is reserved for was decided meanwhile."""
        if current.reserved_for is None or current.status not in {"held", "confirmed"}:
            return {}
        try:
            standing = await need_going(self.tx, columns_of(current))
        except Invalid as error:
            raise Blocked(error.detail, code="reservation_over") from None
        if standing == "waiting" or current.status == "confirmed" or is_over(current, self.tx):
            return {}
        return {"status": "confirmed", "hold_expires_at": None, "decided_at": self.tx.now}

    async def _need_day(self, known: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
        """What comes to another day through its type keeps to the most that the day may have."""
        if whole["booking_type_id"] is None or place_of(whole) is None:
            return
        if place_of(known) is None or whole["starts_at"] != known["starts_at"]:
            await need_day(self.tx, whole["booking_type_id"], whole["starts_at"], whole["id"])

    async def write(
        self,
        current: Booking,
        values: Mapping[str, Any],
        *,
        verb: str,
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Write down what a booking is whose time has been given and freed already."""
        known = columns_of(current)
        values = {**values, **_settled(known, {**known, **values})}
        return await super().change(current, values, verb=verb, told=told)

    async def _move(
        self, id: UUID, before: Place | None, after: Place | None, whole: Mapping[str, Any]
    ) -> None:
        if after is not None and before != after and self._is_over(after):
            if before is not None:
                raise hold_expired()
            # A restored hold that has ended in the bin takes nothing.
            after = None
        if before == after:
            return
        allocations = Allocations(self.tx)
        places = [place for place in (before, after) if place is not None]
        resources = await allocations.lock(id for place in places for id in place.ids)
        if before is not None and after is not None and not before.moved_to(after):
            await allocations.keep(id, after)
            return
        if before is not None:
            if after is not None and self._is_over(before):
                raise hold_expired()
            await allocations.free([id])
        if after is not None:
            kept = set[UUID]() if before is None else set(before.ids)
            await self.need_resources(after, resources, whole, kept)
            if not whole["ignores_calendars"]:
                await self._need_working_time(resources, whole)
                await need_not_busy(self.tx, after.ids, whole["starts_at"], whole["ends_at"])
            await allocations.take(id, after, resources, self.seen)

    def _is_over(self, place: Place) -> bool:
        return place.expires_at is not None and place.expires_at <= self.tx.now

    async def need_resources(
        self,
        place: Place,
        resources: Mapping[UUID, Any],
        whole: Mapping[str, Any],
        kept: Collection[UUID],
    ) -> None:
        """Raise unless all resources, which are locked, are there, active and large enough."""
        visible = await seen_resources(self.tx, [id for id in place.ids if id not in kept])
        faults: list[Fault] = []
        for number, one in enumerate(whole["resources"]):
            id, at = UUID(str(one["resource_id"])), f"/resources/{number}"
            found = resources.get(id)
            if found is None or found["deleted_at"] is not None or id not in {*visible, *kept}:
                message = "There is no such resource."
                faults.append(Fault("unknown_reference", message, f"{at}/resource_id"))
            elif found["status"] != "active":
                message = f"{found['name']} takes no bookings."
                faults.append(Fault("resource_inactive", message, f"{at}/resource_id"))
            elif one["quantity"] > found["capacity"]:
                message = f"Of {found['name']} there are {found['capacity']} at the most."
                faults.append(Fault("above_capacity", message, f"{at}/quantity"))
        if faults:
            raise Invalid(faults[0].message, faults=faults)

    async def seen(self, ids: Collection[UUID]) -> Collection[UUID]:
        """Those of some bookings that the actor sees."""
        if not self.tx.actor.holds(f"{self.area}:read"):
            return ()
        return await kinds_of(self.tx, [BOOKINGS], list(ids))

    async def _need_working_time(
        self, resources: Mapping[UUID, Any], whole: Mapping[str, Any]
    ) -> None:
        booked = [resources[UUID(str(one["resource_id"]))] for one in whole["resources"]]
        ids = {row["calendar_id"] for row in booked if row["calendar_id"] is not None}
        if not ids:
            return
        wanted = whole["starts_at"], whole["ends_at"]
        calendars = await calendars_at(self.tx, ids, wanted[0])
        shut = {id for id in ids if list(calendars[id].spans(*wanted)) != [wanted]}
        closed = [row["id"] for row in booked if row["calendar_id"] in shut]
        if closed:
            message = "It is outside the working time of what is to be booked."
            raise Conflict(message, code="outside_working_time", details={"resource_ids": closed})

    # Several at once

    async def ready(self, ids: Sequence[UUID]) -> None:
        """All resources of them are locked in one order, after all bookings and their types."""
        await super().ready(ids)
        if ids:
            await lock_types_of(self.tx, ids)
            await Allocations(self.tx).lock_of(ids)

    async def remove(self, records: Sequence[Booking]) -> None:
        """In the bin they take nothing."""
        if len(records) > 1:
            await Allocations(self.tx).lock_of([record.id for record in records])
        await super().remove(records)

    async def put_back(self, record: Booking, values: dict[str, Any]) -> Any:
        """What an undo takes back is neither when it is nor where it stands."""
        kept = {name: value for name, value in values.items() if name not in _DECIDED}
        if record.reserved_for is not None:
            kept.pop(f"{record.reserved_for}_id", None)
        return await super().put_back(record, kept)


def is_over(booking: Any, tx: Tx) -> bool:
    """Whether it is a hold whose time is over."""
    until = booking.hold_expires_at
    return booking.status == "held" and until is not None and until <= tx.now


def _settled(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What becomes of conflicts where a booking changes by more than these.

    Wherever it comes to, it was looked at whether it fits; nor do they matter of what is over.
    """
    if not before["conflicts"] or before["conflicts"] != after["conflicts"]:
        return {}
    left: list[dict[str, Any]] = before["conflicts"]
    if after["status"] not in _AHEAD or place_of(before) != place_of(after):
        left = []
    elif after["ignores_calendars"]:
        left = [one for one in left if one["cause"] not in _PASSED_OVER]
    return {"conflicts": left, "conflicted_at": before["conflicted_at"] if left else None}
