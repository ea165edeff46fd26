"""Recurring bookings over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.deals.graphql import Deal
from crm_api.domains.projects.graphql import Project
from crm_api.domains.scheduling import series_schemas as schemas
from crm_api.domains.scheduling.series import SeriesService
from crm_api.domains.scheduling.series_changes import SeriesActions
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from


@type_from(schemas.RecurringBookingOut)
class RecurringBooking:
    """A rule by which the same is booked again and again."""

    company = related(SeriesService, "company", Company)
    contact = related(SeriesService, "contact", Contact)
    deal = related(SeriesService, "deal", Deal)
    project = related(SeriesService, "project", Project)


@type_from(schemas.SeriesPreview)
class SeriesPreview:
    """What a rule would book; nothing is booked."""


_SERIES = Collection(SeriesService, RecurringBooking)


@strawberry.type
class SeriesQuery:
    """What is asked of recurring bookings beyond their records."""

    @strawberry.field
    async def recurring_booking_preview(
        self,
        info: GraphInfo,
        input: input_from(schemas.RecurringBookingCreate),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> SeriesPreview:
        """The occurrences of a rule, and what each would clash with as things are."""
        data = shape_given(schemas.RecurringBookingCreate, input)
        return cast("Any", await SeriesService(info.context.tx).preview(data))


@strawberry.type
class SeriesActionMutation:
    """What is done with recurring bookings."""

    @mutation
    async def reschedule_recurring_booking(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.SeriesReschedule),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> RecurringBooking:
        """Have occurrences be at another time, or of other resources."""
        data = shape_given(schemas.SeriesReschedule, input)
        return await SeriesActions(info.context.tx).reschedule(id, data, expected_version)

    @mutation
    async def cancel_recurring_booking(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.SeriesCancel),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> RecurringBooking:
        """Cancel occurrences; their time is free again."""
        data = shape_given(schemas.SeriesCancel, input)
        return await SeriesActions(info.context.tx).cancel(id, data, expected_version)


QUERIES = (_SERIES.query(), SeriesQuery)
MUTATIONS = (_SERIES.mutation(), SeriesActionMutation)
