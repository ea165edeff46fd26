"""Commitments as a part of the product."""

from collections.abc import Mapping

from crm_api.domains.commitments.actions import OVERDUE, WAYS
from crm_api.domains.commitments.carrying import PromisesOfDeal, no_open_promises
from crm_api.domains.commitments.importer import CommitmentImporter
from crm_api.domains.commitments.jobs import watch_commitments
from crm_api.domains.commitments.pictured import SECTIONS, TOUCHPOINTS
from crm_api.domains.commitments.service import CommitmentService
from crm_api.domains.commitments.settings import AREA, CONFIGURED
from crm_api.domains.commitments.working import WORK
from crm_api.domains.deals.winning import Consequences
from crm_api.domains.orders.module import MODULE as ORDERS
from crm_api.domains.projects.actions import ProjectActions
from crm_api.domains.projects.module import MODULE as PROJECTS
from crm_api.kit.access import Managed
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module

# After the steps of orders and projects, whose modules are imported by now.
Consequences.steps.append(PromisesOfDeal())
ProjectActions.checks.append(no_open_promises)
REMINDERS: Mapping[str, Mapping[str, str]] = {
    OVERDUE: {
        "en": "{record} was promised by now",
        "de": "{record} war bis jetzt zugesagt",
        "ru": "{record}: обещанный срок прошёл",
    },
}


def _faces() -> Faces:
    from crm_api.domains.commitments.graphql import MUTATIONS, QUERIES
    from crm_api.domains.commitments.rest import ROUTERS

    return Faces(
        routers=ROUTERS,
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="commitments",
    title="Commitments",
    description="What was promised to whom, by when, and whether it was kept.",
    depends_on=["companies", "contacts", "deals", ORDERS.key, PROJECTS.key],
    faces=_faces,
    importers=[CommitmentImporter()],
    chores=[Chore("commitments.watch", watch_commitments)],
    areas=[AREA],
    managed={AREA: Managed("manage_settings")},
    reminders=REMINDERS,
    events=[
        CONFIGURED,
        OVERDUE,
        *(f"commitment.{way.event}" for way in WAYS.values()),
    ],
    services=[CommitmentService],
    work=WORK,
    touchpoints=TOUCHPOINTS,
    sections=SECTIONS,
)
