"""What attendees of bookings look like from outside."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.attendees.models import Method, Reply, Role, Via
from crm_api.kit.schema import Create, Line, Name, Out, Schema, Shape, patch_of

_NAME = "What they are called in invitations; without it as the contact or the user is."
_EMAIL = "Where they are invited; without it at the address of the contact or the user."
_ROLE = "Whether it can take place without them."
_CHANNEL = (
    "The channel of mail by which invitations leave and replies come in. Null: nobody is mailed."
)


class _AttendeeFields(Create):
    name: Name | None = Field(None, description=_NAME)
    role: Role = Field("required", description=_ROLE)


class BookingAttendeeCreate(_AttendeeFields):
    """Somebody who is to come to a booking: a contact, a user, or an address."""

    booking_id: UUID
    contact_id: UUID | None = None
    user_id: UUID | None = Field(None, description="Or a user; not both.")
    email: Annotated[str, Field(max_length=320)] | None = Field(None, description=_EMAIL)


BookingAttendeeUpdate = patch_of("BookingAttendeeUpdate", _AttendeeFields, required=("role",))


class BookingAttendeeOut(Out):
    """Somebody who is to come to a booking."""

    booking_id: UUID
    contact_id: UUID | None
    user_id: UUID | None
    name: str | None = Field(description=_NAME)
    email: str | None = Field(description=_EMAIL)
    role: Role = Field(description=_ROLE)
    reply: Reply = Field(description="Begins anew when the booking is moved, but for `is_booker`.")
    replied_at: datetime | None
    replied_via: Via | None = Field(
        description="`email` by iTIP, `api` by a user, `booking` by booking it themselves."
    )
    comment: str | None = Field(description="What they said with it.")
    is_booker: bool = Field(description="Whether they booked it themselves, on a page.")


class AttendeeReply(Schema):
    """What an attendee replies."""

    reply: Literal["accepted", "declined", "tentative"]
    comment: Line | None = None


class AttendeeInvitation(Shape):
    """What an attendee was told once."""

    method: Method = Field(description="As iTIP has it: an invitation or a change, or its end.")
    sequence: int = Field(description="The version, as the calendar of the attendee counts it.")
    title: str
    location: str | None
    starts_at: datetime
    ends_at: datetime
    told_at: datetime
    message_id: UUID | None = Field(description="The message that tells it, on its way or sent.")
    refused: str | None = Field(description="Why nothing left, such as `outreach_refused`.")


class AttendeeInvitations(Shape):
    """What an attendee was told."""

    data: list[AttendeeInvitation] = Field(description="The last one first.")


class InvitationSettings(Schema):
    """How attendees are invited."""

    channel_id: UUID | None = Field(None, description=_CHANNEL)


class InvitationSettingsOut(Schema):
    """How attendees are invited."""

    channel_id: UUID | None = Field(description=_CHANNEL)
