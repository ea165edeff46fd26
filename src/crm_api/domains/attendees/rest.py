"""Attendees of bookings over REST, and how they are invited."""

from crm_api.domains.attendees.schemas import (
    AttendeeReply,
    BookingAttendeeOut,
    InvitationSettings,
    InvitationSettingsOut,
)
from crm_api.domains.attendees.service import AttendeeService
from crm_api.domains.attendees.settings import InvitationSettingsService
from crm_api.domains.scheduling.service import BookingService
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.rest.settings import add_settings

attendees = crud_router(AttendeeService)
bookings = new_router("booking_attendees", "bookings")
settings = new_router("invitations", "invitations")
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
