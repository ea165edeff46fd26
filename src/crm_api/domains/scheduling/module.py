"""Scheduling as a part of the product."""

from crm_api.domains.deals.service import DealService
from crm_api.domains.deals.winning import Consequences
from crm_api.domains.projects.service import ProjectService
from crm_api.domains.recipes.availability import ASK
from crm_api.domains.scheduling.actions import EXPIRED, RESCHEDULED, WAYS
from crm_api.domains.scheduling.allocating import forget_allocations
from crm_api.domains.scheduling.automating import Reserve
from crm_api.domains.scheduling.busy_calendars import forget_busy_calendars
from crm_api.domains.scheduling.conflicts import CONFLICT, find_conflicts
from crm_api.domains.scheduling.jobs import expire_holds, lapse_waiting
from crm_api.domains.scheduling.messages import find_conflicts_later
from crm_api.domains.scheduling.metrics import METRICS
from crm_api.domains.scheduling.pictured import SECTIONS, TOUCHPOINTS
from crm_api.domains.scheduling.promoting import Promotions
from crm_api.domains.scheduling.rendering import when_rendered
from crm_api.domains.scheduling.reserving import BookingsOfDeal, follow_deal, follow_project
from crm_api.domains.scheduling.resource_feeds import forget_resource_feeds
from crm_api.domains.scheduling.resources import ResourceService
from crm_api.domains.scheduling.series import SeriesService
from crm_api.domains.scheduling.series_changes import SERIES_EVENTS
from crm_api.domains.scheduling.service import OUTSIDE, BookingService
from crm_api.domains.scheduling.standard import STANDARD_REPORTS
from crm_api.domains.scheduling.types import BookingTypeService, ResourcePoolService
from crm_api.domains.scheduling.waitlist import WAITLIST_VERBS, WaitlistService
from crm_api.kit.access import Managed
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.jobs import Chore, Watch
from crm_api.kit.module import Faces, Module
from crm_api.platform.calendars.service import CountedBy

DealService.followers.append(follow_deal)
ProjectService.followers.append(follow_project)
Consequences.steps.append(BookingsOfDeal())
ASK.answer = when_rendered
Guarded.purged.append(forget_allocations)
Guarded.purged.append(forget_resource_feeds)
Guarded.purged.append(forget_busy_calendars)
CountedBy.followers.append(find_conflicts_later)


def _faces() -> Faces:
    from crm_api.domains.scheduling import (
        graphql,
        rest,
        series_graphql,
        series_rest,
        times_graphql,
        times_rest,
        waitlist_graphql,
        waitlist_rest,
    )

    graphs = (graphql, series_graphql, waitlist_graphql, times_graphql)
    return Faces(
        routers=(
            *(*rest.ROUTERS, *series_rest.ROUTERS),
            *(*waitlist_rest.ROUTERS, *times_rest.ROUTERS),
        ),
        queries=[query for graph in graphs for query in graph.QUERIES],
        mutations=[mutation for graph in graphs for mutation in graph.MUTATIONS],
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
    chores=[
        Chore("scheduling.expire_holds", expire_holds, every_s=60),
        Chore("scheduling.lapse_waiting", lapse_waiting, every_s=300),
    ],
    watches=[Watch("scheduling.promote", Promotions)],
    managed={
        ResourceService.area: Managed("manage_settings"),
        BookingTypeService.area: Managed("manage_settings"),
    },
    acts={OUTSIDE: "bookings"},
    jobs=[find_conflicts],
    actions=[Reserve],
    events=[
        *(RESCHEDULED, EXPIRED, CONFLICT, *(f"booking.{way.event}" for way in WAYS.values())),
        *SERIES_EVENTS,
        *(f"waitlist_entry.{verb}" for verb in WAITLIST_VERBS),
    ],
    services=[
        *(ResourceService, BookingService, ResourcePoolService, BookingTypeService),
        *(SeriesService, WaitlistService),
    ],
    tags={"availability": "When something could be booked, and by whom."},
    touchpoints=TOUCHPOINTS,
    sections=SECTIONS,
    metrics=METRICS,
    standard_reports=STANDARD_REPORTS,
)
