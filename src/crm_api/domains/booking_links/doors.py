"""What whoever has a page may do, which is to book; and with a link, to move it or to cancel.

The page or the link itself is the actor, with the rights that this needs and no others. Only what
slots offer is booked, and it is booked as by anybody: under the locks of its resources.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.booking_links.repository import (
    LINKS_AREA,
    OPENING,
    PAGES_AREA,
    supplier_of,
)
from crm_api.domains.booking_links.schemas import (
    BookingLinkCreate,
    GuestBooking,
    GuestCancellation,
    GuestReschedule,
    SlotWindow,
)
from crm_api.domains.booking_links.service import (
    LINK_TOKENS,
    PAGE_TOKENS,
    BookingLinkService,
    BookingPageService,
)
from crm_api.domains.contacts.repository import with_point
from crm_api.domains.contacts.schemas import ContactCreate
from crm_api.domains.contacts.service import ContactService
from crm_api.domains.scheduling.actions import BookingActions
from crm_api.domains.scheduling.candidates import found_for, required_of
from crm_api.domains.scheduling.models import Booking
from crm_api.domains.scheduling.schemas import BookingCreate, BookingReschedule
from crm_api.domains.scheduling.service import BookingService
from crm_api.domains.scheduling.slot_schemas import SlotSearch
from crm_api.domains.scheduling.slots import SlotService
from crm_api.domains.scheduling.type_models import BookingType
from crm_api.domains.scheduling.type_repository import BookingTypes
from crm_api.domains.scheduling.type_schemas import MOST_DAYS_AHEAD
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, CrmError, Fault, Invalid
from crm_api.kit.links.opening import LinkDoor, Opened, ended
from crm_api.kit.points import email_key
from crm_api.kit.values.errors import BadValue

_BOOKED = ("bookings", "resources", "booking_types")
_MOVABLE = frozenset({"held", "confirmed"})
_AFTER = timedelta(days=30)
"""So long after its end the link of a booking still shows it."""
_FARTHEST = timedelta(days=MOST_DAYS_AHEAD + 1)
_SHOWN = ("name", "description", "durations", "time_zone", "price", "currency")
PAGE_OPENED = Opened(
    PAGE_TOKENS,
    OPENING.format(table="booking_pages"),
    frozenset(
        {
            *(f"{area}:read" for area in _BOOKED),
            *(f"{area}:write" for area in ("bookings", "contacts", PAGES_AREA, LINKS_AREA)),
        }
    ),
    is_throttled=True,
)
LINK_OPENED = Opened(
    LINK_TOKENS,
    OPENING.format(table="booking_links"),
    frozenset(
        {*(f"{area}:read" for area in _BOOKED), *(f"{a}:write" for a in ("bookings", LINKS_AREA))}
    ),
)


@dataclass(frozen=True)
class ByGuest:
    """What somebody has booked on a page."""

    booking_id: UUID
    contact_id: UUID | None
    name: str | None
    email: str | None
    path: str
    """Where they move and cancel it, which is a secret."""


class PageDoor(LinkDoor):
    """What can be booked, as one page opens it."""

    told: ClassVar[list[Callable[[Tx, ByGuest], Awaitable[None]]]] = []
    """Of parts that have something to do once somebody has booked."""
    areas = ("bookings", PAGES_AREA)
    service = BookingPageService
    links: BookingPageService

    async def read(self, *, is_seen: bool) -> dict[str, Any]:
        """What can be booked; that it was seen is written down if it was. Raises `Ended`."""
        page, offered = await self._offered()
        if is_seen and self.is_writable and page.first_viewed_at is None:
            await self.view()
        return {
            **{name: getattr(offered, name) for name in _SHOWN},
            "supplier": await supplier_of(self.tx),
            "needs_name": page.contact_id is None,
            "expires_at": page.expires_at,
        }

    async def slots(self, window: SlotWindow) -> dict[str, Any]:
        """When it could be."""
        _, offered = await self._offered()
        return await _slots(self.tx, offered.id, window)

    async def book(self, data: GuestBooking) -> dict[str, Any]:
        """A new booking of a slot, with the link by which it is changed; raises `Conflict`."""
        self.require("write")
        page, offered = await self._offered()
        await _need_slot(self.tx, offered.id, data.starts_at, data.duration)
        contact_id, company_id = page.contact_id, None
        if contact_id is None:
            contact_id, company_id = await self._contact(data)
        whole: dict[str, Any] = {
            "booking_type_id": offered.id,
            "starts_at": data.starts_at,
            "duration": data.duration,
            "contact_id": contact_id,
            "company_id": company_id,
            "description": data.note,
        }
        made = await BookingService(self.tx).create(BookingCreate.model_validate(whole))
        until = made.ends_at + _AFTER
        own: dict[str, Any] = {
            "booking_id": made.id,
            "contact_id": contact_id,
            "expires_at": until,
        }
        link = await BookingLinkService(self.tx).create(BookingLinkCreate.model_validate(own))
        names = " ".join(name for name in (data.first_name, data.last_name) if name)
        # Of whose the page is, the address is known.
        address = data.email if page.contact_id is None else None
        guest = ByGuest(made.id, contact_id, names or None, address, link["path"])
        for told in self.told:
            await told(self.tx, guest)
        booked = Booked(made, offered, await supplier_of(self.tx), self.tx.now)
        shown = booked.shown(until)
        return {**shown, "token": link["token"], "path": link["path"]}

    async def _offered(self) -> tuple[Any, BookingType]:
        self.require("read")
        page = await self.link(lock=False)
        offered = await BookingTypes(self.tx).find(page.booking_type_id)
        if offered is None or offered.status != "active" or offered.assignment == "specific":
            raise ended("Nothing is to be booked here any more.")
        return page, offered

    async def _contact(self, data: GuestBooking) -> tuple[UUID | None, UUID | None]:
        """Who books, by their address: who alone has it, else somebody new; of several nobody."""
        missing = [n for n in ("last_name", "email") if getattr(data, n) is None]
        if missing:
            faults = [Fault("required", "It is to be said who books.", f"/{n}") for n in missing]
            raise Invalid(faults[0].message, faults=faults)
        try:
            found = await with_point(self.tx, "email", email_key(str(data.email)))
        except BadValue as error:
            raise Invalid.at("/email", "invalid_email", str(error)) from None
        if len(found) == 1:
            return found[0]["id"], found[0]["company_id"]
        if found:
            return None, None
        given = {
            "first_name": data.first_name,
            "last_name": data.last_name,
            "email": data.email,
            "phone": data.phone,
        }
        contact = await ContactService(self.tx).create(ContactCreate.model_validate(given))
        return contact.id, None


@dataclass(frozen=True)
class Booked:
    """A booking as its customer sees it."""

    booking: Any
    """It or what is shown of it, of a `Booking`."""
    type: BookingType | None
    supplier: str
    now: datetime
    is_offered: bool = True
    """Whether its type still asks for what it is of."""

    @property
    def until(self) -> datetime:
        """Until when it may be changed by a link."""
        notice = self.type.cancellation_notice if self.type else None
        return self.booking.starts_at - timedelta(minutes=notice or 0)

    @property
    def is_ahead(self) -> bool:
        """Whether it stands, and is not over or given up."""
        one = self.booking
        until = one.hold_expires_at
        is_over = one.status == "held" and until is not None and until <= self.now
        return one.status in _MOVABLE and not is_over

    @property
    def can_cancel(self) -> bool:
        """Whether it stands, and there is time enough."""
        return self.is_ahead and self.now < self.until

    @property
    def can_move(self) -> bool:
        """Of a type that is not offered any more there are no other slots."""
        if self.type is None or self.type.status != "active" or not self.is_offered:
            return False
        return self.can_cancel and self.minutes in self.type.durations

    @property
    def minutes(self) -> int:
        """How long it lasts."""
        return int((self.booking.ends_at - self.booking.starts_at).total_seconds()) // 60

    @property
    def resources(self) -> list[UUID]:
        """What it is of."""
        return [UUID(str(one["resource_id"])) for one in self.booking.resources]

    def shown(self, expires_at: datetime) -> dict[str, Any]:
        """What is told of it, with the end of the link."""
        zone = self.type.time_zone if self.type else None
        return {
            **{n: getattr(self.booking, n) for n in ("title", "status", "starts_at", "ends_at")},
            "supplier": self.supplier,
            "time_zone": zone,
            "can_cancel": self.can_cancel,
            "can_reschedule": self.can_move,
            "change_until": self.until,
            "expires_at": expires_at,
        }


class BookingDoor(LinkDoor):
    """A booking, as one link opens it."""

    areas = ("bookings", LINKS_AREA)
    service = BookingLinkService
    links: BookingLinkService

    async def read(self, *, is_seen: bool) -> dict[str, Any]:
        """The booking; that it was seen is written down if it was. Raises `Ended`."""
        link, booked = await self._booked()
        if is_seen and self.is_writable and link.first_viewed_at is None:
            await self.view()
        return self._told(link, booked)

    async def slots(self, window: SlotWindow) -> dict[str, Any]:
        """When it could be instead, as long as it is and with the same resources."""
        _, booked = await self._booked()
        type = booked.type
        if type is None or not booked.can_move:
            raise _unchangeable()
        moved = window.model_copy(update={"duration": booked.minutes})
        return await _slots(self.tx, type.id, moved, booked.resources)

    async def reschedule(self, data: GuestReschedule) -> dict[str, Any]:
        """At the time of another slot; raises `Conflict`."""
        self.require("write")
        link, booked = await self._booked(lock=True)
        type, minutes = booked.type, booked.minutes
        if type is None or not booked.can_move:
            raise _unchangeable()
        await _need_slot(self.tx, type.id, data.starts_at, minutes, booked.resources)
        ends_at = data.starts_at + timedelta(minutes=minutes)
        times = {"starts_at": data.starts_at, "ends_at": ends_at}
        moved = BookingReschedule.model_validate(times)
        await BookingActions(self.tx).reschedule(booked.booking.id, moved)
        if link.expires_at < ends_at + _AFTER:
            await self.links.change(link, {"expires_at": ends_at + _AFTER})
        return self._told(*await self._booked())

    async def cancel(self, data: GuestCancellation) -> dict[str, Any]:
        """Have its time be free again; raises `Conflict`, `WrongState`."""
        self.require("write")
        _, booked = await self._booked(lock=True)
        if booked.is_ahead and not booked.can_cancel:
            raise _unchangeable()
        await BookingActions(self.tx).go(booked.booking.id, "cancel", data.reason)
        return self._told(*await self._booked())

    def _told(self, link: Any, booked: Booked) -> dict[str, Any]:
        shown = booked.shown(link.expires_at)
        return {**shown, "time_zone": shown["time_zone"] or self.tx.actor.time_zone}

    async def _booked(self, *, lock: bool = False) -> tuple[Any, Booked]:
        self.require("read")
        link = await self.link(lock=lock)
        # Whoever changes a booking locks it; what is asked of it here holds until then.
        booking: Booking | None = await BookingService(self.tx).records.find(
            link.booking_id, lock=lock
        )
        if booking is None:
            raise ended("The booking is not there any more.")
        type_id = booking.booking_type_id
        type = None if type_id is None else await BookingTypes(self.tx).find(type_id)
        booked = Booked(booking, type, await supplier_of(self.tx), self.tx.now)
        if type is not None and booked.can_move:
            booked = replace(booked, is_offered=await _asks_for(self.tx, type, booked.resources))
        return link, booked


async def _asks_for(tx: Tx, type: BookingType, resources: Sequence[UUID]) -> bool:
    """Whether a type could be booked with these resources as it is now."""
    required = await required_of(tx, type.requirements)
    try:
        could = await found_for(tx, required, alone=type.assignment != "collective")
    except Conflict:
        return False
    return could.rows.keys() >= set(resources)


async def _slots(
    tx: Tx, type_id: UUID, window: SlotWindow, resources: Sequence[UUID] = ()
) -> dict[str, Any]:
    search = SlotSearch.model_validate(
        {**window.model_dump(), "booking_type_id": type_id, "resource_ids": list(resources)}
    )
    found = await SlotService(tx).search(search)
    return {
        "time_zone": found["time_zone"],
        "slots": [{"start": one["start"], "end": one["end"]} for one in found["slots"]],
        "empty_days": [{"day": one["day"], "reason": one["reason"]} for one in found["empty_days"]],
        "next_start": found["next_start"],
    }


async def _need_slot(
    tx: Tx,
    type_id: UUID,
    starts_at: datetime,
    duration: int | None,
    resources: Sequence[UUID] = (),
) -> None:
    taken = Conflict("It is not free at that time.", code="slot_taken")
    if starts_at - tx.now > _FARTHEST:
        raise taken
    end = starts_at + timedelta(minutes=1)
    window = SlotWindow(start=starts_at, end=end, duration=duration, limit=1)
    if not (await _slots(tx, type_id, window, resources))["slots"]:
        raise taken


def _unchangeable() -> CrmError:
    return Conflict("It cannot be changed here any more.", code="too_late_to_change")
