"""What customers book, move and cancel, without a login: as JSON, and as pages."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from crm_api.domains.booking_links import pages
from crm_api.domains.booking_links.doors import LINK_OPENED, PAGE_OPENED, BookingDoor, PageDoor
from crm_api.domains.booking_links.schemas import (
    BookableType,
    BookedByGuest,
    BookedTime,
    FreeSlots,
    GuestBooking,
    GuestCancellation,
    GuestReschedule,
    SlotWindow,
)
from crm_api.kit.db.tx import Tx
from crm_api.kit.links.paging import LinkPage, add_page
from crm_api.kit.links.visiting import (
    BODY_FAULTS,
    FAULTS,
    PUBLIC,
    answering,
    caller_of,
    once,
    visiting,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.repeats import RequestTx
from crm_api.kit.rest.requests import StrictRoute

Responses = dict[int | str, dict[str, Any]]
_SLOTS: Responses = {200: {"model": FreeSlots}}
_BOOKED: Responses = {200: {"model": BookedTime}}
_PAGES, _BOOKINGS = "/public/booking-pages", "/public/bookings"
to_book = APIRouter(prefix=_PAGES, tags=["booking_pages"], route_class=StrictRoute)
to_change = APIRouter(prefix=_BOOKINGS, tags=["booking_links"], route_class=StrictRoute)
# Not strict: what programs of mail add to an address they may.
book_pages = APIRouter(prefix=_PAGES, tags=["booking_pages"])
change_pages = APIRouter(prefix=_BOOKINGS, tags=["booking_links"])
Booking = Annotated[RequestTx, Depends(answering(PAGE_OPENED), scope="function")]
Looking = Annotated[Tx, Depends(visiting(PAGE_OPENED), scope="function")]
Changing = Annotated[RequestTx, Depends(answering(LINK_OPENED), scope="function")]
Visiting = Annotated[Tx, Depends(visiting(LINK_OPENED), scope="function")]


@to_book.get(
    "/{token}",
    operation_id="readBookable",
    summary="What can be booked, for whoever has the page",
    responses={200: {"model": BookableType}} | FAULTS,
    openapi_extra=PUBLIC,
)
async def read_bookable(request: Request, tx: Looking) -> Response:
    """What it is, how long it lasts and what it costs; that it was seen is written down."""
    found = await PageDoor(tx, caller_of(request)).read(is_seen=True)
    return answers.plain(found, headers=answers.UNKEPT)


@to_book.post(
    "/{token}/slots",
    operation_id="findBookableSlots",
    summary="When it can be booked",
    responses=_SLOTS | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
async def find_slots(request: Request, tx: Looking, body: SlotWindow) -> Response:
    """The slots of a time, and why some of its days have none."""
    found = await PageDoor(tx, caller_of(request)).slots(body)
    return answers.plain(found, headers=answers.UNKEPT)


@to_book.post(
    "/{token}/book",
    status_code=201,
    operation_id="bookAsGuest",
    summary="Book a slot",
    responses={201: {"model": BookedByGuest}} | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
@once
async def book(request: Request, tx: Booking, body: GuestBooking) -> Response:
    """Whoever comes first has it: 409 `slot_taken`, `resource_taken`, `no_resources_free`.

    The answer has the token of the link by which it is moved or cancelled. Who is not known by the
    e-mail address becomes a contact.
    """
    made = await PageDoor(tx, caller_of(request)).book(body)
    return answers.plain(made, status=201, headers=answers.UNKEPT)


@to_change.get(
    "/{token}",
    operation_id="readBooked",
    summary="A booking, for whoever has its link",
    responses=_BOOKED | FAULTS,
    openapi_extra=PUBLIC,
)
async def read_booked(request: Request, tx: Visiting) -> Response:
    """When it is, and what may be done with it; that it was seen is written down."""
    found = await BookingDoor(tx, caller_of(request)).read(is_seen=True)
    return answers.plain(found, headers=answers.UNKEPT)


@to_change.post(
    "/{token}/slots",
    operation_id="findOtherSlots",
    summary="When a booking could be instead",
    responses=_SLOTS | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
async def find_others(request: Request, tx: Visiting, body: SlotWindow) -> Response:
    """As long as it is now, and with the same resources; 409 `too_late_to_change`."""
    found = await BookingDoor(tx, caller_of(request)).slots(body)
    return answers.plain(found, headers=answers.UNKEPT)


@to_change.post(
    "/{token}/reschedule",
    operation_id="rescheduleAsGuest",
    summary="Have a booking be at another time",
    responses=_BOOKED | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
@once
async def reschedule(request: Request, tx: Changing, body: GuestReschedule) -> Response:
    """At that of a slot, or it stays as it was: 409 `slot_taken`, `too_late_to_change`."""
    return answers.plain(await BookingDoor(tx, caller_of(request)).reschedule(body))


@to_change.post(
    "/{token}/cancel",
    operation_id="cancelAsGuest",
    summary="Cancel a booking",
    responses=_BOOKED | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
@once
async def cancel(request: Request, tx: Changing, body: GuestCancellation) -> Response:
    """Its time is free again; 409 `too_late_to_change`."""
    return answers.plain(await BookingDoor(tx, caller_of(request)).cancel(body))


_SHOWN = (
    "In the language of the browser; it needs no scripts and loads nothing from elsewhere. `from` "
    "says of which day on slots are shown."
)
add_page(
    book_pages,
    LinkPage(
        PAGE_OPENED,
        PageDoor,
        pages.PACKAGE,
        pages.BookingForm.of,
        pages.page_of,
        {"starts_at": {"type": "string", "format": "date-time"}},
    ),
    ("showBookingPage", "The page on which a customer books", _SHOWN),
    (
        "answerBookingPage",
        "The form of the page on which a customer books",
        "What browsers send by it: they are led to the page of the booking.",
    ),
)
add_page(
    change_pages,
    LinkPage(
        LINK_OPENED,
        BookingDoor,
        pages.PACKAGE,
        pages.ChangeForm.of,
        pages.booking_of,
        {"do": {"type": "string", "enum": ["reschedule", "cancel"]}},
    ),
    ("showBooked", "The page of a booking", _SHOWN),
    (
        "answerBooked",
        "The forms of the page of a booking",
        "What browsers send by its forms: they are led back to the page.",
    ),
)

ROUTERS = (to_book, to_change, book_pages, change_pages)
