"""What pools of representatives and the rules that lead to them look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from crm_api.domains.leads.models import RuleTarget, Strategy
from crm_api.domains.leads.schemas import PostalCode
from crm_api.kit.schema import (
    Code,
    Country,
    Create,
    Instant,
    Language,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    Tag,
    Unique,
    patch_of,
)

MOST_MEMBERS = 500
Cap = Annotated[int, Field(ge=0, le=1_000_000)]
Minutes = Annotated[int, Field(ge=1, le=1_000_000)]


class AbsenceFields(Schema):
    """A time that a member gets nothing."""

    starts_at: Instant
    ends_at: Instant
    reason: Line | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise ValueError("an absence ends after it starts")
        return self


class AreaFields(Schema):
    """Where leads are from; a list that is empty takes all."""

    countries: Annotated[list[Country], Field(max_length=250), Unique] = Field(default_factory=list)
    regions: Annotated[list[Name], Field(max_length=250), Unique] = Field(default_factory=list)
    postal_prefixes: Annotated[list[PostalCode], Field(max_length=500), Unique] = Field(
        default_factory=list, description="Beginnings of postal codes."
    )
    industries: Annotated[list[Code], Field(max_length=100), Unique] = Field(default_factory=list)


class LeadPoolMemberFields(AreaFields):
    """Somebody who gets leads of a pool; a list that is empty takes all."""

    user_id: UUID
    weight: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="Who has 3 gets three times as many as who has 1."
    )
    open_cap: Cap | None = Field(None, description="Leads of the pool at one time, at the most.")
    daily_cap: Cap | None = Field(
        None, description="Leads a day, at the most; those that came back do not count."
    )
    weekly_cap: Cap | None = Field(
        None, description="Leads from Monday on, at the most; counted as those of a day."
    )
    calendar_id: UUID | None = Field(
        None, description="When they work; without it by the calendar of the pool."
    )
    absences: Annotated[list[AbsenceFields], Field(max_length=100)] = Field(default_factory=list)
    skills: Annotated[list[Tag], Field(max_length=50), Unique] = Field(default_factory=list)
    languages: Annotated[list[Language], Field(max_length=50), Unique] = Field(default_factory=list)


def once(members: list[LeadPoolMemberFields]) -> list[LeadPoolMemberFields]:
    if len({one.user_id for one in members}) < len(members):
        raise ValueError("each member is named once")
    return members


Exploration = Annotated[int, Field(ge=1, le=100)]
_EXPLORATION = "Percent of the leads that `performance` shares out evenly, so that all are tried."
_MINUTES = (
    "Working time of the member in which a lead is to be accepted; after that it goes to somebody "
    "else, or back into the queue."
)
_NAMED_MINUTES = (
    "Working time of whoever is named, and no pool, in which a lead is to be accepted, by the "
    "calendars of the pools that they are a member of; after that the next rule is asked."
)
_HOPS = "After going back so often a lead is the manager's; without one it waits for a hand."
_FALLBACK = "Where leads go that nobody of this one can take now."


class LeadPoolCreate(Create):
    """New representatives who share leads."""

    name: Name = Field(examples=["Inside sales"])
    is_active: bool = True
    strategy: Strategy = Field(
        "round_robin",
        description="`round_robin`: smooth, by weights. `least_loaded`: who has fewest open leads "
        "for their weight. `performance`: as `round_robin`, with weights that members earn by the "
        "leads that they converted, learned anew each day (Thompson sampling). `queue`: nobody is "
        "given any; members take the next by `POST /v1/lead-pools/{id}/claim`, within their caps.",
    )
    exploration: Exploration = Field(10, description=_EXPLORATION)
    members: Annotated[
        list[LeadPoolMemberFields], Field(max_length=MOST_MEMBERS), AfterValidator(once)
    ] = Field(default_factory=list)
    calendar_id: UUID | None = Field(
        None, description="When its members work; without it at any time."
    )
    response_minutes: Minutes | None = Field(None, description=_MINUTES)
    max_hops: Annotated[int, Field(ge=0, le=100)] = Field(3, description=_HOPS)
    manager_id: UUID | None = None
    fallback_pool_id: UUID | None = Field(None, description=_FALLBACK)
    description: Prose | None = None


LeadPoolUpdate = patch_of(
    "LeadPoolUpdate", LeadPoolCreate, required=("is_active", "strategy", "exploration", "max_hops")
)


class Absence(Shape):
    """A time that a member gets nothing."""

    starts_at: datetime
    ends_at: datetime
    reason: str | None


class LeadPoolMember(Shape):
    """Somebody who gets leads of a pool."""

    user_id: UUID
    weight: int
    open_cap: int | None
    daily_cap: int | None
    weekly_cap: int | None = None
    calendar_id: UUID | None
    absences: list[Absence]
    skills: list[str]
    languages: list[str]
    countries: list[str]
    regions: list[str]
    postal_prefixes: list[str]
    industries: list[str]


class LeadPoolOut(Out):
    """Representatives who share leads."""

    name: str
    is_active: bool
    strategy: Strategy
    exploration: int = Field(description=_EXPLORATION)
    members: list[LeadPoolMember]
    calendar_id: UUID | None
    response_minutes: int | None = Field(description=_MINUTES)
    max_hops: int = Field(description=_HOPS)
    manager_id: UUID | None
    fallback_pool_id: UUID | None = Field(description=_FALLBACK)
    description: str | None


class LeadQueue(Shape):
    """What waits in the queue of a pool for its members."""

    lead_count: int
    waits_since: datetime | None = Field(description="Since when the one does that waits longest.")
    next_score: int | None = Field(description="That of the one which is taken next.")


class LeadKind(Shape):
    """Leads that have this in common."""

    country: str | None
    region: str | None
    industry: str | None
    language: str | None
    skills: list[str]
    leads: int


class CoveredLeads(LeadKind):
    """Leads of one kind, and the members who are for such."""

    members: list[UUID]


class LeadPoolCoverage(Shape):
    """How the members of a pool cover the leads that came, whatever their caps and shifts."""

    lead_count: int
    fit_none: int = Field(description="How many of them nobody is for,")
    fit_one: int = Field(description="one member is for,")
    fit_several: int = Field(description="several are.")
    gaps: list[CoveredLeads] = Field(description="What nobody is for; the most frequent first.")
    overlaps: list[CoveredLeads] = Field(description="What several are for.")


class LeadRuleCreate(Create):
    """A new rule for where certain leads go."""

    name: Name = Field(examples=["Large companies"])
    position: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0, description="The first that a lead passes, and that leads to somebody, counts."
    )
    is_active: bool = True
    filter: dict[str, Any] = Field(
        default_factory=dict, description="In the filter language; empty: all leads."
    )
    target: RuleTarget = Field(
        "pool",
        description="`existing_owner`: whoever has the matched contact, else the matched company; "
        "where nobody has, the next rule is asked. `previous_owner`: whoever had the last lead before "
        "it of the same contact, and did not give that back; else the next rule. `territory`: wherever the leads of their "
        "territory go; where none has it, or it leads nowhere, the next rule is asked. Whoever is "
        "named is passed over where they gave the lead back or did not respond, are absent or, but "
        "for owners, off shift.",
    )
    pool_id: UUID | None = Field(None, description="Of a rule with the target `pool`.")
    user_id: UUID | None = Field(None, description="Of a rule with the target `user`.")
    response_minutes: Minutes | None = Field(
        None, description=f"{_NAMED_MINUTES} Of no rule with the target `pool`, which has its own."
    )
    description: Prose | None = None


LeadRuleUpdate = patch_of(
    "LeadRuleUpdate", LeadRuleCreate, required=("position", "is_active", "filter", "target")
)


class LeadRuleOut(Out):
    """Where certain leads go."""

    name: str
    position: int
    is_active: bool
    filter: dict[str, Any]
    target: RuleTarget
    pool_id: UUID | None
    user_id: UUID | None
    response_minutes: int | None = Field(description=_NAMED_MINUTES)
    description: str | None
