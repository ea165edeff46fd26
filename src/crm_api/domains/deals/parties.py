"""What those look like from outside who have to do with a deal: people, competitors, sellers."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from crm_api.domains.deals.models import BuyingRole, CompetitorStatus, Sentiment, SplitKind
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Create,
    Day,
    Name,
    Out,
    Prose,
    Quantity,
    QuantityOut,
    Schema,
    Shape,
    Unique,
    patch_of,
)

MOST_PARTS = 20
Roles = Annotated[list[BuyingRole], Field(max_length=10), Unique]


class _DealContactFields(Create):
    contact_id: UUID
    roles: Roles = Field(
        default_factory=list,
        description="What the person is in this deal; several things perhaps.",
        examples=[["champion", "user"]],
    )
    influence: Annotated[int, Field(ge=1, le=5)] | None = Field(
        None, description="How much the person has to say: 5 is most."
    )
    sentiment: Sentiment | None = Field(None, description="How the person thinks of it.")
    note: Prose | None = None


class DealContactCreate(_DealContactFields):
    """A person who has to do with a deal; once in each."""

    deal_id: UUID


DealContactUpdate = patch_of("DealContactUpdate", _DealContactFields)


class DealContactOut(Out):
    """What a person is in a deal."""

    deal_id: UUID
    contact_id: UUID
    roles: list[str]
    influence: int | None
    sentiment: Sentiment | None
    note: str | None


class CommitteeRole(Shape):
    """A buying role, and who has it."""

    role: BuyingRole
    is_wanted: bool = Field(description="Whether the pipeline wants somebody in it.")
    contact_ids: list[UUID]


class CommitteeMember(Shape):
    """Somebody who stands in the way."""

    id: UUID = Field(description="Of the `deal_contact`.")
    contact_id: UUID
    roles: list[BuyingRole]
    influence: int | None
    sentiment: Sentiment | None


class Committee(Shape):
    """Who decides on a deal, and who of those that are wanted is missing."""

    deal_id: UUID
    people: int = Field(description="How many have to do with it.")
    roles: list[CommitteeRole] = Field(description="Those that are wanted or that somebody has.")
    wanted: int = Field(description="How many roles the pipeline wants.")
    covered: int = Field(description="How many of these somebody has.")
    gaps: list[BuyingRole] = Field(description="The others.")
    blockers: list[CommitteeMember] = Field(
        description="Who has the role of a blocker or thinks ill of it, the most influential first."
    )
    is_single_threaded: bool = Field(
        description="Whether there are fewer than two people who do not stand in the way."
    )


class DealCompetitor(Schema):
    """A company that tries for the same deal."""

    company_id: UUID
    status: CompetitorStatus = "active"
    strengths: Prose | None = Field(None, description="What speaks for it.")
    price: Amount | None = Field(None, description="What it asks, in the deal's currency.")


class DealCompetitorOut(Shape):
    """A company that tries for the same deal."""

    company_id: UUID
    status: CompetitorStatus
    strengths: str | None
    price: AmountOut | None


def _once(items: list[DealCompetitor]) -> list[DealCompetitor]:
    if len({item.company_id for item in items}) < len(items):
        raise ValueError("each company competes once")
    return items


Competitors = Annotated[list[DealCompetitor], Field(max_length=50), AfterValidator(_once)]


class DealSplit(Schema):
    """Who is credited with a part of a deal."""

    user_id: UUID
    kind: SplitKind = Field(
        "revenue",
        description="`revenue`: shares, which are 100 % together; `overlay`: for help, as it is.",
    )
    percent: Annotated[Quantity, Field(gt=0, le=100)]


class DealSplitOut(Shape):
    """Who is credited with a part of a deal."""

    user_id: UUID
    kind: SplitKind
    percent: QuantityOut
    amount: AmountOut | None = Field(
        description="Of the deal's `amount`; those of `revenue` are the whole of it together."
    )


Splits = Annotated[list[DealSplit], Field(max_length=50)]


class DealPart(Schema):
    """A new deal that is taken off another one."""

    name: Name = Field(examples=["New office, second floor"])
    amount: Annotated[Amount, Field(gt=0)] = Field(description="What the other one is reduced by.")
    closes_on: Day | None = Field(None, description="Without it that of the other one.")
    owner_id: UUID | None = Field(None, description="Without it that of the other one.")


class DealParting(Schema):
    """What is taken off a deal."""

    parts: Annotated[list[DealPart], Field(min_length=1, max_length=MOST_PARTS)]
