"""The rules of pages and links of bookings, for those who hand them out."""

from crm_api.domains.booking_links.models import BookingLink, BookingPage
from crm_api.domains.booking_links.repository import (
    LINKS_AREA,
    PAGES_AREA,
    BookingLinks,
    BookingPages,
)
from crm_api.domains.booking_links.schemas import (
    BookingLinkCreate,
    BookingLinkUpdate,
    BookingPageCreate,
    BookingPageUpdate,
)
from crm_api.kit.crud.personal import About
from crm_api.kit.links.linking import LinkService
from crm_api.kit.links.tokens import LinkTokens

PAGE_TOKENS = LinkTokens("bookingpage", "booking page")
LINK_TOKENS = LinkTokens("booking", "booking link")
LINK_PATH = "/public/bookings/{token}/page"


class BookingPageService(LinkService[BookingPage]):
    """Addresses at which customers book."""

    repository = BookingPages
    area = PAGES_AREA
    plural = "booking_pages"
    personal = About(("contact_id",), end="removed", reason="It was given to somebody.")
    create_shape = BookingPageCreate
    update_shape = BookingPageUpdate
    tokens = PAGE_TOKENS
    page_path = "/public/booking-pages/{token}/page"
    records: BookingPages


class BookingLinkService(LinkService[BookingLink]):
    """Secret addresses at which customers move and cancel what they booked."""

    repository = BookingLinks
    area = LINKS_AREA
    plural = "booking_links"
    personal = About(("contact_id",), end="removed", reason="It was given to somebody.")
    create_shape = BookingLinkCreate
    update_shape = BookingLinkUpdate
    tokens = LINK_TOKENS
    page_path = LINK_PATH
    records: BookingLinks
