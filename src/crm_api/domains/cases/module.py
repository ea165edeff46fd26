"""Cases as a part of the product."""

from crm_api.domains.cases.jobs import close_cases
from crm_api.domains.cases.pictured import SECTIONS, TOUCHPOINTS
from crm_api.domains.cases.service import CaseService, SlaPolicyService
from crm_api.domains.cases.settings import AREA, CONFIGURED
from crm_api.domains.cases.states import WAYS
from crm_api.domains.cases.working import WORK
from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module


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
        "projects",
    ],
    faces=_faces,
    chores=[Chore("cases.close", close_cases)],
    appliers=[CollectionApplier(SlaPolicyService, by=["name"])],
    areas=[AREA],
    managed={
        AREA: Managed("manage_settings"),
        SlaPolicyService.area: Managed("manage_settings"),
    },
    events=[CONFIGURED, *(f"case.{way.event}" for way in WAYS.values()), "case.rated"],
    services=[CaseService, SlaPolicyService],
    work=WORK,
    touchpoints=TOUCHPOINTS,
    sections=SECTIONS,
)
