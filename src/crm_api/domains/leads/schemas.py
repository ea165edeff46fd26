"""What leads and their assignments look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from crm_api.domains.leads.models import AssignmentEnd, AssignmentKind, Band, LeadStatus
from crm_api.kit.crud.transitions import Blocker
from crm_api.kit.points import ReachableFields, ReachableOut
from crm_api.kit.schema import (
    Amount,
    Cleaned,
    Code,
    Create,
    Currency,
    Day,
    DescribedFields,
    DescribedOut,
    Line,
    Name,
    Out,
    Schema,
    Shape,
    Tag,
    Tags,
    Url,
    patch_of,
)

PlainVerb = Literal["accept", "claim", "qualify", "distribute"]
ReasonedVerb = Literal["return", "disqualify", "recycle"]
LeadVerb = Literal[PlainVerb, ReasonedVerb, "assign", "convert", "revert"]
PostalCode = Annotated[str, StringConstraints(min_length=1, max_length=20), Cleaned]
_SCORE = "0 to 100; without it nothing is known."
Score = Annotated[int, Field(ge=0, le=100)]


class LeadFields(ReachableFields, DescribedFields, Create):
    """What is known of a lead."""

    first_name: Name | None = Field(None, examples=["Sample"])
    last_name: Name | None = Field(None, examples=["Person"])
    title: Name | None = Field(None, description="The job title.")
    company_name: Name | None = Field(None, examples=["Example Industries"])
    website: Url | None = None
    industry: Code | None = Field(None, description="A code of the list you use, such as `bank`.")
    employees: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = None
    region: Name | None = None
    postal_code: PostalCode | None = None
    skills: Tags = Field(
        default_factory=list, description="What whoever takes care of it has to know."
    )
    campaign: Line | None = Field(None, description="What brought it.")
    medium: Code | None = Field(None, description="Such as `email` or `cpc`.")
    referrer: Line | None = None
    utm: Annotated[dict[Tag, Line], Field(max_length=20)] = Field(
        default_factory=dict,
        description="The UTM fields of the address by which it came, without `utm_`.",
        examples=[{"source": "newsletter"}],
    )
    fit_score: Score | None = Field(None, description=f"How well it fits. {_SCORE}")
    engagement_score: Score | None = Field(None, description=f"How interested it is. {_SCORE}")
    negative_score: Annotated[int, Field(ge=-100, le=0)] | None = Field(
        None, description="What speaks against it, from -100 to 0."
    )


class LeadCreate(LeadFields):
    """A new lead: a last name, an e-mail address, a phone number or a company name is needed."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        person = self.first_name or self.last_name or self.email or self.emails
        if not (person or self.company_name or self.phone or self.phones):
            raise ValueError(
                "a lead needs a name, an e-mail address, a phone number or a company name"
            )
        return self


LeadUpdate = patch_of("LeadUpdate", LeadFields, required=("utm",))


class LeadCandidate(Shape):
    """A record that may be of the same person or company."""

    entity: Literal["contact", "company", "lead"]
    id: UUID
    by: Literal["email", "phone", "domain", "name"] = Field(description="What both have.")


class LeadOut(ReachableOut, DescribedOut, Out):
    """Somebody who may become a customer."""

    name: str = Field(description="The person's, else the company's, else where it is reached.")
    first_name: str | None
    last_name: str | None
    title: str | None
    company_name: str | None
    website: str | None
    industry: str | None
    employees: int | None
    region: str | None
    postal_code: str | None
    skills: list[str]
    campaign: str | None
    medium: str | None
    referrer: str | None
    utm: dict[str, str]
    status: LeadStatus
    status_reason: str | None = Field(description="Why it was disqualified or recycled.")
    fit_score: int | None
    engagement_score: int | None
    negative_score: int | None
    score: int | None = Field(
        description="The mean of fit and engagement, as far as they are known, and `negative_score`."
    )
    band: Band | None = Field(description="`hot` from a score of 75 on, `warm` 50, `cool` 25.")
    grade: str | None = Field(
        description="Fit from A to D and engagement from 1 to 4, by the same bounds; null unless "
        "both are known.",
        examples=["A1"],
    )
    probability: int | None = Field(
        description="By the active model, in percent; of what has ended, what was said last."
    )
    matched_contact_id: UUID | None = Field(
        description="The one contact that has one of its e-mail addresses or phone numbers."
    )
    matched_company_id: UUID | None = Field(
        description="Where that contact works, else the one company that has its domain."
    )
    candidates: list[LeadCandidate] = Field(
        description="Who else it may be; those that its maker saw."
    )
    contact_id: UUID | None = Field(description="What it was converted into.")
    company_id: UUID | None
    deal_id: UUID | None
    converted_at: datetime | None
    pool_id: UUID | None = Field(
        description="The pool that it was given from, or waits in the queue of."
    )
    assigned_at: datetime | None
    respond_by: datetime | None = Field(
        description="In working time; later it goes back to the pool and to the next."
    )
    responded_at: datetime | None
    waits_since: datetime | None = Field(description="Since when it is to be given to somebody.")
    unassigned_reason: str | None = Field(
        description="Why nobody has it, such as `no_rule`, `nobody_available`, `user_inactive`, "
        "`pool_inactive`, `hops_exhausted` or `all_had_it` (all whom it is for gave it back or did not "
        "respond); `queued`: it waits for a member of `pool_id` who takes it."
    )
    hops: int = Field(description="How often it went back for want of a response.")
    recycled_at: datetime | None = Field(
        description="When it was recycled last; who had it before may have it again."
    )


