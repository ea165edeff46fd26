"""Attendees of bookings over GraphQL, and how they are invited."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.attendees import schemas
from crm_api.domains.attendees.service import AttendeeService
from crm_api.domains.attendees.settings import InvitationSettingsService
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.scheduling.graphql import Booking
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.identity.graphql import User


@type_from(schemas.BookingAttendeeOut)
class BookingAttendee:
    """Somebody who is to come to a booking."""

    booking = related(AttendeeService, "booking", Booking)
    contact = related(AttendeeService, "contact", Contact)
    user = related(AttendeeService, "user", User)


@type_from(schemas.AttendeeInvitations)
class AttendeeInvitations:
    """What an attendee was told."""


@type_from(schemas.InvitationSettingsOut)
class InvitationSettings:
    """How attendees are invited."""


_ATTENDEES = Collection(AttendeeService, BookingAttendee)


@strawberry.type
class InvitationQuery:
    """What is asked of invitations."""

    @strawberry.field
    async def attendee_invitations(self, info: GraphInfo, id: UUID) -> AttendeeInvitations:
        """What an attendee was told by mail, and what kept it back."""
        return cast("Any", await AttendeeService(info.context.tx).invitations(id))

    @strawberry.field
    async def invitation_settings(self, info: GraphInfo) -> InvitationSettings:
        """How attendees are invited."""
        return cast("Any", InvitationSettingsService(info.context.tx).get())


@strawberry.type
class AttendeeMutation:
    """What is done with attendees."""

    @mutation
    async def reply_booking_attendee(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.AttendeeReply),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> BookingAttendee:
        """Write down what an attendee replies."""
        data = shape_given(schemas.AttendeeReply, input)
        return await AttendeeService(info.context.tx).reply(id, data, expected_version)

    @mutation
    async def set_invitation_settings(
        self,
        info: GraphInfo,
        input: input_from(schemas.InvitationSettings),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> InvitationSettings:
        """Have attendees be invited by mail, or not."""
        data = shape_given(schemas.InvitationSettings, input)
        return cast("Any", await InvitationSettingsService(info.context.tx).replace(data))


QUERIES = (_ATTENDEES.query(), InvitationQuery)
MUTATIONS = (_ATTENDEES.mutation(), AttendeeMutation)
