"""What commitments look like from outside."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from crm_api.domains.commitments.models import CommitmentStatus, Department, PromisedBy
from crm_api.kit.crud.transitions import Blocker
from crm_api.kit.schema import (
    Create,
    Day,
    Instant,
    Line,
    Out,
    Prose,
    Schema,
    Shape,
    Tags,
    TimeZone,
    patch_of,
)

CommitmentVerb = Literal["keep", "break", "withdraw", "reopen", "renegotiate"]
Target = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
_ZONE = "The IANA zone in which the day ends; without it the organization's."


class _CommitmentFields(Create):
    promised_by: PromisedBy = Field("us", description="Who promised it.")
    text: Line = Field(examples=["Send the plan"], description="What was promised.")
    description: Prose | None = None
    company_id: UUID | None = None
    contact_id: UUID | None = None
    deal_id: UUID | None = None
    order_id: UUID | None = None
    project_id: UUID | None = None
    department: Department | None = Field(None, description="Whose business it is.")
    tags: Tags = Field(default_factory=list)


class CommitmentCreate(_CommitmentFields):
    """A new commitment, which is open; another day is agreed by `renegotiate`."""

    due_on: Day | None = Field(None, description="By the end of which day.")
    due_at: Instant | None = Field(None, description="By which instant; not both.")
    time_zone: TimeZone | None = Field(None, description=_ZONE)
    source_target: Target | None = Field(
        None, description="What kind of record it comes from, such as `quote`."
    )
    source_id: UUID | None = Field(None, description="Which record it comes from.")


CommitmentUpdate = patch_of("CommitmentUpdate", _CommitmentFields, required=("promised_by",))


class DueChangeOut(Shape):
    """By when it was promised before, and why that changed."""

    commitment_id: UUID = Field(description="The one that was renegotiated.")
    due_on: date | None
    due_at: datetime | None
    reason: str
    changed_at: datetime


class CommitmentOut(Out):
    """Something that somebody promised."""

    promised_by: PromisedBy
    text: str | None = Field(description="Null where the promises of deals or orders are hidden.")
    description: str | None
    status: CommitmentStatus
    due_on: date | None
    due_at: datetime | None
    time_zone: str | None
    overdue_at: datetime | None = Field(
        description="From when on it is late: `filter[status]=open&filter[overdue_at][lte]=@now`."
    )
    company_id: UUID | None
    contact_id: UUID | None
    deal_id: UUID | None
    order_id: UUID | None
    project_id: UUID | None
    department: Department | None
    source_target: str | None
    source_id: UUID | None
    previous_id: UUID | None = Field(description="The one that was renegotiated into this.")
    trail: list[DueChangeOut] = Field(description="All days before, the first promise first.")
    decided_at: datetime | None = Field(description="Since when it is not open any more.")
    decision_comment: str | None
    tags: list[str]


class CommitmentDecision(Schema):
    """What is said of what became of it."""

    comment: Line | None = None


class Renegotiation(Schema):
    """By when it is promised now, and why."""

    due_on: Day | None = None
    due_at: Instant | None = None
    time_zone: TimeZone | None = Field(None, description=_ZONE)
    reason: Line

    @model_validator(mode="after")
    def _one_due(self) -> Self:
        if (self.due_on is None) == (self.due_at is None):
            raise ValueError("say a day or an instant by which it is promised now")
        return self


class CommitmentBlocker(Blocker):
    """What stands in the way of an action."""


class CommitmentTransition(Shape):
    """An action that is for this status."""

    verb: str = Field(description="`POST /v1/commitments/{id}/{verb}` does it.")
    status: CommitmentStatus = Field(description="What it becomes.")
    blockers: list[CommitmentBlocker] = Field(description="Empty: it may be done.")


class CommitmentTransitions(Shape):
    """Where a commitment stands, and what may be done with it."""

    status: CommitmentStatus
    allowed: list[CommitmentTransition]
