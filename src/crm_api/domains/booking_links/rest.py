"""Pages and links of bookings over REST, for those who hand them out."""

from crm_api.domains.booking_links.schemas import (
    BookingLinkMade,
    BookingLinkOut,
    BookingPageMade,
    BookingPageOut,
)
from crm_api.domains.booking_links.service import BookingLinkService, BookingPageService
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.router import crud_router

pages = crud_router(BookingPageService, made=BookingPageMade)
links = crud_router(BookingLinkService, made=BookingLinkMade)
add_action(
    pages,
    "revoke",
    lambda tx, one, _data, expected: BookingPageService(tx).revoke(one, expected),
    BookingPageOut,
    ("Have a page open nothing any more", "From this moment on, and for good."),
)
add_action(
    links,
    "revoke",
    lambda tx, one, _data, expected: BookingLinkService(tx).revoke(one, expected),
    BookingLinkOut,
    ("Have a link of a booking open nothing any more", "From this moment on, and for good."),
)

ROUTERS = (pages, links)
