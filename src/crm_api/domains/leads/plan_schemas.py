"""What plans of distributions look like from outside."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from crm_api.domains.leads.models import PlanStatus, PlanStrategy
from crm_api.kit.schema import Out, Schema, Shape

MOST_LEADS = 100_000


class LeadDistribution(Schema):
    """Which leads of nobody are to be shared out."""

    filter: dict[str, Any] = Field(
        default_factory=dict,
        description="In the filter language; of the new and recycled leads that nobody has.",
    )
    limit: Annotated[int, Field(ge=1, le=MOST_LEADS)] = Field(
        1_000,
        description="Those with the highest scores. Many are planned by a job: `planning`.",
    )
    strategy: PlanStrategy = Field(
        "pool",
        description="`pool`: each lead as the pool chooses. `optimal`: as many as possible go to "
        "somebody, and of all ways to have that so, in shares by weight, that of the highest value.",
    )
    preview: bool = Field(
        True, description="Whether it is only planned; else it is begun at once, as if committed."
    )


class PlannedShare(Shape):
    """What a plan means for a member of a pool."""

    user_id: UUID
    pool_id: UUID
    weight: int
    before: int = Field(description="Open leads of the pool.")
    given: int
    score: int = Field(description="The sum of the scores of what is given.")


class PlanFairness(Shape):
    """How equal open leads for their weights are among members; four digits after the point."""

    members: list[PlannedShare]
    jain_before: str = Field(description="Jain's index: 1 is equal.", examples=["0.8333"])
    jain_after: str
    gini_before: str = Field(description="The Gini coefficient: 0 is equal.", examples=["0.2500"])
    gini_after: str
    gini_score: str = Field(description="Of the scores that are given.")


class LeadPlanOut(Out):
    """Who would get which of certain leads of a pool."""

    pool_id: UUID
    status: PlanStatus
    strategy: PlanStrategy
    filter: dict[str, Any]
    lead_count: int
    planned_count: int = Field(description="How many of them go to somebody.")
    left: dict[str, int] = Field(description="How many do not, by the reason.")
    given_count: int = Field(description="How many were given so far.")
    skipped_count: int = Field(description="How many could not be given any more.")
    fairness: PlanFairness
    job_id: UUID | None = Field(description="The job that plans it, or carries it out.")
    committed_at: datetime | None


class PlannedLead(Shape):
    """Whom a lead goes to."""

    lead_id: UUID
    user_id: UUID | None
    pool_id: UUID | None
    reason: str
    outcome: str | None = Field(description="What became of it: `given`, or why not.")


class PlannedLeads(Shape):
    """Leads of a plan, in the order of the choices."""

    data: list[PlannedLead]
    next_cursor: str | None = Field(description="What `cursor` takes for those that follow.")
