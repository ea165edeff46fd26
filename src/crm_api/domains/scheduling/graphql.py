"""Resources and bookings over GraphQL."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.deals.graphql import Deal
from crm_api.domains.projects.graphql import Project
from crm_api.domains.scheduling import schemas
from crm_api.domains.scheduling.actions import BookingActions
from crm_api.domains.scheduling.resources import ResourceService
from crm_api.domains.scheduling.schemas import BookingVerb
from crm_api.domains.scheduling.service import BookingService
from crm_api.domains.scheduling.type_graphql import TYPE_MUTATIONS, TYPE_QUERIES, BookingType
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.calendars.graphql import WorkingCalendar
from crm_api.platform.calendars.schemas import Window
from crm_api.platform.identity.graphql import User


@type_from(schemas.ResourceOut)
class Resource:
    """Somebody or something whose time can be booked."""

    calendar = related(ResourceService, "calendar", WorkingCalendar)
    user = related(ResourceService, "user", User)


@type_from(schemas.BookingOut)
class Booking:
    """Time of resources that somebody has, or had."""

    company = related(BookingService, "company", Company)
    contact = related(BookingService, "contact", Contact)
    deal = related(BookingService, "deal", Deal)
    project = related(BookingService, "project", Project)
    booking_type = related(BookingService, "booking_type", BookingType)


@type_from(schemas.BookingTransitions)
class BookingTransitions:
    """Where a booking stands, and what may be done with it."""


@type_from(schemas.Availability)
class Availability:
    """What is free of a resource in a window, and what is taken."""


_RESOURCES = Collection(ResourceService, Resource)
_BOOKINGS = Collection(BookingService, Booking)


@strawberry.type
class SchedulingQuery:
    """What is asked of resources and bookings beyond their records."""

    @strawberry.field
    async def resource_availability(
        self, info: GraphInfo, id: UUID, start: datetime, end: datetime
    ) -> Availability:
        """What is free of a resource in a window, and what is taken."""
        window = shape_given(Window, {"start": start, "end": end})
        return cast("Any", await ResourceService(info.context.tx).availability(id, window))

    @strawberry.field
    async def booking_transitions(self, info: GraphInfo, id: UUID) -> BookingTransitions:
        """What may be done with a booking, and what stands in the way."""
        return cast("Any", await BookingActions(info.context.tx).transitions(id))


def _step(verb: BookingVerb, description: str) -> Any:
    async def resolver(info: GraphInfo, id: UUID, expected_version: int | None = None) -> Booking:
        return await BookingActions(info.context.tx).go(id, verb, None, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class BookingActionMutation:
    """What is done with bookings."""

    @mutation
    async def cancel_booking(
        self,
        info: GraphInfo,
        id: UUID,
        reason: str | None = None,
        expected_version: int | None = None,
    ) -> Booking:
        """Cancel a booking; its time is free again."""
        data = shape_given(schemas.BookingDecision, {"reason": reason})
        return await BookingActions(info.context.tx).go(id, "cancel", data.reason, expected_version)

    @mutation
    async def reschedule_booking(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.BookingReschedule),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> Booking:
        """Have a booking be at another time, or of other resources."""
        data = shape_given(schemas.BookingReschedule, input)
        return await BookingActions(info.context.tx).reschedule(id, data, expected_version)

    confirm_booking = _step("confirm", "Confirm a booking that is held.")
    check_in_booking = _step("check_in", "Check a booking in.")
    complete_booking = _step("complete", "Complete a booking.")
    miss_booking = _step("no_show", "Write down that nobody came.")


QUERIES = (_RESOURCES.query(), _BOOKINGS.query(), SchedulingQuery, *TYPE_QUERIES)
MUTATIONS = (
    *(_RESOURCES.mutation(), _BOOKINGS.mutation(), BookingActionMutation),
    *TYPE_MUTATIONS,
)
