"""What lists of leads look like from outside, and what is done with them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.prospects.models import ListStatus, MemberStatus
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Create,
    Currency,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    patch_of,
)
from crm_api.platform.outreach.models import Basis

MOST_AT_ONCE = 10_000
MOST_CONTACTS = 500
MOST_PARTS = 100
Ids = Annotated[list[UUID], Field(min_length=1, max_length=MOST_AT_ONCE)]
Part = Annotated[int, Field(ge=1, le=1_000_000)]
PartField = Literal["country", "region", "industry", "language", "source", "campaign", "medium"]


class ProspectListFields(Create):
    """What is known of a list."""

    name: Name = Field(examples=["Trade fair, spring"])
    consent_basis: Basis | None = Field(
        None, description="By what right its people are turned to; the gate asks each consent."
    )
    origin: Line | None = Field(None, description="Where it comes from.")
    cost: Amount | None = Field(None, description="What it cost, in all.")
    currency: Currency | None = None
    description: Prose | None = None


class ProspectListCreate(ProspectListFields):
    """A new list."""


ProspectListUpdate = patch_of("ProspectListUpdate", ProspectListFields, required=("name",))


class ProspectListOut(Out):
    """Leads that are worked on together."""

    name: str
    status: ListStatus = Field(
        description="Of a `frozen` one the members stay; one that was `split` goes on in its parts."
    )
    consent_basis: Basis | None
    origin: str | None
    cost: AmountOut | None
    currency: str | None
    description: str | None
    parent_id: UUID | None = Field(description="The list that it is a part of.")
    part: str | None = Field(description="Which part: its number, or the value of the field.")
    frozen_at: datetime | None
    pool_id: UUID | None = Field(description="The pool that it was shared out over last.")
    job_id: UUID | None = Field(description="The last job that shared it out or recalled it.")
    runs: int = Field(description="How often.")
    member_count: int
    given_count: int = Field(
        description="How many are somebody's by it; what came back is not, until it is given again."
    )
    accepted_count: int = Field(description="How many of these were accepted.")
    returned_count: int = Field(
        description="How often leads came back: given back, or not responded to in time."
    )


class ProspectMemberOut(Out):
    """A lead on a list, and what became of it there."""

    list_id: UUID
    lead_id: UUID
    status: MemberStatus = Field(
        description="`left`: nobody got it, for the reason in `outcome`; `returned`: it came back, "
        "and goes to the next of the pool, or is looked at by the next distribution."
    )
    user_id: UUID | None = Field(description="Who got it.")
    outcome: str | None
    given_at: datetime | None
    accepted_at: datetime | None = Field(description="When whoever got it responded.")
    returns: int = Field(description="How often it came back.")


_SOURCES = ("lead_ids", "filter", "contact_filter", "segment_id", "import_id", "form_id")


class ProspectAddition(Schema):
    """Who comes on a list; one of these."""

    lead_ids: Ids | None = None
    filter: dict[str, Any] | None = Field(
        None, description="Of leads, in the filter language; those that are not on it yet."
    )
    contact_filter: dict[str, Any] | None = Field(
        None,
        description=f"Of contacts, {MOST_CONTACTS:,} at a time: each becomes a lead, or is the "
        "open lead that has its address.",
    )
    import_id: UUID | None = Field(
        None,
        description="An import of leads: those that it made or changed and that are not on it yet.",
    )
    form_id: UUID | None = Field(
        None, description="A form: the leads that came by it and that are not on it yet."
    )
    segment_id: UUID | None = Field(
        None, description="A segment of contacts; the same as a `contact_filter` that asks for it."
    )
    cursor: Annotated[str, Field(max_length=2_000)] | None = Field(
        None, description="Of contacts, `next_cursor` of the answer before."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"one of {', '.join(_SOURCES)} is given")
        if self.cursor is not None and given[0] not in {"contact_filter", "segment_id"}:
            raise ValueError("a cursor goes with contact_filter or segment_id")
        return self


class ProspectRemoval(Schema):
    """Who leaves a list."""

    lead_ids: Ids


class ProspectsChanged(Shape):
    """How many came or went, and how many there are then."""

    changed: int
    member_count: int
    more: bool = Field(description="Whether there are others: ask again.")
    next_cursor: str | None = Field(description="Of contacts, what to ask again with.")


class ProspectSplit(Schema):
    """How a list is parted; every member is in one part."""

    by: Literal["share", "count", "field", "score", "territory"] = Field(
        description="`share`: by lot, in these proportions; `score`: the same, and each part has "
        "as many good ones; `count`: so many in each; `field`: by a value; `territory`: by the "
        "territories that leads are in."
    )
    shares: Annotated[list[Part], Field(min_length=2, max_length=MOST_PARTS)] | None = Field(
        None, description="For `share` and `score`.", examples=[[2, 1]]
    )
    count: Part | None = Field(None, description="For `count`: so many in each part.")
    counts: Annotated[list[Part], Field(min_length=1, max_length=MOST_PARTS - 1)] | None = Field(
        None,
        description="For `count`, in place of `count`: so many in each part in turn, as long as "
        "there are any; what is left is one more.",
        examples=[[500, 300]],
    )
    field: PartField | Literal["postal_code"] | None = Field(None, description="For `field`.")
    prefix: Annotated[int, Field(ge=1, le=20)] | None = Field(
        None, description="Of the value its first characters: areas of postal codes."
    )

    @model_validator(mode="after")
    def _fit(self) -> Self:
        needed = {"share": "shares", "score": "shares", "count": "count", "field": "field"}
        own = needed.get(self.by)
        if own == "count" and self.counts is not None:
            own = "counts"
        if own is not None and getattr(self, own) is None:
            raise ValueError(f"`{own}` is needed")
        others = {"shares", "count", "counts", "field"} - {own}
        if any(getattr(self, name) is not None for name in others):
            raise ValueError(
                f"`{self.by}` goes by {'nothing else' if own is None else f'`{own}` alone'}"
            )
        return self


class ProspectParts(Shape):
    """The parts of a list."""

    data: list[ProspectListOut]


class ProspectDistribution(Schema):
    """Over whom a list is shared out."""

    pool_id: UUID


class ProspectRecall(Schema):
    """What is taken back."""

    reason: Line
    includes_accepted: bool = Field(
        False, description="Also what somebody works on already; never what is qualified."
    )


class ProspectJob(Shape):
    """The job that does it."""

    job_id: UUID
    list_id: UUID
    members: int = Field(description="How many it looks at.")
