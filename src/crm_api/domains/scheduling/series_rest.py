"""Recurring bookings over REST."""

from fastapi import Response

from crm_api.domains.scheduling.series import SeriesService
from crm_api.domains.scheduling.series_changes import SeriesActions
from crm_api.domains.scheduling.series_schemas import (
    RecurringBookingCreate,
    RecurringBookingOut,
    SeriesCancel,
    SeriesPreview,
    SeriesReschedule,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import crud_router

_MOVED = (
    "All are had at the new times, or stay as they were. Those from one on that is not the first "
    "become a series of their own, which is the answer."
)
series = crud_router(SeriesService)


@series.post(
    "/preview",
    operation_id="previewRecurringBooking",
    summary="What a rule would book",
    responses={200: {"model": SeriesPreview}} | problems(400, 403, 415, 422),
)
async def preview(tx: Reading, body: RecurringBookingCreate) -> Response:
    """Its occurrences, and what each would clash with as things are; nothing is booked."""
    return answers.plain(await SeriesService(tx).preview(body))


add_action(
    series,
    "reschedule",
    lambda tx, one, data, expected: SeriesActions(tx).reschedule(one, data, expected),
    RecurringBookingOut,
    (
        "Have occurrences be at another time",
        _MOVED,
    ),
    body=SeriesReschedule,
)
add_action(
    series,
    "cancel",
    lambda tx, one, data, expected: SeriesActions(tx).cancel(one, data, expected),
    RecurringBookingOut,
    ("Cancel occurrences", "Their time is free again; what has begun stays as it was."),
    body=SeriesCancel,
)

ROUTERS = (series,)
