"""Cases as a part of the product."""

from crm_api.domains.cases.answering import answer_cases
from crm_api.domains.cases.booked import need_case
from crm_api.domains.cases.escalating import BREACHED, ESCALATED, forget_steps
from crm_api.domains.cases.events import recompute_clocks
from crm_api.domains.cases.importer import CaseImporter
from crm_api.domains.cases.jobs import close_cases
from crm_api.domains.cases.keeping import keep_clocks
from crm_api.domains.cases.merger import CaseMerger
from crm_api.domains.cases.metrics import METRICS
from crm_api.domains.cases.pictured import ROLL_UPS, SECTIONS, SIGNALS, TOUCHPOINTS
from crm_api.domains.cases.policies import SlaPolicyService
from crm_api.domains.cases.service import CaseService
from crm_api.domains.cases.settings import AREA, CONFIGURED
from crm_api.domains.cases.standard import STANDARD_REPORTS
from crm_api.domains.cases.states import WAYS
from crm_api.domains.cases.ticking import Tick, recompute
from crm_api.domains.cases.working import WORK
from crm_api.domains.scheduling.service import BookingService
from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.db.settling import derive_by
from crm_api.kit.jobs import Chore, Watch
from crm_api.kit.module import Faces, Module
from crm_api.platform.calendars.service import CountedBy
from crm_api.platform.identity.service import OrganizationService

derive_by("case", keep_clocks)
derive_by("activity", answer_cases)
BookingService.checks.append(need_case)
CaseService.purged.append(forget_steps)
CountedBy.followers.append(recompute_clocks)
OrganizationService.followers.append(recompute_clocks)
REMINDERS = {
    f"case.{BREACHED}": {
        "en": "A deadline was missed: {record}",
        "de": "Eine Frist wurde versäumt: {record}",
        "ru": "Срок нарушен: {record}",
    },
    f"case.{ESCALATED}": {
        "en": "A deadline comes closer, or is long over: {record}",
        "de": "Eine Frist rückt näher oder ist lange vorbei: {record}",
        "ru": "Срок приближается или давно прошёл: {record}",
    },
}


def _faces() -> Faces:
    from crm_api.domains.cases.graphql import MUTATIONS, QUERIES
    from crm_api.domains.cases.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="cases",
    title="Cases",
    description="What customers ask for help with, and how soon they are answered.",
    depends_on=[
        *("catalogue", "companies", "contacts", "deals", "prices", "quotes", "orders"),
        *("projects", "activities"),
    ],
    faces=_faces,
    chores=[Chore("cases.close", close_cases)],
    watches=[Watch("sla tick", Tick, hears=False)],
    jobs=[recompute],
    importers=[CaseImporter()],
    mergers=[CaseMerger()],
    reminders=REMINDERS,
    appliers=[CollectionApplier(SlaPolicyService, by=["name"])],
    areas=[AREA],
    managed={
        AREA: Managed("manage_settings"),
        SlaPolicyService.area: Managed("manage_settings"),
    },
    events=[
        CONFIGURED,
        *(f"case.{way.event}" for way in WAYS.values()),
        *("case.rated", "case.sla_changed"),
        *REMINDERS,
    ],
    services=[CaseService, SlaPolicyService],
    work=WORK,
    touchpoints=TOUCHPOINTS,
    sections=SECTIONS,
    roll_ups=ROLL_UPS,
    signals=SIGNALS,
    metrics=METRICS,
    standard_reports=STANDARD_REPORTS,
)
