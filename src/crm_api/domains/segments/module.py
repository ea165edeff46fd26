"""Segments as a part of the product."""

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.prices.belonging import BELONGING
from crm_api.domains.segments.following import Follow
from crm_api.domains.segments.graph import KEY
from crm_api.domains.segments.jobs import reconcile, refresh_segment
from crm_api.domains.segments.keeping import forget_person, forget_purged
from crm_api.domains.segments.membership import (
    COMPANY_ENTERED,
    COMPANY_LEFT,
    ENTERED,
    LEFT,
)
from crm_api.domains.segments.pictured import TOUCHPOINTS
from crm_api.domains.segments.pricing import segments_for_prices
from crm_api.domains.segments.schemas import MembershipMoved
from crm_api.domains.segments.service import BehaviourEventService, SegmentService
from crm_api.domains.segments.standard import STANDARD_REPORTS
from crm_api.domains.segments.steps import ACTIONS
from crm_api.domains.segments.terms import Agreed, Behaviour, Belongs
from crm_api.domains.segments.touching import TOUCHES
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.jobs import UNHURRIED_S, Chore, Watch
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Told

Guarded.purged.append(forget_purged)
BELONGING.answer = segments_for_prices
CONTACTS.know("behaviour", Behaviour())
CONTACTS.know("consent", Agreed())
CONTACTS.know(KEY, Belongs())
COMPANIES.know(KEY, Belongs())


def _faces() -> Faces:
    from crm_api.domains.segments.graphql import MUTATIONS, QUERIES
    from crm_api.domains.segments.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="segments",
    title="Segments",
    description="What people do, and the parts of the audience that they belong to.",
    depends_on=["companies", "contacts", "deals", "orders"],
    faces=_faces,
    tags={"events": "What people do, told as it happens."},
    jobs=[refresh_segment],
    chores=[Chore("segments.reconcile", reconcile)],
    actions=ACTIONS,
    watches=[Watch("segments.follow", Follow, pause_s=UNHURRIED_S)],
    events=[ENTERED, LEFT, COMPANY_ENTERED, COMPANY_LEFT],
    told={
        **{topic: Told("contact", MembershipMoved) for topic in (ENTERED, LEFT)},
        **{topic: Told("company", MembershipMoved) for topic in (COMPANY_ENTERED, COMPANY_LEFT)},
    },
    traces=[
        Trace(
            "segments",
            ("segment_members", "segment_overrides"),
            forget_person,
            rows_of(segment_members="record_id = ANY($2)", segment_overrides="record_id = ANY($2)"),
        )
    ],
    services=[BehaviourEventService, SegmentService],
    touchpoints=TOUCHPOINTS,
    touches=TOUCHES,
    standard_reports=STANDARD_REPORTS,
)
