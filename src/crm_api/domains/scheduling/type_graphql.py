"""Pools of resources and the types of bookings over GraphQL, and when something is free."""

from typing import Any, cast

import strawberry

from crm_api.domains.scheduling import slot_schemas, type_schemas
from crm_api.domains.scheduling.slots import SlotService
from crm_api.domains.scheduling.types import BookingTypeService, ResourcePoolService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.calendars.graphql import WorkingCalendar


@type_from(type_schemas.ResourcePoolOut)
class ResourcePool:
    """Resources of which one is as good as the other."""


@type_from(type_schemas.BookingTypeOut)
class BookingType:
    """What can be booked by name: how long, when, and what it takes."""

    calendar = related(BookingTypeService, "calendar", WorkingCalendar)


@type_from(slot_schemas.Slots)
class Slots:
    """When something could be booked, and why on some days it cannot be."""


@strawberry.type
class SlotQuery:
    """When something could be booked."""

    @strawberry.field
    async def availability_slots(
        self,
        info: GraphInfo,
        input: input_from(slot_schemas.SlotSearch),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> Slots:
        """Slots with the resources whose turn it would be, and why days have none."""
        asked = shape_given(slot_schemas.SlotSearch, input)
        return cast("Any", await SlotService(info.context.tx).search(asked))


_POOLS = Collection(ResourcePoolService, ResourcePool)
_TYPES = Collection(BookingTypeService, BookingType)
TYPE_QUERIES = (_POOLS.query(), _TYPES.query(), SlotQuery)
TYPE_MUTATIONS = (_POOLS.mutation(), _TYPES.mutation())
