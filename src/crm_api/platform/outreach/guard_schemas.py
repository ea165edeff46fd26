"""What guards of outreach look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Create, Line, Name, Out, Prose, Shape, Storable, Unique, patch_of
from crm_api.platform.outreach.models import Channel, Effect, Subject
from crm_api.platform.outreach.schemas import OutreachAnswer, Purpose

Verdict = Literal["not_concerned", "passed", "warned", "blocked", "approval_required"]
_CAP = "How often at most within `days` somebody is reached, counted over what the rule is for."
_FILTER = "Whom it is about, in the language of filters; everybody when empty."


class GuardRuleCreate(Create):
    """A new guard."""

    name: Name = Field(examples=["No promotion while a case is escalated"])
    description: Prose | None = None
    is_active: bool = True
    subject: Subject = Field(
        "contact", description="Whether the person is looked at, or the company they belong to."
    )
    channels: Annotated[list[Channel], Field(max_length=5), Unique] = Field(
        default_factory=list, description="On which channels it counts; on all when empty."
    )
    purposes: Annotated[list[Purpose], Field(max_length=50), Unique] = Field(
        default_factory=list, description="For which purposes it counts; for all when empty."
    )
    filter: Annotated[dict[str, Any], Storable] = Field(default_factory=dict, description=_FILTER)
    most: Annotated[int, Field(ge=1, le=10_000)] | None = Field(None, description=_CAP)
    days: Annotated[int, Field(ge=1, le=366)] | None = Field(
        None, description="The days, of 24 hours each, before the moment that is asked about."
    )
    effect: Effect = Field(
        "block",
        description="`require_approval` refuses as well, and says so, unless approvals stand that "
        "policies of the same purpose want of whom the rule looks at; `warn` only tells.",
    )
    message: Line | None = Field(None, description="What whoever wants to reach them is told.")


GuardRuleUpdate = patch_of(
    "GuardRuleUpdate", GuardRuleCreate, required=("is_active", "subject", "effect", "filter")
)


class GuardRuleOut(Out):
    """What keeps people from being reached."""

    name: str
    description: str | None
    is_active: bool
    subject: Subject
    channels: list[str]
    purposes: list[str]
    filter: dict[str, Any]
    most: int | None
    days: int | None
    effect: Effect
    message: str | None


class GuardVerdict(Shape):
    """What one rule says."""

    rule_id: UUID
    name: str
    effect: Effect
    verdict: Verdict
    message: str | None = Field(description="What the rule tells, where it does not let pass.")
    most: int | None
    used: int | None = Field(description="How often they were reached within the days.")
    left: int | None = Field(description="How often they may still be.")
    frees_at: datetime | None = Field(description="When there is room again.")


class GuardAnswer(OutreachAnswer):
    """Whether somebody may be reached, and what every rule says of it."""

    warnings: list[str]
    rules: list[GuardVerdict]


class GuardAnswers(Shape):
    """An answer for each question, in their order."""

    data: list[GuardAnswer]
