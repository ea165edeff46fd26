"""How resources and bookings are listed and found."""

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.projects.repository import PROJECTS
from crm_api.domains.scheduling.models import Booking, Resource
from crm_api.domains.scheduling.schemas import BookingOut, ResourceOut
from crm_api.domains.scheduling.type_repository import BOOKING_TYPES
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Key, Listing, Relation, Searched
from crm_api.platform.calendars.repository import CALENDARS
from crm_api.platform.identity.repository import USERS

RESOURCES: Listing = Listing(
    model=Resource,
    out=ResourceOut,
    area="resources",
    sorts={"name": Resource.sort_name},
    relations=(
        Relation("calendar", lambda: CALENDARS, Resource.calendar_id, CALENDARS.model.id),
        Relation("user", lambda: USERS, Resource.user_id, USERS.model.id),
    ),
    search=Searched(
        names=("name",), others=("location", "description", "external_ids"), title="name"
    ),
)


def resource_key(value: str, _country: str | None = None) -> str:
    """The id of a resource as bookings are found by it; by what is none, nothing is found."""
    return value.lower()


BOOKINGS: Listing = Listing(
    model=Booking,
    out=BookingOut,
    area="bookings",
    keys={"resources": Key("resource", resource_key)},
    relations=(
        Relation(
            "company", lambda: COMPANIES, Booking.company_id, COMPANIES.model.id, back="bookings"
        ),
        Relation(
            "contact", lambda: CONTACTS, Booking.contact_id, CONTACTS.model.id, back="bookings"
        ),
        Relation("deal", lambda: DEALS, Booking.deal_id, DEALS.model.id, back="bookings"),
        Relation(
            "project", lambda: PROJECTS, Booking.project_id, PROJECTS.model.id, back="bookings"
        ),
        Relation(
            "booking_type",
            lambda: BOOKING_TYPES,
            Booking.booking_type_id,
            BOOKING_TYPES.model.id,
            back="bookings",
        ),
    ),
    search=Searched(names=("title",), others=("description", "external_ids"), title="title"),
)


class Resources(Repository[Resource]):
    """What an organization can have booked."""

    model = Resource
    listing = RESOURCES


class Bookings(Repository[Booking]):
    """The bookings of an organization."""

    model = Booking
    listing = BOOKINGS
