"""What simulations of rules and pools look like from outside."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from crm_api.domains.leads.models import RuleTarget, Strategy
from crm_api.domains.leads.plan_schemas import PlanFairness
from crm_api.domains.leads.pool_schemas import (
    MOST_MEMBERS,
    Exploration,
    LeadPoolMemberFields,
    Minutes,
    once,
)
from crm_api.kit.schema import Instant, Name, Schema, Shape

MOST_SIMULATED = 10_000


class LeadDraftRule(Schema):
    """A rule as it might be."""

    name: Name
    filter: dict[str, Any] = Field(default_factory=dict)
    target: RuleTarget = "pool"
    pool_id: UUID | None = None
    user_id: UUID | None = None
    response_minutes: Minutes | None = None

    @model_validator(mode="after")
    def _led(self) -> Self:
        if (self.target == "pool") != (self.pool_id is not None):
            raise ValueError("a rule has a `pool_id` if its target is `pool`")
        if (self.target == "user") != (self.user_id is not None):
            raise ValueError("a rule has a `user_id` if its target is `user`")
        if self.target == "pool" and self.response_minutes is not None:
            raise ValueError("a pool has its own `response_minutes`")
        return self


class LeadDraftPool(Schema):
    """A pool as it might be; what is left out is as it is."""

    pool_id: UUID
    strategy: Strategy | None = None
    exploration: Exploration | None = None
    members: (
        Annotated[list[LeadPoolMemberFields], Field(max_length=MOST_MEMBERS), AfterValidator(once)]
        | None
    ) = None


class LeadSimulationInput(Schema):
    """Which leads of the past are to go by which rules and pools."""

    since: Instant = Field(description="Of the leads that were captured from then on,")
    until: Instant = Field(description="and before then,")
    filter: dict[str, Any] = Field(
        default_factory=dict, description="those that match, in the filter language;"
    )
    limit: Annotated[int, Field(ge=1, le=MOST_SIMULATED)] = Field(
        1_000, description="the first so many."
    )
    rules: Annotated[list[LeadDraftRule], Field(max_length=200)] | None = Field(
        None, description="In their order, instead of the rules that are active."
    )
    pools: Annotated[list[LeadDraftPool], Field(max_length=100)] = Field(
        default_factory=list, description="Pools that are to be otherwise than they are."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.until <= self.since:
            raise ValueError("`until` is after `since`")
        if len({draft.pool_id for draft in self.pools}) < len(self.pools):
            raise ValueError("each pool is drafted once")
        return self


class SimulatedRule(Shape):
    """How many leads a rule sent to where it leads."""

    rule_id: UUID | None = Field(description="None of a draft.")
    name: str
    leads: int


class SimulatedLead(Shape):
    """Whom a lead would have gone to."""

    lead_id: UUID
    user_id: UUID | None
    pool_id: UUID | None
    rule: str | None = Field(description="The name of the rule.")
    reason: str
    gone_by: list[UUID] = Field(
        description="Who had it before and gave it back, or did not respond, as they did then."
    )
    hops: int = Field(description="How often it went back for want of a response.")


class SimulatedResponses(Shape):
    """What those did who would have got leads: the same as they did with them in the past."""

    responded: int = Field(description="Of those who have a lead in the end: they accepted it.")
    unknown: int = Field(description="They never had it, or had not responded yet.")
    returned: int = Field(description="How often a lead was given back.")
    recalled: int = Field(description="How often it went back for want of a response.")
    escalated: int = Field(description="How many went to the manager of the pool.")


class LeadSimulation(Shape):
    """Who would have got which leads."""

    lead_count: int
    given_count: int
    left: dict[str, int] = Field(description="How many would be nobody's, by the reason.")
    rules: list[SimulatedRule]
    responses: SimulatedResponses
    fairness: PlanFairness = Field(description="Of what the pools would have given.")
    leads: list[SimulatedLead]