class LeadReason(Schema):
    """Why something is done with a lead."""

    reason: Line


class LeadAssign(Schema):
    """Whom a lead is given to by hand."""

    user_id: UUID
    reason: Line | None = None


class LeadDealFields(Schema):
    """The deal that a lead becomes."""

    name: Name | None = Field(None, description="Without it that of the lead.")
    amount: Amount | None = None
    currency: Currency | None = None
    pipeline_id: UUID | None = None
    stage_id: UUID | None = None
    closes_on: Day | None = None


class LeadConversion(Schema):
    """What a lead becomes: records that are named, matched, or made."""

    contact_id: UUID | None = Field(None, description="Without it the matched one, else a new one.")
    company_id: UUID | None = Field(
        None, description="Without it the matched one, else a new one where a name is known."
    )
    uses_matches: bool = Field(
        True,
        description="Whether matched records are taken: those of the capture, else those that have "
        "come to be there since, such as what another lead of the same person became.",
    )
    deal: LeadDealFields | None = Field(None, description="Without it there is none.")


class LeadReversal(Schema):
    """How a conversion is taken back."""

    keeps_changed: bool = Field(
        False,
        description="Whether what it made, and was changed since or is referred to by others, stays, "
        "with what that refers to; else it is 409 `changed_since`.",
    )


class LeadBlocker(Blocker):
    """What stands in the way of an action."""


class LeadTransition(Shape):
    """An action that is for this status."""

    verb: LeadVerb = Field(description="`POST /v1/leads/{id}/{verb}` does it.")
    status: LeadStatus = Field(description="What it becomes.")
    blockers: list[LeadBlocker] = Field(description="Empty: it may be done.")


class LeadTransitions(Shape):
    """Where a lead stands, and what may be done with it."""

    status: LeadStatus
    allowed: list[LeadTransition]


class LeadAssignmentOut(Out):
    """A time that somebody has, or had, a lead."""

    lead_id: UUID
    user_id: UUID
    pool_id: UUID | None
    rule_id: UUID | None
    kind: AssignmentKind
    reason: str | None
    respond_by: datetime | None
    responded_at: datetime | None
    ended_at: datetime | None
    ended_as: AssignmentEnd | None
    end_reason: str | None
    hop: int = Field(description="How often the lead had gone back before.")


class LookedAtRule(Shape):
    """A rule, and whether a lead passed it."""

    rule_id: UUID
    name: str
    passed: bool
    outcome: str | None = Field(
        description="Why it led to nobody: `no_owner`, `no_previous_owner`, `no_territory`, "
        "`leads_nowhere`; or of whom it names `user_inactive`, `had_it`, `absent`, `off_shift`."
    )
    territory_id: UUID | None = Field(
        None, description="Of a rule that goes by territories, the one that the lead was in."
    )


class LookedAtMember(Shape):
    """A member of a pool, and what spoke against them."""

    user_id: UUID
    pool_id: UUID
    excluded: str | None = Field(description="Empty: they could have it.")
    weight: int
    credit: int | None = Field(
        description="Before the choice, this turn's weight included; not kept by plans."
    )
    open: int | None = Field(description="How many leads of the pool they had; not kept by plans.")
    today: int | None = Field(description="How many they were given that day; not kept by plans.")
    week: int | None = Field(
        None,
        description="How many that week, where a member of the pool has a `weekly_cap`; not kept by "
        "plans.",
    )


class LookedAtManager(Shape):
    """The manager of a pool, or who stands above, and what spoke against them."""

    user_id: UUID
    excluded: str | None = Field(description="`inactive`, `sees_no_leads` or `had_it`.")


class LeadExplanation(Shape):
    """How it was decided last who has a lead, or that nobody has."""

    lead_id: UUID
    decided_at: datetime | None
    user_id: UUID | None
    pool_id: UUID | None
    rule_id: UUID | None
    territory_id: UUID | None = Field(description="The territory by which it was given.")
    kind: AssignmentKind | None
    strategy: str | None
    reason: str | None = Field(
        description="In a word; such as `owner_of_contact`, `highest_credit`."
    )
    rules: list[LookedAtRule]
    candidates: list[LookedAtMember]
    managers: list[LookedAtManager] = Field(
        description="Of what went to the manager of a pool, who was looked at for it: the manager, the "
        "leads of their teams and of those above, and at last who may do everything."
    )


Decision = dict[str, Any]
