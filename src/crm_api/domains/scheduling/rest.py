"""Resources and bookings over REST."""

from typing import Any

from fastapi import Response

from crm_api.domains.scheduling.actions import BookingActions
from crm_api.domains.scheduling.resources import ResourceService
from crm_api.domains.scheduling.schemas import (
    Availability,
    BookingDecision,
    BookingOut,
    BookingReschedule,
    BookingTransitions,
    BookingVerb,
)
from crm_api.domains.scheduling.service import BookingService
from crm_api.domains.scheduling.slot_schemas import Slots, SlotSearch
from crm_api.domains.scheduling.slots import SlotService
from crm_api.domains.scheduling.types import BookingTypeService, ResourcePoolService
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.platform.calendars.schemas import Window

Responses = dict[int | str, dict[str, Any]]
_FREE: Responses = {200: {"model": Availability}}
_SLOTS: Responses = {200: {"model": Slots}}
_DONE: Responses = {200: {"model": BookingOut}} | problems(403, 404, 409, 412, 422)
_PLAIN: dict[BookingVerb, tuple[str, str]] = {
    "confirm": (
        "Confirm a booking that is held",
        "Once the hold has expired it is 409 `hold_expired`, for others may have booked it.",
    ),
    "complete": ("Complete a booking", "It has taken place."),
}
resources = crud_router(ResourceService)
bookings = crud_router(BookingService)
slots = new_router("availability", "availability")
pools, types = crud_router(ResourcePoolService), crud_router(BookingTypeService)


@resources.post(
    "/{id}/availability",
    operation_id="getResourceAvailability",
    summary="What is free of a resource",
    responses=_FREE | problems(400, 403, 404, 415, 422),
)
async def availability(id: Id, tx: Reading, body: Window) -> Response:
    """What is free in a window, in its working time, and what is taken; holds count until they end."""
    return answers.plain(await ResourceService(tx).availability(id, body))


@slots.post(
    "/slots",
    operation_id="findSlots",
    summary="When something could be booked",
    responses=_SLOTS | problems(400, 403, 409, 415, 422),
)
async def find_slots(tx: Reading, body: SlotSearch) -> Response:
    """Slots with the resources whose turn it would be, and why days have none.

    Each of them could be booked alone, through the type or by its resources.
    """
    return answers.plain(await SlotService(tx).search(body))


@bookings.get(
    "/{id}/transitions",
    operation_id="getBookingTransitions",
    summary="What may be done with a booking",
    responses={200: {"model": BookingTransitions}} | problems(403, 404, 422),
)
async def transitions(id: Id, tx: Reading) -> Response:
    """The actions that are for its status, and what stands in the way of each."""
    return answers.plain(await BookingActions(tx).transitions(id))


@bookings.post(
    "/{id}/check-in",
    operation_id="checkInBooking",
    summary="Check a booking in",
    responses=_DONE,
)
async def check_in(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """Whoever has booked is there."""
    expected = answers.version_of(if_match)
    return answers.record(await BookingActions(tx).go(id, "check_in", None, expected))


@bookings.post(
    "/{id}/no-show",
    operation_id="missBooking",
    summary="Write down that nobody came",
    responses=_DONE,
)
async def no_show(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """What is left of its time is free again."""
    expected = answers.version_of(if_match)
    return answers.record(await BookingActions(tx).go(id, "no_show", None, expected))


def _add(verb: BookingVerb, texts: tuple[str, str]) -> None:
    add_action(
        bookings,
        verb,
        lambda tx, one, _data, expected: BookingActions(tx).go(one, verb, None, expected),
        BookingOut,
        texts,
    )


for _verb, _texts in _PLAIN.items():
    _add(_verb, _texts)
add_action(
    bookings,
    "cancel",
    lambda tx, one, data, expected: BookingActions(tx).go(one, "cancel", data.reason, expected),
    BookingOut,
    ("Cancel a booking", "Its time is free again."),
    body=BookingDecision,
)
add_action(
    bookings,
    "reschedule",
    lambda tx, one, data, expected: BookingActions(tx).reschedule(one, data, expected),
    BookingOut,
    (
        "Have a booking be at another time",
        "Or of other resources: it has all of the new ones, or stays as it was.",
    ),
    body=BookingReschedule,
)

ROUTERS = (resources, bookings, pools, types, slots)
