"""What territories look like from outside."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.leads.areas import compact
from crm_api.domains.leads.pool_schemas import AreaFields, LeadKind
from crm_api.domains.leads.schemas import PostalCode
from crm_api.kit.schema import Create, Name, Out, Prose, Schema, Shape, Unique, patch_of


class PostalRangeFields(Schema):
    """Postal codes whose beginnings are from one to another."""

    first: PostalCode = Field(examples=["80"])
    last: PostalCode = Field(description="As long as the first.", examples=["85"])

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        first, last = compact(self.first), compact(self.last)
        if len(first) != len(last):
            raise ValueError("both have as many characters")
        if last < first:
            raise ValueError("the last does not come before the first")
        return self


_PARENT = "Its leads are in the parent as well; it has those that are in its own area besides."
_POSITION = "Of two that are as specific for a lead the first has it."
_ACCOUNTS = (
    "Named accounts: leads of these companies, and of those that belong to them, are in it wherever "
    "they are from. "
    "One that lists nothing else has no other leads."
)
_POOL = "Who shares its leads out; without one, and without a user, as its parent says."
_USER = "Who has its leads, instead of a pool."


class TerritoryCreate(AreaFields, Create):
    """A new territory."""

    name: Name = Field(examples=["Bavaria"])
    parent_id: UUID | None = Field(None, description=_PARENT)
    position: Annotated[int, Field(ge=0, le=1_000_000)] = Field(0, description=_POSITION)
    is_active: bool = Field(
        default=True, description="One that is not has no leads, nor have those below it."
    )
    postal_ranges: Annotated[list[PostalRangeFields], Field(max_length=500)] = Field(
        default_factory=list
    )
    company_ids: Annotated[list[UUID], Field(max_length=1_000), Unique] = Field(
        default_factory=list, description=_ACCOUNTS
    )
    pool_id: UUID | None = Field(None, description=_POOL)
    user_id: UUID | None = Field(None, description=_USER)
    description: Prose | None = None


TerritoryUpdate = patch_of("TerritoryUpdate", TerritoryCreate, required=("position", "is_active"))


class PostalRange(Shape):
    """Postal codes whose beginnings are from one to another."""

    first: str
    last: str


class TerritoryOut(Out):
    """A part of the market, and where its leads go."""

    name: str
    parent_id: UUID | None = Field(description=_PARENT)
    position: int = Field(description=_POSITION)
    is_active: bool
    countries: list[str]
    regions: list[str]
    postal_prefixes: list[str]
    postal_ranges: list[PostalRange]
    industries: list[str]
    company_ids: list[UUID] = Field(description=_ACCOUNTS)
    pool_id: UUID | None = Field(description=_POOL)
    user_id: UUID | None = Field(description=_USER)
    description: str | None


class LeadsOfTerritories(LeadKind):
    """Leads of one kind, and the territories that are as specific for them as each other."""

    territories: list[UUID]


class TerritoryShare(Shape):
    """How many leads a territory has."""

    territory_id: UUID
    leads: int


class TerritoryCoverage(Shape):
    """How the territories cover the leads that came, as they are now."""

    lead_count: int
    in_none: int = Field(description="How many of them are in no territory,")
    in_one: int = Field(description="one is the most specific for,")
    in_several: int = Field(description="several are, of which the first in their order has them.")
    shares: list[TerritoryShare] = Field(description="In the order of the tree.")
    gaps: list[LeadsOfTerritories] = Field(
        description="What is in none; the most frequent first, up to 200."
    )
    overlaps: list[LeadsOfTerritories] = Field(description="What is in several.")
