"""What price lists, their rules and contract prices look like from outside."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from crm_api.domains.prices.models import Audience, ListStatus
from crm_api.kit.pricing.methods import Base, PriceMethod, formula_of
from crm_api.kit.pricing.rounding import Direction
from crm_api.kit.pricing.tiers import Tier, TierMode, check_tiers
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Code,
    Create,
    Currency,
    Day,
    Name,
    Out,
    Prose,
    Quantity,
    QuantityOut,
    Schema,
    Shape,
    SignedAmount,
    patch_of,
)
from crm_api.kit.values.errors import BadValue

_PERCENT_OUT = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["-10"]}
SignedPercent = Annotated[SignedAmount, Field(ge=-100, le=1_000_000)]
Margin = Annotated[Quantity, Field(lt=100)]
PercentOut = Annotated[str, WithJsonSchema(_PERCENT_OUT)]
Factor = Annotated[Quantity, Field(gt=0, le=1_000_000)]
Multiple = Annotated[Amount, Field(gt=0)]


def _formula(value: str) -> str:
    try:
        formula_of(value)
    except BadValue as mistake:
        raise ValueError(mistake.message) from None
    return value


Formula = Annotated[Prose, AfterValidator(_formula)]


class Valid(Schema):
    """The days on which something counts."""

    valid_from: Day | None = Field(None, description="The first day; empty: always before.")
    valid_to: Day | None = Field(None, description="The last day; empty: for good.")


class ValidOut(Shape):
    """The days on which something counts."""

    valid_from: date | None
    valid_to: date | None


class PriceListCreate(Valid, Create):
    """A new price list, which is a draft."""

    name: Name = Field(examples=["Retail"])
    currency: Currency
    priority: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0, description="Of lists for the same audience the higher one is asked first."
    )
    audience: Audience = Field("default", description="Whose prices these are.")
    company_id: UUID | None = Field(None, description="Of the audience `account`.")
    audience_key: Code | None = Field(
        None,
        description="Of the audiences `segment`, `channel` and `region`: which one. The id of a "
        "segment has it count for its members; other names where they are said.",
    )
    parent_id: UUID | None = Field(None, description="The list that says what this one does not.")
    factor: Factor = Field(
        Decimal(1),
        description="What prices of the parent are multiplied by; between currencies, the rate.",
    )
    tax_included: bool = Field(False, description="Whether the prices include the taxes.")
    description: Prose | None = None


PriceListUpdate = patch_of(
    "PriceListUpdate",
    PriceListCreate,
    required=("priority", "audience", "factor", "tax_included"),
)


class PriceListOut(ValidOut, Out):
    """Prices in one currency, for some customers, for some time."""

    name: str
    currency: str
    priority: int
    audience: Audience
    company_id: UUID | None
    audience_key: str | None
    parent_id: UUID | None
    factor: QuantityOut
    tax_included: bool
    status: ListStatus
    description: str | None


class TierInput(Schema):
    """A stretch of quantities; it begins where the one before ends."""

    unit_price: Amount = Field(description="Of one unit, or of a package.")
    up_to: Quantity | None = Field(None, description="The last quantity in it; empty: no end.")
    flat_fee: Amount = Field(Decimal(0), description="Once, as soon as the tier is used.")
    package: Annotated[Quantity, Field(gt=0)] = Field(
        Decimal(1), description="How many units a package has."
    )


class TierOut(Shape):
    """A stretch of quantities."""

    unit_price: AmountOut
    up_to: QuantityOut | None
    flat_fee: AmountOut
    package: QuantityOut


def tier_of(given: TierInput | dict[str, Any]) -> Tier:
    """A tier as the arithmetic takes it."""
    known = given.model_dump() if isinstance(given, TierInput) else given
    return Tier(
        Decimal(known["unit_price"]),
        None if known["up_to"] is None else Decimal(known["up_to"]),
        Decimal(known["flat_fee"]),
        Decimal(known["package"]),
    )


def _tiers(tiers: list[TierInput]) -> list[TierInput]:
    if tiers:
        check_tiers([tier_of(tier) for tier in tiers])
    return tiers


Tiers = Annotated[list[TierInput], Field(max_length=50), AfterValidator(_tiers)]


class PriceFields(Valid, Create):
    """How something is priced, from a quantity on."""

    min_quantity: Quantity = Field(Decimal(0), description="From which quantity on.")
    method: PriceMethod = Field("fixed", description="How the unit price is made.")
    unit_price: Amount | None = Field(None, description="Of the method `fixed`.")
    percent: SignedPercent | None = Field(
        None,
        description="Of the methods `percent` and `cost_plus`: what is added to the base, or taken "
        "off.",
        examples=["-10"],
    )
    base: Base = Field("list", description="What a percentage is of.")
    formula: Formula | None = Field(
        None,
        description="Of the method `formula`: of `list_price`, `cost`, `parent_price`, `quantity`.",
        examples=["max(cost * 1.3, list_price * 0.8)"],
    )
    surcharge: SignedAmount | None = Field(None, description="Added to what the method makes.")
    round_to: Multiple | None = Field(None, description="The multiple to which it is rounded.")
    direction: Direction = Field("nearest", description="Which way it is rounded.")
    ending: SignedAmount | None = Field(
        None, description="With `round_to`: what is added to multiples.", examples=["-0.01"]
    )
    floor: Amount | None = Field(None, description="The lowest unit price.")
    ceiling: Amount | None = Field(None, description="The highest unit price.")
    min_margin: Margin | None = Field(None, description="In percent of the price.")
    max_margin: Margin | None = Field(None, description="In percent of the price.")
    tier_mode: TierMode | None = Field(None, description="With `tiers`: how they count.")
    tiers: Tiers = Field(
        default_factory=list, description="Prices by quantity, in place of `unit_price`."
    )


class PriceRuleCreate(PriceFields):
    """A new rule; without a variant, product or category it is for everything."""

    price_list_id: UUID
    variant_id: UUID | None = None
    product_id: UUID | None = None
    category_id: UUID | None = None


PriceRuleUpdate = patch_of(
    "PriceRuleUpdate",
    PriceFields,
    required=("min_quantity", "method", "base", "direction"),
)


class PriceRuleOut(ValidOut, Out):
    """How a list prices something."""

    price_list_id: UUID
    variant_id: UUID | None
    product_id: UUID | None
    category_id: UUID | None
    min_quantity: QuantityOut
    method: PriceMethod
    unit_price: AmountOut | None
    percent: QuantityOut | None
    base: Base
    formula: str | None
    surcharge: AmountOut | None
    round_to: AmountOut | None
    direction: Direction
    ending: AmountOut | None
    floor: AmountOut | None
    ceiling: AmountOut | None
    min_margin: QuantityOut | None
    max_margin: QuantityOut | None
    tier_mode: TierMode | None
    tiers: list[TierOut]


class ListPriceInput(Schema):
    """A fixed price in a list."""

    product_id: UUID | None = None
    variant_id: UUID | None = None
    min_quantity: Quantity = Decimal(0)
    unit_price: Amount
    valid_from: Day | None = None
    valid_to: Day | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.product_id is None) == (self.variant_id is None):
            raise ValueError("a price is of a product or of a variant")
        return self


class ContractPriceFields(Valid, Create):
    """What was agreed."""

    unit_price: Amount
    min_quantity: Quantity = Field(Decimal(0), description="From which quantity on.")
    tax_included: bool = Field(False, description="Whether the price includes the taxes.")
    reference: Name | None = Field(None, description="Where it was agreed.")


class ContractPriceCreate(ContractPriceFields):
    """A price agreed with a company, for a product or one of its variants."""

    company_id: UUID
    product_id: UUID | None = None
    variant_id: UUID | None = None
    currency: Currency


ContractPriceUpdate = patch_of(
    "ContractPriceUpdate", ContractPriceFields, required=("min_quantity", "tax_included")
)


class ContractPriceOut(ValidOut, Out):
    """What was agreed with a company."""

    company_id: UUID
    product_id: UUID | None
    variant_id: UUID | None
    currency: str
    unit_price: AmountOut
    min_quantity: QuantityOut
    tax_included: bool
    reference: str | None


class Activation(Schema):
    """When a list is to count."""

    valid_from: Day | None = Field(
        None, description="The first day; without it, the list's, or today for an activation."
    )


class PriceListCloneInput(Schema):
    """What a copy of a list is to be called."""

    name: Name
    currency: Currency | None = Field(None, description="The copy's; the same without it.")


class AdjustInput(Schema):
    """By how much the fixed prices of a list are to change."""

    percent: SignedPercent = Field(examples=["3.5"])
    round_to: Multiple | None = Field(None, description="The multiple to which prices are rounded.")
    direction: Direction = "nearest"
    ending: SignedAmount = Field(Decimal(0), description="With `round_to`: added to multiples.")
    category_id: UUID | None = Field(None, description="Only rules for it and its products.")


class Adjusted(Shape):
    """What became of one price."""

    price_rule_id: UUID
    before: AmountOut
    after: AmountOut


class Adjustment(Shape):
    """What became of the prices of a list."""

    changed: int = Field(description="How many; none yet where a job is at it.")
    prices: list[Adjusted] = Field(description="The first thousand.")
    job_id: UUID | None = Field(description="The job that does it, of more than 10,000 rules.")


class PriceListCopy(Shape):
    """A copy of a list."""

    price_list_id: UUID
    rules: int = Field(description="How many rules it has, or will have.")
    job_id: UUID | None = Field(description="The job that copies more than 10,000 rules.")


class CheckStarted(Shape):
    """The job that looks at the prices."""

    job_id: UUID
