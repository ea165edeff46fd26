"""Working calendars as a part of the product."""

from crm_api.kit.module import Module
from crm_api.platform.calendars.graphql import MUTATIONS, QUERIES
from crm_api.platform.calendars.rest import calendars, exceptions
from crm_api.platform.calendars.service import CalendarExceptionService, WorkingCalendarService

MODULE = Module(
    name="calendars",
    routers=[calendars, exceptions],
    queries=QUERIES,
    mutations=MUTATIONS,
    services=[WorkingCalendarService, CalendarExceptionService],
)
