"""Customers as a part of the product."""

from pydantic import Field

from crm_api.domains.customers.declared import Declared
from crm_api.domains.customers.following import Follow
from crm_api.domains.customers.health import DROPPED
from crm_api.domains.customers.jobs import measure_health, tell_missed
from crm_api.domains.customers.keeping import forget_person, purge_touchpoints
from crm_api.domains.customers.service import ExpectationService, PreferenceService
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.jobs import UNHURRIED_S, Chore, Watch
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Told
from crm_api.kit.schema import Shape

Guarded.purged.append(purge_touchpoints)
tell_parts = Declared.tell


class HealthDropped(Shape):
    """That a company fares far worse than on the day before."""

    company_id: str
    owner_id: str | None
    score: str
    before: str
    reason: str = Field(description="What is worst.")
    count: int


def _faces() -> Faces:
    from crm_api.domains.customers.graphql import MUTATIONS, QUERIES
    from crm_api.domains.customers.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="customers",
    title="Customers",
    description="One picture of the customer: timelines, preferences, expectations, health.",
    depends_on=["companies", "contacts", "deals"],
    faces=_faces,
    tags={"customers": "What all departments know of a customer."},
    watches=[Watch("touchpoints.follow", Follow, pause_s=UNHURRIED_S)],
    chores=[
        Chore("expectations.tell_missed", tell_missed),
        Chore("customers.measure_health", measure_health),
    ],
    events=[
        *(f"expectation.{verb}" for verb in ("met", "exceeded", "missed")),
        DROPPED,
    ],
    told={DROPPED: Told("company", HealthDropped)},
    reminders={
        "expectation.missed": {
            "en": "An expectation was not met: {record}",
            "de": "Eine Erwartung wurde nicht erfüllt: {record}",
            "ru": "Ожидание не оправдалось: {record}",
        },
    },
    traces=[
        Trace(
            "touchpoints",
            ("touchpoints", "touchpoint_parties"),
            forget_person,
            rows_of(
                touchpoint_parties="party_id = ANY($2)",
                touchpoints="id IN (SELECT touchpoint_id FROM touchpoint_parties WHERE organization_id = $1 AND party_id = ANY($2))",
            ),
        ),
    ],
    services=[PreferenceService, ExpectationService],
)
