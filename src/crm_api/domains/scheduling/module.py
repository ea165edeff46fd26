"""Scheduling as a part of the product."""

from crm_api.domains.scheduling.actions import EXPIRED, RESCHEDULED, WAYS
from crm_api.domains.scheduling.allocating import forget_allocations
from crm_api.domains.scheduling.busy_calendars import forget_busy_calendars
from crm_api.domains.scheduling.conflicts import CONFLICT, find_conflicts
from crm_api.domains.scheduling.jobs import expire_holds
from crm_api.domains.scheduling.messages import find_conflicts_later
from crm_api.domains.scheduling.pictured import SECTIONS, TOUCHPOINTS
from crm_api.domains.scheduling.resource_feeds import forget_resource_feeds
from crm_api.domains.scheduling.resources import ResourceService
from crm_api.domains.scheduling.service import OUTSIDE, BookingService
from crm_api.kit.access import Managed
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module
from crm_api.platform.calendars.service import CountedBy

Guarded.purged.append(forget_allocations)
Guarded.purged.append(forget_resource_feeds)
Guarded.purged.append(forget_busy_calendars)
CountedBy.followers.append(find_conflicts_later)


def _faces() -> Faces:
    from crm_api.domains.scheduling.graphql import MUTATIONS, QUERIES
    from crm_api.domains.scheduling.rest import ROUTERS
    from crm_api.domains.scheduling.times_graphql import MUTATIONS as TIMES_MUTATIONS
    from crm_api.domains.scheduling.times_graphql import QUERIES as TIMES_QUERIES
    from crm_api.domains.scheduling.times_rest import ROUTERS as TIMES_ROUTERS

    return Faces(
        routers=(*ROUTERS, *TIMES_ROUTERS),
        queries=(*QUERIES, *TIMES_QUERIES),
        mutations=(*MUTATIONS, *TIMES_MUTATIONS),
    )


MODULE = Module(
    key="scheduling",
    title="Scheduling",
    description="What can be booked, and bookings that never overlap beyond its capacity.",
    depends_on=[
        *("catalogue", "companies", "contacts", "deals", "prices", "quotes", "orders"),
        "projects",
    ],
    faces=_faces,
    chores=[Chore("scheduling.expire_holds", expire_holds, every_s=60)],
    managed={ResourceService.area: Managed("manage_settings")},
    acts={OUTSIDE: "bookings"},
    jobs=[find_conflicts],
    events=[RESCHEDULED, EXPIRED, CONFLICT, *(f"booking.{way.event}" for way in WAYS.values())],
    services=[ResourceService, BookingService],
    touchpoints=TOUCHPOINTS,
    sections=SECTIONS,
)
