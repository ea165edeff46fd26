"""Schedules and alerts as a part of the product."""

from crm_api.domains.report_watch.due import AlertsDue, SchedulesDue
from crm_api.domains.report_watch.jobs import check_alert, deliver_report
from crm_api.domains.report_watch.repository import AREA
from crm_api.domains.report_watch.service import OUTSIDE, AlertService, ReportScheduleService
from crm_api.kit.jobs import Watch
from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.domains.report_watch.graphql import MUTATIONS, QUERIES
    from crm_api.domains.report_watch.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="report_watch",
    title="Schedules and alerts",
    description="Reports that are told from time to time, and metrics that are looked at.",
    depends_on=["reports"],
    acts={OUTSIDE: AREA},
    faces=_faces,
    jobs=[deliver_report, check_alert],
    watches=[
        Watch("report_schedules", SchedulesDue, hears=False),
        Watch("alerts", AlertsDue, hears=False),
    ],
    events=["report_schedule.occurred", "alert.raised", "alert.cleared"],
    services=[ReportScheduleService, AlertService],
)
