"""How pools of resources and the types of bookings are listed and found."""

from uuid import UUID

from crm_api.domains.scheduling.type_models import BookingType, ResourcePool
from crm_api.domains.scheduling.type_schemas import BookingTypeOut, ResourcePoolOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import decode
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
_LISTS = ("durations", "requirements")
_OFFERED = """
    SELECT id, name, status, durations, buffer_before, buffer_after, slot_step, time_zone,
        calendar_id, minimum_notice, horizon_days, most_per_day, requirements, assignment
    FROM booking_types WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
"""


class ResourcePools(Repository[ResourcePool]):
    """The pools of an organization."""

    model = ResourcePool
    listing = POOLS


class BookingTypes(Repository[BookingType]):
    """What can be booked of an organization by name."""

    model = BookingType
    listing = BOOKING_TYPES

    async def offered(self, id: UUID) -> BookingType:
        """What a type says of when and how long, to look at: also fields that the actor does not see.

        It offers the same to everybody; raises `NotFound`.
        """
        rows = await self.tx.fetch(_OFFERED, self.tx.organization_id, id)
        if not rows:
            raise await self.absence(id)
        found = dict(rows[0])
        return BookingType(**found | {name: decode(found[name]) for name in _LISTS})
