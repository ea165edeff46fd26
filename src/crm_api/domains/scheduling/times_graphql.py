"""The times of resources over GraphQL."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any, Optional, cast
from uuid import UUID

import strawberry

from crm_api.domains.scheduling import times_schemas
from crm_api.domains.scheduling.busy_calendars import BusyCalendars
from crm_api.domains.scheduling.free_busy import FreeBusies
from crm_api.domains.scheduling.invitations import calendar_of
from crm_api.domains.scheduling.repository import RESOURCES
from crm_api.domains.scheduling.resource_feeds import ResourceFeeds
from crm_api.domains.scheduling.utilisation import asked_for, utilisation_of
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.filters import where_of
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import asked
from crm_api.kit.graphql.types import type_from


@type_from(times_schemas.Utilisation)
class ResourceUtilisation:
    """How much of some resources is booked."""


@type_from(times_schemas.FreeBusy)
class FreeBusy:
    """When nothing of some resources is free."""


@type_from(times_schemas.ResourceFeedOut)
class ResourceFeed:
    """The address at which the bookings of a resource are read."""


@type_from(times_schemas.ResourceFeedMade)
class ResourceFeedMade:
    """A new address; it is told this once."""


@type_from(times_schemas.BusyCalendarOut)
class BusyCalendar:
    """What a resource is busy with elsewhere, as a calendar file has told."""


async def _utilisation(
    info: GraphInfo,
    first_day: date,
    last_day: date,
    by: str = "week",
    where: Any = None,
    order_by: list[str] | None = None,
    first: int = 50,
    after: str | None = None,
) -> Any:
    tx = info.context.tx
    given = {"since": first_day, "until": last_day, "by": by}
    days = shape_given(times_schemas.UtilisationAsked, given)
    query = asked(RESOURCES, tx, where=where, order_by=order_by, first=first, after=after)
    return await utilisation_of(tx, days, replace(query, selection=asked_for()))


_utilisation.__annotations__["where"] = Optional[where_of(RESOURCES)]  # noqa: UP045
_utilisation.__annotations__["return"] = ResourceUtilisation
_UTILISATION = strawberry.field(
    resolver=_utilisation,
    description="How much of resources is booked, by `day`, `week` or `month`.",
)
UtilisationQuery = strawberry.type(
    type("ResourceUtilisationQuery", (), {"resource_utilisation": _UTILISATION})
)


@strawberry.type
class TimesQuery:
    """What is asked of the times of resources and bookings."""

    @strawberry.field
    async def free_busy(
        self, info: GraphInfo, resource_ids: list[UUID], start: datetime, end: datetime
    ) -> FreeBusy:
        """When nothing of some resources is free, without what takes them."""
        given = {"resource_ids": resource_ids, "start": start, "end": end}
        asked = shape_given(times_schemas.FreeBusyAsked, given)
        return cast("Any", await FreeBusies(info.context.tx).of(asked))

    @strawberry.field
    async def booking_calendar(self, info: GraphInfo, id: UUID) -> str:
        """A booking as an iCalendar document: an invitation, or its cancellation."""
        return (await calendar_of(info.context.tx, id))[0].decode()

    @strawberry.field
    async def busy_calendar(self, info: GraphInfo, resource_id: UUID) -> BusyCalendar:
        """What a resource is busy with elsewhere."""
        return cast("Any", await BusyCalendars(info.context.tx).get(resource_id))

    @strawberry.field
    async def resource_feed(self, info: GraphInfo, resource_id: UUID) -> ResourceFeed:
        """Whether there is a calendar feed of a resource."""
        return cast("Any", await ResourceFeeds(info.context.tx).get(resource_id))


@strawberry.type
class TimesMutation:
    """What is done with the calendars of resources."""

    @mutation
    async def set_busy_calendar(
        self, info: GraphInfo, resource_id: UUID, content: str
    ) -> BusyCalendar:
        """Have a resource be busy as an iCalendar document says."""
        # Halves of characters, which JSON may hold, are for the reader of files to refuse.
        told = content.encode(errors="surrogatepass")
        return cast("Any", await BusyCalendars(info.context.tx).replace(resource_id, told))

    @mutation
    async def delete_busy_calendar(self, info: GraphInfo, resource_id: UUID) -> bool:
        """Have a resource be busy nowhere else."""
        await BusyCalendars(info.context.tx).remove(resource_id)
        return True

    @mutation
    async def make_resource_feed(
        self, info: GraphInfo, resource_id: UUID, *, tells_titles: bool = False
    ) -> ResourceFeedMade:
        """Make a calendar feed of a resource, or give it another address."""
        feeds = ResourceFeeds(info.context.tx)
        return cast("Any", await feeds.make(resource_id, tells_titles=tells_titles))

    @mutation
    async def revoke_resource_feed(self, info: GraphInfo, resource_id: UUID) -> bool:
        """Have the address of a resource's calendar feed open nothing any more."""
        await ResourceFeeds(info.context.tx).revoke(resource_id)
        return True


QUERIES = (UtilisationQuery, TimesQuery)
MUTATIONS = (TimesMutation,)
