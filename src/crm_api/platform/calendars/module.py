"""Working calendars as a part of the product."""

from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.module import Faces, Module
from crm_api.platform.calendars.service import CalendarExceptionService, WorkingCalendarService


def _faces() -> Faces:
    from crm_api.platform.calendars.graphql import MUTATIONS, QUERIES
    from crm_api.platform.calendars.rest import calendars, exceptions

    return Faces(
        routers=[calendars, exceptions],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="calendars",
    title="Working calendars",
    description="When the organization works: hours, public holidays, exceptions.",
    faces=_faces,
    appliers=[
        CollectionApplier(
            WorkingCalendarService,
            by=["name"],
            fill=lambda tx: {"time_zone": tx.actor.time_zone},
        )
    ],
    managed={"calendars": Managed("manage_settings")},
    services=[WorkingCalendarService, CalendarExceptionService],
)
