"""What pages and links of bookings look like from inside, and to those who have them."""

from datetime import date, datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.scheduling.models import BookingStatus
from crm_api.domains.scheduling.slot_schemas import MOST_DAYS, Reason
from crm_api.domains.scheduling.type_schemas import Duration
from crm_api.kit.links.schemas import LinkFields, LinkMade, ending
from crm_api.kit.schema import AmountOut, Instant, Line, Name, Out, Prose, Schema, Shape, patch_of

PAGE_DAYS, LINK_DAYS = 365, 90
"""How long a page and a link last, unless it is said."""


class _PageFields(LinkFields):
    contact_id: UUID | None = Field(
        None, description="Who books by it; without one whoever says who they are."
    )
    expires_at: Instant = ending(PAGE_DAYS)


class BookingPageCreate(_PageFields):
    """A new page."""

    booking_type_id: UUID


BookingPageUpdate = patch_of("BookingPageUpdate", _PageFields, required=("expires_at",))


class BookingPageOut(Out):
    """An address at which whoever has it books something of a type."""

    booking_type_id: UUID
    contact_id: UUID | None
    label: str | None
    expires_at: datetime
    revoked_at: datetime | None = Field(description="Since when it opens nothing any more.")
    first_viewed_at: datetime | None


class BookingPageMade(LinkMade, BookingPageOut):
    """A new page with its token."""

    path: str = Field(description="Where it is, below the address of this service.")


class _LinkFields(LinkFields):
    expires_at: Instant = ending(LINK_DAYS)


class BookingLinkCreate(_LinkFields):
    """A new link."""

    booking_id: UUID


BookingLinkUpdate = patch_of("BookingLinkUpdate", _LinkFields, required=("expires_at",))


class BookingLinkOut(Out):
    """A secret address at which a customer moves or cancels a booking."""

    booking_id: UUID
    contact_id: UUID | None
    label: str | None
    expires_at: datetime
    revoked_at: datetime | None = Field(description="Since when it opens nothing any more.")
    first_viewed_at: datetime | None


class BookingLinkMade(LinkMade, BookingLinkOut):
    """A new link with its token."""


# To those who have a page or a link


class BookableType(Shape):
    """What can be booked by a page."""

    name: str
    description: str | None
    supplier: str
    durations: list[int] = Field(description="Minutes that it may last.")
    time_zone: str = Field(description="Whose clock and days count.")
    price: AmountOut | None
    currency: str | None
    needs_name: bool = Field(description="Whether it is to be said who books.")
    expires_at: datetime = Field(description="When the page ends.")


class SlotWindow(Schema):
    """Of what time slots are asked for."""

    start: Instant
    end: Instant = Field(description=f"{MOST_DAYS} days after its start at the most.")
    duration: Duration | None = Field(
        None, description="Minutes; the first of those that are offered without it."
    )
    limit: Annotated[int, Field(ge=1, le=500)] = 200

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.start < self.end:
            raise ValueError("the end is after the start")
        if self.end - self.start > timedelta(days=MOST_DAYS):
            raise ValueError(f"a window has {MOST_DAYS} days at the most")
        return self


class FreeSlot(Shape):
    """When it could be."""

    start: datetime
    end: datetime


class DayWithout(Shape):
    """A day without slots."""

    day: date
    reason: Reason


class FreeSlots(Shape):
    """When it could be, and on which days it cannot be."""

    time_zone: str
    slots: list[FreeSlot] = Field(description="In order.")
    empty_days: list[DayWithout]
    next_start: datetime | None = Field(
        description="`start` of the request for what is beyond `limit`; null, where that is all."
    )


class GuestBooking(Schema):
    """What a customer books."""

    starts_at: Instant = Field(description="The start of a slot.")
    duration: Duration | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    email: Annotated[str, Field(max_length=320)] | None = Field(
        None, description="Needed where the page is nobody's own."
    )
    phone: Annotated[str, Field(max_length=50)] | None = None
    note: Prose | None = None


class GuestReschedule(Schema):
    """When it is instead."""

    starts_at: Instant = Field(description="The start of a slot.")


class GuestCancellation(Schema):
    """That it is not to be."""

    reason: Line | None = None


class BookedTime(Shape):
    """A booking, for whoever has its link."""

    title: str
    supplier: str
    status: BookingStatus = Field(description="`held` is yet to be confirmed.")
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    can_cancel: bool
    can_reschedule: bool
    change_until: datetime | None = Field(description="Until when it may be changed by a link.")
    expires_at: datetime = Field(description="When the link ends.")


class BookedByGuest(LinkMade, BookedTime):
    """A new booking with the link by which it is changed."""
