"""Leads as a part of the product."""

from crm_api.domains.leads.automating import MoveLead
from crm_api.domains.leads.importer import LeadImporter
from crm_api.domains.leads.jobs import (
    commit_plan,
    distribute,
    follow_leads,
    keep_leads,
    plan_leads,
)
from crm_api.domains.leads.matcher import LeadMatcher
from crm_api.domains.leads.merger import LeadMerger
from crm_api.domains.leads.metrics import METRICS
from crm_api.domains.leads.modelling import WAYS as MODEL_WAYS
from crm_api.domains.leads.modelling import LeadScoreModelService
from crm_api.domains.leads.pictured import SECTIONS, TOUCHPOINTS
from crm_api.domains.leads.planning import LeadPlanService
from crm_api.domains.leads.pools import LeadPoolService, LeadRuleService
from crm_api.domains.leads.responding import respond_by_activities
from crm_api.domains.leads.score_following import FollowScores
from crm_api.domains.leads.score_jobs import (
    age_scores,
    forget_person,
    forget_predictions,
    score,
    train,
)
from crm_api.domains.leads.score_rules import LeadScoreRuleService
from crm_api.domains.leads.score_schemas import LeadBandChange
from crm_api.domains.leads.score_settings import CONFIGURED, SETTINGS_AREA
from crm_api.domains.leads.service import BAND_CHANGED, LeadAssignmentService, LeadService
from crm_api.domains.leads.standard import STANDARD_REPORTS
from crm_api.domains.leads.states import WAYS
from crm_api.domains.leads.territories import TerritoryService
from crm_api.domains.leads.touching import TOUCHES
from crm_api.domains.leads.working import WORK
from crm_api.kit.access import Managed
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.db.settling import derive_by
from crm_api.kit.jobs import UNHURRIED_S, Chore, Watch
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Told

derive_by("lead", keep_leads)
derive_by("activity", respond_by_activities)
Guarded.purged.append(forget_predictions)


def _faces() -> Faces:
    from crm_api.domains.leads import graphql, rest, score_graphql, score_rest

    return Faces(
        routers=[*rest.ROUTERS, *score_rest.ROUTERS],
        queries=[*graphql.QUERIES, *score_graphql.QUERIES],
        mutations=[*graphql.MUTATIONS, *score_graphql.MUTATIONS],
    )


MODULE = Module(
    key="leads",
    title="Leads",
    description="Who may become a customer, and who takes care of each of them.",
    depends_on=["catalogue", "companies", "contacts", "deals", "prices"],
    faces=_faces,
    tags={"lead_scores": "How far the scores of leads go."},
    areas=[SETTINGS_AREA],
    chores=[
        Chore("leads.follow_up", follow_leads, every_s=30),
        Chore("leads.age_scores", age_scores),
    ],
    watches=[Watch("leads.follow_scores", FollowScores, pause_s=UNHURRIED_S)],
    jobs=[distribute, plan_leads, commit_plan, score, train],
    importers=[LeadImporter()],
    matchers=[LeadMatcher()],
    mergers=[LeadMerger()],
    managed={
        LeadPoolService.area: Managed("manage_settings"),
        LeadRuleService.area: Managed("manage_settings"),
        TerritoryService.area: Managed("manage_settings"),
        SETTINGS_AREA: Managed("manage_settings"),
    },
    events=[
        *(f"lead.{way.event}" for way in WAYS.values()),
        *("lead.recalled", "lead.unassignable", "lead.scored", BAND_CHANGED),
        *(f"lead_score_model.{way.event}" for way in MODEL_WAYS.values()),
        *("lead_score_model.trained", CONFIGURED),
        *("lead_assignment.ended", "lead_assignment.accepted"),
        *("lead_plan.planned", "lead_plan.committed", "lead_plan.done"),
    ],
    services=[
        LeadService,
        LeadPoolService,
        LeadRuleService,
        TerritoryService,
        LeadAssignmentService,
        LeadPlanService,
        LeadScoreRuleService,
        LeadScoreModelService,
    ],
    told={BAND_CHANGED: Told("lead", LeadBandChange)},
    traces=[
        Trace(
            "lead_predictions",
            ("lead_predictions",),
            forget_person,
            rows_of(lead_predictions="lead_id = ANY($2)"),
        )
    ],
    actions=[MoveLead],
    work=WORK,
    touchpoints=TOUCHPOINTS,
    sections=SECTIONS,
    touches=TOUCHES,
    metrics=METRICS,
    standard_reports=STANDARD_REPORTS,
)
