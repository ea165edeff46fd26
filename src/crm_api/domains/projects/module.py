"""Projects as a part of the product."""

from crm_api.domains.deals.winning import Consequences
from crm_api.domains.orders.changing import ChangeActions
from crm_api.domains.orders.service import OrderService
from crm_api.domains.orders.states import Blockers
from crm_api.domains.projects.actions import BILLING_DUE
from crm_api.domains.projects.delivering import DeliverableService
from crm_api.domains.projects.importer import ProjectImporter
from crm_api.domains.projects.metrics import METRICS
from crm_api.domains.projects.ordering import (
    ProjectOfOrder,
    keep_delivered,
    keep_lines,
    no_open_billing,
)
from crm_api.domains.projects.pictured import ROLL_UPS, SECTIONS, SIGNALS, TOUCHPOINTS
from crm_api.domains.projects.promising import hold_project, promise_more
from crm_api.domains.projects.reporting import StatusReportService
from crm_api.domains.projects.service import ProjectService, ProjectTemplateService
from crm_api.domains.projects.standard import STANDARD_REPORTS
from crm_api.domains.projects.states import WAYS
from crm_api.domains.projects.task_importer import ProjectTaskImporter
from crm_api.domains.projects.tasks import ProjectTaskService
from crm_api.domains.projects.time_importer import TimeEntryImporter
from crm_api.domains.projects.timing import (
    CONFIGURED,
    SETTINGS_AREA,
    ExpenseService,
    TimeEntryService,
)
from crm_api.domains.projects.work_schemas import BillingDue
from crm_api.domains.projects.working import WORK
from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Told

Consequences.steps.append(ProjectOfOrder())
Blockers.checks.append(no_open_billing)
ChangeActions.checks.append(keep_delivered)
ChangeActions.holds.append(hold_project)
ChangeActions.steps.append(promise_more)
OrderService.cuts.append(keep_lines)
_TEMPLATES = ProjectTemplateService.area


def _faces() -> Faces:
    from crm_api.domains.projects import cost_graphql
    from crm_api.domains.projects.graphql import MUTATIONS, QUERIES
    from crm_api.domains.projects.rest import ROUTERS

    return Faces(
        routers=ROUTERS,
        queries=[*QUERIES, *cost_graphql.QUERIES],
        mutations=[*MUTATIONS, *cost_graphql.MUTATIONS],
    )


MODULE = Module(
    key="projects",
    title="Projects",
    description="What was sold, planned in working time, delivered, timed and billed.",
    depends_on=["catalogue", "companies", "contacts", "deals", "prices", "quotes", "orders"],
    faces=_faces,
    appliers=[CollectionApplier(ProjectTemplateService, by=["key"])],
    importers=[ProjectImporter(), ProjectTaskImporter(), TimeEntryImporter()],
    areas=[SETTINGS_AREA],
    managed={
        _TEMPLATES: Managed("manage_settings"),
        SETTINGS_AREA: Managed("manage_settings"),
    },
    events=[
        BILLING_DUE,
        CONFIGURED,
        *(f"project.{way.event}" for way in WAYS.values()),
        *(f"project.{verb}" for verb in ("rescheduled", "baselined")),
        *(f"project_task.{verb}" for verb in ("rescheduled", "baselined", "accepted", "billed")),
        *(f"deliverable.{verb}" for verb in ("submitted", "accepted", "rejected")),
        *(
            f"{entry}.{verb}"
            for entry in ("time_entry", "expense")
            for verb in ("submitted", "recalled", "approved", "rejected")
        ),
        "status_report.published",
    ],
    told={BILLING_DUE: Told("project_task", BillingDue)},
    work=WORK,
    touchpoints=TOUCHPOINTS,
    sections=SECTIONS,
    roll_ups=ROLL_UPS,
    signals=SIGNALS,
    services=[
        ProjectTemplateService,
        ProjectService,
        ProjectTaskService,
        DeliverableService,
        TimeEntryService,
        ExpenseService,
        StatusReportService,
    ],
    metrics=METRICS,
    standard_reports=STANDARD_REPORTS,
)
