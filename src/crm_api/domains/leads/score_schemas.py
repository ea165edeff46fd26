"""What rules for the scores of leads, and what they come to, look like from outside."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from crm_api.domains.leads.models import ScoreCategory
from crm_api.kit.schema import Create, Name, Out, Prose, patch_of

_FILTER = "In the filter language; who passes it gets the points."


class LeadScoreRuleCreate(Create):
    """New points for certain leads."""

    name: Name = Field(examples=["Large company"])
    category: ScoreCategory = Field(
        description="Where there are active rules of a category, they alone say that score."
    )
    points: Annotated[int, Field(ge=-100, le=100)] = Field(
        description="Those of a category are added up, not below 0 and not above 100."
    )
    is_active: bool = True
    filter: dict[str, Any] = Field(description=_FILTER)
    description: Prose | None = None


LeadScoreRuleUpdate = patch_of(
    "LeadScoreRuleUpdate",
    LeadScoreRuleCreate,
    required=("category", "points", "is_active", "filter"),
)


class LeadScoreRuleOut(Out):
    """Points for certain leads."""

    name: str
    category: ScoreCategory
    points: int
    is_active: bool
    filter: dict[str, Any] = Field(description=_FILTER)
    description: str | None


class ScoredRule(BaseModel):
    """A rule, and whether a lead passes it now."""

    rule_id: UUID
    name: str
    category: ScoreCategory
    points: int
    passed: bool


class LeadScore(BaseModel):
    """What the scores of a lead are made of."""

    lead_id: UUID
    fit_score: int | None
    engagement_score: int | None
    score: int | None
    rules: list[ScoredRule]
