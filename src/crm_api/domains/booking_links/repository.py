"""How pages and links of bookings are found, and what they show."""

from crm_api.domains.booking_links.models import BookingLink, BookingPage
from crm_api.domains.booking_links.schemas import BookingLinkOut, BookingPageOut
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.scheduling.repository import BOOKINGS
from crm_api.domains.scheduling.type_repository import BOOKING_TYPES
from crm_api.kit.db.tx import Tx
from crm_api.kit.links.owning import LinkRepository
from crm_api.kit.query.listing import Listing, Relation

PAGES_AREA, LINKS_AREA = "booking_pages", "booking_links"
PAGES: Listing = Listing(
    model=BookingPage,
    out=BookingPageOut,
    area=PAGES_AREA,
    relations=(
        Relation(
            "booking_type",
            lambda: BOOKING_TYPES,
            BookingPage.booking_type_id,
            BOOKING_TYPES.model.id,
        ),
        Relation("contact", lambda: CONTACTS, BookingPage.contact_id, CONTACTS.model.id),
    ),
)
LINKS: Listing = Listing(
    model=BookingLink,
    out=BookingLinkOut,
    area=LINKS_AREA,
    relations=(
        Relation("booking", lambda: BOOKINGS, BookingLink.booking_id, BOOKINGS.model.id),
        Relation("contact", lambda: CONTACTS, BookingLink.contact_id, CONTACTS.model.id),
    ),
    within="booking",
)
# What opens a link, and the days of whoever it belongs to: before anything else is known.
OPENING = """
    SELECT l.secret_hash, o.time_zone, o.country FROM {table} l
    JOIN organizations o ON o.id = l.organization_id
    WHERE l.organization_id = $1 AND l.id = $2
"""
_SUPPLIER = "SELECT name FROM organizations WHERE id = $1"


class BookingPages(LinkRepository[BookingPage]):
    """The pages of an organization."""

    model = BookingPage
    listing = PAGES


class BookingLinks(LinkRepository[BookingLink]):
    """The links of an organization."""

    model = BookingLink
    listing = LINKS


async def supplier_of(tx: Tx) -> str:
    """What the organization is called to customers."""
    return (await tx.fetch(_SUPPLIER, tx.organization_id))[0]["name"]
