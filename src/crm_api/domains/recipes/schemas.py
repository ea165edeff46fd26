"""What recipes look like from outside."""

from decimal import Decimal
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from crm_api.domains.quotes.lines import (
    Interval,
    QuoteClause,
    QuoteSection,
    QuoteSectionOut,
)
from crm_api.domains.recipes.models import Customer, RecipeStatus, Tier
from crm_api.kit.schema import (
    Code,
    Create,
    Language,
    Line,
    Name,
    Out,
    Prose,
    Quantity,
    QuantityOut,
    Schema,
    Shape,
    Tag,
    Tags,
    patch_of,
)

MOST_ITEMS = 50
Parameter = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
_PER = "The parameter of the request that the quantity is multiplied by, such as `seats`."
_CONDITION = "The filter language: which customers it is for; all of their kind, when it is empty."
_ANSWERS = (
    "It is taken where it answers one of the needs asked for; without any, for every customer who "
    "fits."
)


class RecipeItem(Schema):
    """What a tier offers: one product or variant, or one found by a category or a need."""

    product_id: UUID | None = None
    variant_id: UUID | None = None
    category_id: UUID | None = Field(
        None, description="One product of it: `good` takes the cheapest, `best` the dearest."
    )
    need: Tag | None = Field(None, description="One product that is good for it, chosen likewise.")
    quantity: Quantity = Field(Decimal(1), gt=0)
    per: Parameter | None = Field(None, description=_PER, examples=["seats"])
    section: Code | None = Field(None, description="The key of a section of the recipe.")
    interval: Interval | None = Field(None, description="How often it falls due; empty: once.")
    term: Annotated[int, Field(ge=1, le=1_200)] | None = Field(
        None, description="How often in all; empty: without an end."
    )
    is_optional: bool = Field(False, description="Left out first where a budget is too small.")
    reason: Line | None = Field(None, description="Why it is offered, in the words of the recipe.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        found = (self.product_id, self.variant_id, self.category_id, self.need)
        if sum(one is not None for one in found) != 1:
            raise ValueError(
                "an item has one of `product_id`, `variant_id`, `category_id` and `need`"
            )
        if self.term is not None and self.interval is None:
            raise ValueError("a term is of what falls due again and again")
        return self


class RecipeTier(Schema):
    """What is offered on one level; one that is missing offers what the one below it does."""

    tier: Tier
    name: Name | None = Field(None, description="What it is called, such as `Comfort`.")
    items: Annotated[list[RecipeItem], Field(min_length=1, max_length=MOST_ITEMS)]


class ProposalRecipeCreate(Create):
    """A new recipe."""

    name: Name = Field(examples=["New office"])
    description: Prose | None = None
    status: RecipeStatus = Field("draft", description="Only what is `active` is proposed.")
    target: Customer = Field("company", description="The kind of record the condition is about.")
    condition: dict[str, Any] = Field(default_factory=dict, description=_CONDITION)
    needs: Tags = Field(default_factory=list, description=_ANSWERS)
    priority: int = Field(100, ge=0, le=10_000, description="The lowest comes first.")
    sections: Annotated[list[QuoteSection], Field(max_length=20)] = Field(default_factory=list)
    tiers: Annotated[list[RecipeTier], Field(min_length=1, max_length=3)]
    language: Language | None = Field(
        None, description="That its texts are in, and so the quote; the customer's without it."
    )
    valid_days: Annotated[int, Field(ge=1, le=3_650)] | None = Field(
        None, description="How many days a quote by it is valid."
    )
    introduction: Prose | None = None
    closing: Prose | None = None
    clauses: Annotated[list[QuoteClause], Field(max_length=50)] = Field(
        default_factory=list, description="The terms; the default ones where no recipe has any."
    )


ProposalRecipeUpdate = patch_of(
    "ProposalRecipeUpdate",
    ProposalRecipeCreate,
    required=("status", "target", "condition", "priority"),
)


class RecipeItemOut(Shape):
    """What a tier offers."""

    product_id: UUID | None
    variant_id: UUID | None
    category_id: UUID | None
    need: str | None
    quantity: QuantityOut
    per: str | None = Field(description=_PER)
    section: str | None
    interval: Interval | None
    term: int | None
    is_optional: bool
    reason: str | None


class RecipeTierOut(Shape):
    """What is offered on one level."""

    tier: Tier
    name: str | None
    items: list[RecipeItemOut]


class RecipeClauseOut(Shape):
    """A paragraph of the terms: of the library, or one of its own."""

    clause_id: UUID | None
    title: str | None
    text: str | None


class ProposalRecipeOut(Out):
    """What is offered to customers who fit, for needs, in up to three tiers."""

    name: str
    description: str | None
    status: RecipeStatus
    target: Customer
    condition: dict[str, Any] = Field(description=_CONDITION)
    needs: list[str] = Field(description=_ANSWERS)
    priority: int
    sections: list[QuoteSectionOut]
    tiers: list[RecipeTierOut]
    language: str | None
    valid_days: int | None
    introduction: str | None
    closing: str | None
    clauses: list[RecipeClauseOut]
