"""Pools of resources and the types of bookings over GraphQL."""

from crm_api.domains.scheduling import type_schemas
from crm_api.domains.scheduling.types import BookingTypeService, ResourcePoolService
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import type_from
from crm_api.platform.calendars.graphql import WorkingCalendar


@type_from(type_schemas.ResourcePoolOut)
class ResourcePool:
    """Resources of which one is as good as the other."""


@type_from(type_schemas.BookingTypeOut)
class BookingType:
    """What can be booked by name: how long, when, and what it takes."""

    calendar = related(BookingTypeService, "calendar", WorkingCalendar)


_POOLS = Collection(ResourcePoolService, ResourcePool)
_TYPES = Collection(BookingTypeService, BookingType)
TYPE_QUERIES = (_POOLS.query(), _TYPES.query())
TYPE_MUTATIONS = (_POOLS.mutation(), _TYPES.mutation())
