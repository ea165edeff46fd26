"""Working calendars over REST."""

from typing import Any

from fastapi import Response

from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import Id, crud_router
from crm_api.platform.calendars.schemas import (
    Addition,
    HolidaysAdded,
    HolidaysInput,
    Moment,
    Window,
    WorkingTime,
)
from crm_api.platform.calendars.service import CalendarExceptionService, WorkingCalendarService

calendars = crud_router(WorkingCalendarService)
exceptions = crud_router(CalendarExceptionService)

_TIME: dict[int | str, dict[str, Any]] = {200: {"model": WorkingTime}}
_MOMENT: dict[int | str, dict[str, Any]] = {200: {"model": Moment}}
_ADDED: dict[int | str, dict[str, Any]] = {200: {"model": HolidaysAdded}}


@calendars.post(
    "/{id}/working-time",
    operation_id="getWorkingTime",
    summary="The working time between two instants",
    responses=_TIME | problems(400, 403, 404, 415, 422),
)
async def working_time(id: Id, tx: Reading, body: Window) -> Response:
    """How much working time a window has, and when it is."""
    return answers.plain(await WorkingCalendarService(tx).working_time(id, body))


@calendars.post(
    "/{id}/add-working-time",
    operation_id="addWorkingTime",
    summary="When so much working time has passed",
    responses=_MOMENT | problems(400, 403, 404, 409, 415, 422),
)
async def add_working_time(id: Id, tx: Reading, body: Addition) -> Response:
    """What ends exactly at closing time ends then, not at the next opening."""
    return answers.plain(await WorkingCalendarService(tx).add_time(id, body))


@calendars.post(
    "/{id}/holidays",
    operation_id="addHolidays",
    summary="Close the public holidays",
    responses=_ADDED | problems(400, 403, 404, 409, 415, 422),
)
async def add_holidays(id: Id, tx: Writing, body: HolidaysInput) -> Response:
    """Makes an exception of each; days that are exceptions already stay as they are."""
    return answers.plain(await WorkingCalendarService(tx).add_holidays(id, body))
