"""How pools of resources and the types of bookings are listed and found."""

from crm_api.domains.scheduling.type_models import BookingType, ResourcePool
from crm_api.domains.scheduling.type_schemas import BookingTypeOut, ResourcePoolOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation, Searched
from crm_api.platform.calendars.repository import CALENDARS

POOLS: Listing = Listing(
    model=ResourcePool,
    out=ResourcePoolOut,
    area="resources",
    sorts={"name": ResourcePool.sort_name},
    search=Searched(names=("name",), others=("description", "external_ids"), title="name"),
)
BOOKING_TYPES: Listing = Listing(
    model=BookingType,
    out=BookingTypeOut,
    area="booking_types",
    sorts={"name": BookingType.sort_name},
    relations=(
        Relation("calendar", lambda: CALENDARS, BookingType.calendar_id, CALENDARS.model.id),
    ),
    search=Searched(names=("name",), others=("key", "description", "external_ids"), title="name"),
)


class ResourcePools(Repository[ResourcePool]):
    """The pools of an organization."""

    model = ResourcePool
    listing = POOLS


class BookingTypes(Repository[BookingType]):
    """What can be booked of an organization by name."""

    model = BookingType
    listing = BOOKING_TYPES
