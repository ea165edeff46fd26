"""Attendees of bookings over REST, and how they are invited."""

from typing import Any

from fastapi import Response

from crm_api.domains.attendees.schemas import (
    AttendeeInvitations,
    AttendeeReply,
    BookingAttendeeOut,
    InvitationSettings,
    InvitationSettingsOut,
)
from crm_api.domains.attendees.service import AttendeeService
from crm_api.domains.attendees.settings import InvitationSettingsService
from crm_api.domains.scheduling.service import BookingService
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.rest.settings import add_settings

_TOLD: dict[int | str, dict[str, Any]] = {200: {"model": AttendeeInvitations}}
attendees = crud_router(AttendeeService)
bookings = new_router("booking_attendees", "bookings")
settings = new_router("invitations", "invitations")


@attendees.get(
    "/{id}/invitations",
    operation_id="getInvitationsOfAttendee",
    summary="What an attendee was told by mail",
    responses=_TOLD | problems(403, 404, 422),
)
async def invitations(id: Id, tx: Reading) -> Response:
    """Each version of the booking once, and what kept one back."""
    return answers.plain(await AttendeeService(tx).invitations(id))


add_action(
    attendees,
    "reply",
    lambda tx, one, data, expected: AttendeeService(tx).reply(one, data, expected),
    BookingAttendeeOut,
    (
        "Write down what an attendee replies",
        "They themselves, if they are a user, or whoever may change attendees.",
    ),
    body=AttendeeReply,
)
add_below(
    bookings,
    "attendees",
    BookingService,
    AttendeeService,
    by="booking_id",
    operation_id="listAttendeesOfBooking",
    summary="Who is to come to a booking",
    description="The newest come first.",
)
add_settings(
    settings,
    InvitationSettingsService,
    (InvitationSettings, InvitationSettingsOut),
    "Invitation",
    read=("How attendees are invited", "By which channel of mail, if any."),
    write=(
        "Have attendees be invited by mail",
        "From now on: who was invited before is told when their booking changes.",
    ),
)

ROUTERS = (attendees, bookings, settings)
