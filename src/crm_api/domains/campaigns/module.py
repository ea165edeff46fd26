"""Campaigns as a part of the product."""

from crm_api.domains.campaigns.actions import WAYS
from crm_api.domains.campaigns.keeping import forget_person, forget_purged
from crm_api.domains.campaigns.service import CampaignService
from crm_api.domains.campaigns.standard import STANDARD_REPORTS
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.personal import Trace
from crm_api.kit.module import Faces, Module

Guarded.purged.append(forget_purged)


def _faces() -> Faces:
    from crm_api.domains.campaigns.graphql import MUTATIONS, QUERIES
    from crm_api.domains.campaigns.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="campaigns",
    title="Campaigns",
    description="What is done to reach people: programmes, their campaigns, and tactics of these.",
    depends_on=["companies", "contacts", "segments"],
    faces=_faces,
    events=[f"campaign.{one.event}" for one in WAYS.values()],
    services=[CampaignService],
    traces=[Trace("campaigns", ("campaign_members",), forget_person)],
    standard_reports=STANDARD_REPORTS,
)
