"""Campaigns as a part of the product."""

from crm_api.domains.campaigns.actions import (
    BLOCKED,
    TARGET,
    WAYS,
    follow_approval,
    launched_among,
)
from crm_api.domains.campaigns.deciding import DECIDED
from crm_api.domains.campaigns.jobs import decide_experiment, launch_due
from crm_api.domains.campaigns.keeping import forget_person, forget_purged
from crm_api.domains.campaigns.service import CampaignService
from crm_api.domains.campaigns.standard import STANDARD_REPORTS
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.module import Faces, Module
from crm_api.platform.approvals.service import ApprovalService

Guarded.purged.append(forget_purged)
ApprovalService.followers[TARGET] = follow_approval
ApprovalService.settled[TARGET] = launched_among


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
    jobs=[launch_due, decide_experiment],
    events=[
        f"campaign.{verb}"
        for verb in (
            *(one.event for one in WAYS.values()),
            *("approved", "returned", BLOCKED, DECIDED),
        )
    ],
    services=[CampaignService],
    traces=[
        Trace(
            "campaigns",
            ("campaign_members",),
            forget_person,
            rows_of(campaign_members="contact_id = ANY($2)"),
        )
    ],
    standard_reports=STANDARD_REPORTS,
)
