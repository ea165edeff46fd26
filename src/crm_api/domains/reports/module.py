"""Reports as a part of the product."""

from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.jobs import run_report
from crm_api.domains.reports.running import AREA
from crm_api.domains.reports.runs import ReportRunService, erase_from_runs
from crm_api.domains.reports.service import CERTIFY, ReportService
from crm_api.domains.reports.tally_work import PAUSE_S, FollowTallies, reconcile_tallies
from crm_api.kit.crud.personal import Copies, Trace
from crm_api.kit.jobs import Chore, Watch
from crm_api.kit.module import Faces, Module

report_on = Declared.tell


def _faces() -> Faces:
    from crm_api.domains.reports.graphql import MUTATIONS, QUERIES
    from crm_api.domains.reports.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="reports",
    title="Reports",
    description="Numbers of all records, as far as whoever asks sees them; metrics with a name.",
    acts={CERTIFY: AREA},
    faces=_faces,
    tags={
        "report_sources": "What reports are of.",
        "standard_reports": "Reports that every organization has.",
    },
    jobs=[run_report],
    chores=[Chore("reports.reconcile_tallies", reconcile_tallies)],
    watches=[Watch("reports.follow_tallies", FollowTallies, pause_s=PAUSE_S)],
    events=[
        *(f"report.{verb}" for verb in ("certified", "uncertified")),
        *(f"report_run.{verb}" for verb in ("completed", "emptied")),
    ],
    traces=[
        Trace(
            "report_runs",
            ("report_runs", "report_run_rows"),
            erase_from_runs,
            Copies("Tables of the records, kept for a while."),
        )
    ],
    services=[ReportService, ReportRunService],
)
