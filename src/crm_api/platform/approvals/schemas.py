"""What policies, requests for approval and delegations look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from crm_api.kit.schema import (
    Create,
    Instant,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    Update,
    patch_of,
)
from crm_api.platform.approvals.models import ApprovalStatus

Purpose = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$"),
    Field(description="What it is approved for, such as `discount`.", examples=["general"]),
]
FieldName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Target = Annotated[str, Field(max_length=60, description="The kind of record, such as `company`.")]
ApproverKind = Literal["user", "team", "role", "owner", "owner_lead"]
_NAMED = frozenset({"user", "team", "role"})
Rule = Literal["any", "all", "count"]
Overdue = Literal["escalate", "reject", "expire"]
StepStatus = Literal["waiting", "pending", "approved", "skipped", "rejected"]
Deed = Literal["approved", "rejected", "reassigned", "recalled"]


class ApproverSpec(Schema):
    """Somebody, the members of a team, whoever has a role, or who the record's owner leads to."""

    kind: ApproverKind = Field(
        description="`owner_lead` is whoever leads the owner's team, or else the team above it."
    )
    id: UUID | None = Field(None, description="Of the user, the team or the role.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.id is not None) != (self.kind in _NAMED):
            raise ValueError("an id is given for a user, a team or a role, and for nobody else")
        return self


class Escalation(Schema):
    """What happens where a step is not decided in time."""

    after_minutes: int = Field(ge=1, le=525_600)
    working_time: bool = Field(
        False, description="Whether only the hours of the default working calendar count."
    )
    action: Overdue = Field(
        "escalate", description="Ask others as well, or end the request by a refusal or without."
    )
    approvers: list[ApproverSpec] = Field(
        default_factory=list,
        max_length=20,
        description="Who is asked as well; one of them is enough.",
    )

    @model_validator(mode="after")
    def _has_whom(self) -> Self:
        if bool(self.approvers) != (self.action == "escalate"):
            raise ValueError("approvers are named to escalate to, and only then")
        return self


class ApprovalStepSpec(Schema):
    """One step of a policy: whom it asks, and how many of them must agree."""

    name: Name
    approvers: list[ApproverSpec] = Field(min_length=1, max_length=20)
    rule: Rule = Field("any", description="One of them, all of them, or so many.")
    count: int | None = Field(None, ge=1, le=100, description="How many, for the rule `count`.")
    filter: dict[str, Any] = Field(
        default_factory=dict,
        description="The filter language; the step is left out where the record does not pass.",
    )
    escalation: Escalation | None = None

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if (self.count is not None) != (self.rule == "count"):
            raise ValueError("a count is given for the rule count, and for no other")
        return self


class _Policy(Create):
    name: Name = Field(examples=["Large customers"])
    description: Prose | None = None
    filter: dict[str, Any] = Field(
        default_factory=dict,
        description="The filter language: which records want the approval; all, when it is empty.",
    )
    priority: int = Field(100, ge=0, le=10_000, description="The lowest that fits comes first.")
    material_fields: list[FieldName] = Field(
        default_factory=list,
        max_length=100,
        description="A change of one of these, such as `name` or `custom.tier`, voids an approval; "
        "when it is empty, of any field that clients set but the owner, outside ids, and of quotes "
        "what is not offered.",
    )
    submitter_may_approve: bool = Field(
        False, description="Whether whoever asks for an approval may give it as well."
    )
    steps: list[ApprovalStepSpec] = Field(
        min_length=1, max_length=10, description="One after the other."
    )
    is_active: bool = True


class ApprovalPolicyCreate(_Policy):
    """What is to be approved, and by whom."""

    target: Target
    purpose: Purpose = "general"


ApprovalPolicyUpdate: type[Update] = patch_of(
    "ApprovalPolicyUpdate",
    _Policy,
    required=("filter", "priority", "submitter_may_approve", "is_active"),
)


class ApprovalPolicyOut(Out):
    """What is to be approved, and by whom."""

    target: str = Field(description="The kind of record, such as `company`.")
    purpose: str
    name: str
    description: str | None
    filter: dict[str, Any]
    priority: int
    material_fields: list[str]
    submitter_may_approve: bool
    steps: list[ApprovalStepSpec]
    is_active: bool


class ApprovalCreate(Schema):
    """A request that a record be approved as it is."""

    target: Target
    record_id: UUID
    policy_id: UUID | None = Field(
        None, description="Without one, the first policy that fits and has no such request yet."
    )
    purpose: Purpose | None = Field(None, description="Only policies of this purpose.")
    comment: Prose | None = None


class ApprovalDecision(Schema):
    """An agreement."""

    comment: Prose | None = None
    on_behalf_of: UUID | None = Field(
        None, description="Whom the user stands in for, where that may be several."
    )
    step: int | None = Field(
        None,
        ge=0,
        le=100,
        description="The place of the step that was seen, counted from 0: what is sent twice then "
        "decides once (409 `other_step`). `If-Match` does so, too.",
    )


class ApprovalRejection(ApprovalDecision):
    """A refusal, with its reason."""

    comment: Prose  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]


