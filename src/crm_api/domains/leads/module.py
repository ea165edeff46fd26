"""Leads as a part of the product."""

from crm_api.domains.leads.jobs import (
    commit_plan,
    distribute,
    follow_leads,
    keep_leads,
    plan_leads,
    score,
)
from crm_api.domains.leads.matcher import LeadMatcher
from crm_api.domains.leads.metrics import METRICS
from crm_api.domains.leads.pictured import TOUCHPOINTS
from crm_api.domains.leads.planning import LeadPlanService
from crm_api.domains.leads.pools import LeadPoolService, LeadRuleService
from crm_api.domains.leads.scoring import LeadScoreRuleService
from crm_api.domains.leads.service import LeadAssignmentService, LeadService
from crm_api.domains.leads.standard import STANDARD_REPORTS
from crm_api.domains.leads.states import WAYS
from crm_api.domains.leads.working import WORK
from crm_api.kit.access import Managed
from crm_api.kit.db.settling import derive_by
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module

derive_by("lead", keep_leads)


def _faces() -> Faces:
    from crm_api.domains.leads.graphql import MUTATIONS, QUERIES
    from crm_api.domains.leads.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="leads",
    title="Leads",
    description="Who may become a customer, and who takes care of each of them.",
    depends_on=["catalogue", "companies", "contacts", "deals", "prices"],
    faces=_faces,
    chores=[Chore("leads.follow_up", follow_leads, every_s=30)],
    jobs=[distribute, plan_leads, commit_plan, score],
    matchers=[LeadMatcher()],
    managed={
        LeadPoolService.area: Managed("manage_settings"),
        LeadRuleService.area: Managed("manage_settings"),
    },
    events=[
        *(f"lead.{way.event}" for way in WAYS.values()),
        *("lead.recalled", "lead.unassignable", "lead.scored"),
        *("lead_assignment.ended", "lead_assignment.accepted"),
        *("lead_plan.planned", "lead_plan.committed", "lead_plan.done"),
    ],
    services=[
        LeadService,
        LeadPoolService,
        LeadRuleService,
        LeadAssignmentService,
        LeadPlanService,
        LeadScoreRuleService,
    ],
    work=WORK,
    touchpoints=TOUCHPOINTS,
    metrics=METRICS,
    standard_reports=STANDARD_REPORTS,
)
