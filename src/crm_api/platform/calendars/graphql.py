"""Working calendars over GraphQL."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.calendars.schemas import (
    Addition,
    CalendarExceptionOut,
    HolidaysInput,
    Window,
    WorkingCalendarOut,
)
from crm_api.platform.calendars.schemas import HolidaysAdded as HolidaysAddedShape
from crm_api.platform.calendars.schemas import HoursFields as HoursShape
from crm_api.platform.calendars.schemas import Span as SpanShape
from crm_api.platform.calendars.schemas import Week as WeekShape
from crm_api.platform.calendars.schemas import WorkingTime as WorkingTimeShape
from crm_api.platform.calendars.service import CalendarExceptionService, WorkingCalendarService


@type_from(HoursShape)
class Hours:
    """A stretch of working time, in local time."""


@type_from(WeekShape)
class Week:
    """The hours of each weekday."""


@type_from(SpanShape)
class Span:
    """Working time without a break."""


@type_from(WorkingTimeShape)
class WorkingTime:
    """The working time in a window."""


@type_from(HolidaysAddedShape)
class HolidaysAdded:
    """What became of the holidays."""


@type_from(WorkingCalendarOut)
class WorkingCalendar:
    """When work is done."""

    exceptions = related_many(
        WorkingCalendarService,
        "exceptions",
        Annotated["CalendarExceptionConnection", strawberry.lazy(__name__)],
    )


@type_from(CalendarExceptionOut)
class CalendarException:
    """A day whose hours are not those of its weekday."""

    calendar = related(CalendarExceptionService, "calendar", WorkingCalendar)


_CALENDARS = Collection(WorkingCalendarService, WorkingCalendar)
_EXCEPTIONS = Collection(CalendarExceptionService, CalendarException)
CalendarExceptionConnection = _EXCEPTIONS.connection


@strawberry.type
class WorkingTimeQuery:
    """Counting with working time."""

    @strawberry.field
    async def working_time(
        self, info: GraphInfo, calendar_id: UUID, start: datetime, end: datetime
    ) -> WorkingTime:
        """The working time between two instants, and when it is."""
        window = shape_given(Window, {"start": start, "end": end})
        return await WorkingCalendarService(info.context.tx).working_time(  # pyright: ignore[reportReturnType]
            calendar_id, window
        )

    @strawberry.field
    async def add_working_time(
        self, info: GraphInfo, calendar_id: UUID, start: datetime, minutes: int
    ) -> datetime:
        """The instant at which so much working time has passed."""
        addition = shape_given(Addition, {"start": start, "minutes": minutes})
        return (await WorkingCalendarService(info.context.tx).add_time(calendar_id, addition))["at"]


@strawberry.type
class HolidayMutation:
    """Public holidays."""

    @mutation
    async def add_holidays(
        self,
        info: GraphInfo,
        calendar_id: UUID,
        input: input_from(HolidaysInput),  # pyright: ignore[reportInvalidTypeForm]
    ) -> HolidaysAdded:
        """Close the public holidays of some years."""
        data = shape_given(HolidaysInput, input)
        return await WorkingCalendarService(info.context.tx).add_holidays(  # pyright: ignore[reportReturnType]
            calendar_id, data
        )


QUERIES = (_CALENDARS.query(), _EXCEPTIONS.query(), WorkingTimeQuery)
MUTATIONS = (_CALENDARS.mutation(), _EXCEPTIONS.mutation(), HolidayMutation)