class ApprovalRecall(Schema):
    """Why a request is taken back."""

    comment: Prose | None = None


class ApprovalReassignment(Schema):
    """Somebody else who is asked."""

    to_user_id: UUID
    from_user_id: UUID | None = Field(
        None,
        description="Who is asked no more: without one, whoever asks this. Of others it takes the "
        "right to manage settings, which may also add somebody.",
    )
    comment: Prose | None = None


class ApprovalStepOut(Shape):
    """One step of a request, by the policy as it was."""

    name: str
    status: StepStatus
    approvers: list[ApproverSpec]
    rule: Rule
    count: int | None
    filter: dict[str, Any]
    escalation: Escalation | None
    user_ids: list[UUID] = Field(description="Who is asked, once the step has begun.")
    escalated_to: list[UUID] = Field(description="Who was asked as well when nobody decided.")
    started_at: datetime | None
    escalated_at: datetime | None
    ended_at: datetime | None


class ApprovalDecisionOut(Shape):
    """What somebody did about a request."""

    step: int = Field(description="The place of the step, counted from 0.")
    deed: Deed
    user_id: UUID | None = Field(description="The user, or the program that did it for nobody.")
    on_behalf_of: UUID | None = Field(description="Whom they stood in for.")
    to_user_id: UUID | None = Field(description="Whom they had asked instead.")
    comment: str | None
    decided_at: datetime


class ApprovalOut(Out):
    """A request for approval; whoever sees the record sees it. `owner_id` is who asked for it."""

    target: str = Field(description="The kind of record, such as `company`.")
    record_id: UUID
    record_version: int = Field(description="The version of the record that it is about.")
    policy_id: UUID
    policy_version: int = Field(description="It goes on by the policy as it was then.")
    policy_name: str
    purpose: str
    status: ApprovalStatus
    reason: str | None = Field(
        description="Why it ended without a decision: `changed`, `deleted`, `overdue`."
    )
    comment: str | None = Field(description="What was said when it was asked for.")
    material_fields: list[str] = Field(description="A change of one of these voids it.")
    submitter_may_approve: bool
    steps: list[ApprovalStepOut]
    step: int | None = Field(description="The place of the step under way, counted from 0.")
    decisions: list[ApprovalDecisionOut]
    waiting_for: list[str] = Field(
        description="The ids of the users who are asked now, without those who stand in for them."
    )
    due_at: datetime | None = Field(description="When the step under way is overdue.")
    ended_at: datetime | None


class ApprovalNeed(Shape):
    """A policy that wants a record approved."""

    policy_id: UUID
    policy_name: str
    purpose: str
    status: Literal["approved", "pending", "rejected", "wanted"] = Field(
        description="`rejected` is the last word on the record as it is; it may be asked again."
    )
    approval_id: UUID | None
    waiting_for: list[UUID]


class ApprovalStanding(Shape):
    """Whether nothing is missing, and what every policy that wants a record approved says."""

    is_approved: bool = Field(description="Also where no policy wants it to be.")
    policies: list[ApprovalNeed]


class _Delegation(Create):
    delegate_id: UUID = Field(description="The user who decides meanwhile.")
    starts_at: Instant | None = Field(None, description="At once, when it is not said.")
    ends_at: Instant | None = Field(None, description="Without one, until it is ended.")
    reason: Line | None = None


class ApprovalDelegationCreate(_Delegation):
    """Somebody who decides for a user meanwhile."""

    user_id: UUID | None = Field(
        None,
        description="Who is stood in for: whoever asks. Of others it takes the right to manage "
        "settings.",
    )


ApprovalDelegationUpdate: type[Update] = patch_of("ApprovalDelegationUpdate", _Delegation)


class ApprovalDelegationOut(Out):
    """Somebody who decides for a user meanwhile."""

    user_id: UUID
    delegate_id: UUID
    starts_at: datetime
    ends_at: datetime | None
    reason: str | None
