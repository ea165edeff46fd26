"""The shapes of what a quote is made of: sections, lines, discounts, clauses."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from crm_api.domains.prices.asking import (
    ChosenComponent,
    ChosenComponentOut,
    Components,
    Percent,
    PriceTrace,
)
from crm_api.kit.pricing.recurring import Interval
from crm_api.kit.pricing.taxes import Tax
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Cleaned,
    Code,
    Name,
    Prose,
    Quantity,
    QuantityOut,
    Schema,
    Shape,
    Short,
)
from crm_api.kit.schema import Line as Text

MOST_LINES = 500
LineKind = Literal["product", "service", "bundle", "text"]
SectionKind = Literal["standard", "optional", "alternatives"]
Passage = Annotated[str, StringConstraints(min_length=1, max_length=6_000), Cleaned]
UnitName = Annotated[str, StringConstraints(min_length=1, max_length=20), Cleaned]
_COMPOUND = "Whether it is also due on the taxes before it; null where that was not kept."
_INTERVAL = "How often it falls due; empty: once."
TEXTS = ("code", "name", "description", "unit")
"""What a line says of its product, unless it says something of its own."""


class QuoteDiscount(Schema):
    """What is taken off by hand: so many percent, or an amount."""

    percent: Percent | None = None
    amount: Amount | None = None
    reason: Name | None = Field(None, description="Why; it is printed.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.percent is None) == (self.amount is None):
            raise ValueError("a discount has either `percent` or `amount`")
        return self


class QuoteSharedDiscount(QuoteDiscount):
    """What is taken off a section, or off everything."""

    section: Code | None = Field(None, description="The key of the section; empty: everything.")
    interval: Interval | None = Field(
        None, description="Off what an amount is taken: empty is what falls due once."
    )

    @model_validator(mode="after")
    def _of_an_amount(self) -> Self:
        if self.percent is not None and self.interval is not None:
            raise ValueError("an `interval` is of an `amount`: a percentage is off all of them")
        return self


class QuoteSection(Schema):
    """Lines under one heading."""

    key: Code = Field(description="What its lines name it by.", examples=["hardware"])
    title: Name | None = None
    text: Passage | None = None
    kind: SectionKind = Field(
        "standard",
        description="`optional`: its lines count where they are selected; `alternatives`: of its "
        "lines at most one is selected, and counts.",
    )


class SoldLine(Schema):
    """What is sold, or a remark among it."""

    id: UUID | None = Field(None, description="Given again, it is the same line; else a new one.")
    kind: LineKind = Field("product", description="With a product it follows from that.")
    product_id: UUID | None = None
    variant_id: UUID | None = None
    code: Short | None = Field(None, description="The product's sku without it.")
    name: Text | None = Field(None, description="What the product is called without it.")
    description: Passage | None = None
    quantity: Quantity = Decimal(1)
    unit_id: UUID | None = Field(None, description="Of the quantity; the product's without it.")
    unit: UnitName | None = Field(None, description="How the unit is written.")
    unit_price: Amount | None = Field(
        None, description="Instead of what price lists say; of what is no product it is needed."
    )
    tax_category: Code | None = Field(None, description="Of what is no product.")
    components: Components = Field(
        default_factory=list[ChosenComponent],
        description="Of a bundle the optional components that are taken.",
    )
    interval: Interval | None = Field(None, description=_INTERVAL)
    term: Annotated[int, Field(ge=1, le=1_200)] | None = Field(
        None, description="How often in all; empty: without an end."
    )

    @property
    def is_of_product(self) -> bool:
        """Whether it is of a product, or of one of its variants."""
        return self.product_id is not None or self.variant_id is not None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        sold = self.is_of_product
        if sold and self.kind == "text":
            raise ValueError("a remark is of no product")
        if not sold and self.name is None:
            raise ValueError("what is no product has a name")
        if not sold and self.kind != "text" and self.unit_price is None:
            raise ValueError("what is no product has a `unit_price`")
        if self.components and not sold:
            raise ValueError("components are of a bundle")
        if self.kind == "text" and self.unit_price is not None:
            raise ValueError("a remark has no price")
        if self.term is not None and self.interval is None:
            raise ValueError("a term is of what falls due again and again")
        return self


class QuoteLine(SoldLine):
    """What is offered, or a remark among it."""

    section: Code | None = Field(None, description="The key of its section.")
    unit_cost: Amount | None = Field(
        None, description="Of what is no product; left out, the line has the one that it had."
    )
    price_reason: Name | None = Field(None, description="Why another price.")
    discounts: Annotated[list[QuoteDiscount], Field(max_length=5)] = Field(default_factory=list)
    is_optional: bool = Field(False, description="Whether it counts only where it is selected.")
    is_selected: bool = False

    @model_serializer(mode="wrap")
    def _dumped(self, dumped: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the costs where none were given: the line has those that it had."""
        values: dict[str, Any] = dumped(self)
        if "unit_cost" not in self.model_fields_set:
            values.pop("unit_cost", None)
        return values


class QuoteClause(Schema):
    """A paragraph of the terms: of the library, or one of its own."""

    clause_id: UUID | None = None
    title: Name | None = Field(None, description="That of the library without it.")
    text: Prose | None = Field(None, description="That of the library without it.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.clause_id is None and self.text is None:
            raise ValueError("a clause is one of the library, or has a `text`")
        return self


Lines = Annotated[list[QuoteLine], Field(max_length=MOST_LINES)]
Sections = Annotated[list[QuoteSection], Field(max_length=100)]
SharedDiscounts = Annotated[list[QuoteSharedDiscount], Field(max_length=10)]
Clauses = Annotated[list[QuoteClause], Field(max_length=100)]


class QuoteSectionOut(Shape):
    """Lines under one heading."""

    key: str
    title: str | None
    text: str | None
    kind: SectionKind


class QuoteDiscountOut(Shape):
    """What is taken off by hand."""

    percent: QuantityOut | None
    amount: AmountOut | None
    reason: str | None


class QuoteDeductionOut(Shape):
    """What was taken off a line, its share of what was taken off several lines too."""

    stage: str = Field(description="`campaign`, `manual`, `section`, `document`, `coupon` …")
    promotion_id: UUID | None
    reason: str | None
    percent: QuantityOut | None
    amount: AmountOut


class QuoteSharedDiscountOut(QuoteDiscountOut):
    """What is taken off a section, or off everything."""

    section: str | None
    interval: Interval | None


class QuoteLineTaxOut(Shape):
    """A tax on a line."""

    tax_rate_id: UUID
    name: str
    rate: QuantityOut
    compound: bool | None = Field(None, description=_COMPOUND)
    amount: AmountOut


def tax_of(stored: Mapping[str, Any]) -> Tax:
    """A tax of a line as it was stored, to be calculated anew."""
    return Tax(stored["tax_rate_id"], Decimal(stored["rate"]), bool(stored.get("compound")))


def held_in(line: Mapping[str, Any]) -> Sequence[str]:
    """The products in the bundle of a line as it was stored, as far as that was kept."""
    return line.get("held_ids") or [one["product_id"] for one in line.get("contents") or ()]


def taxes_named(lines: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What lines as they were stored say of their taxes besides amounts, by the rates' ids."""
    return {
        tax["tax_rate_id"]: {name: value for name, value in tax.items() if name != "amount"}
        for line in lines
        for tax in line["taxes"]
    }


class QuoteLineContentOut(Shape):
    """What one unit of a bundle holds of one product."""

    product_id: UUID
    variant_id: UUID | None
    name: str
    quantity: QuantityOut


class QuoteLineOut(Shape):
    """What is offered, as it was given, and what it comes to."""

    id: UUID
    kind: LineKind
    section: str | None
    product_id: UUID | None
    variant_id: UUID | None
    code: str | None
    name: str
    description: str | None
    quantity: QuantityOut
    unit_id: UUID | None
    unit: str | None
    unit_price: AmountOut | None = Field(description="As it was given, instead of price lists.")
    looked_up: list[Literal["code", "name", "description", "unit"]] = Field(
        description="Which of these were not given: they follow the product, in the language of "
        "the quote, whenever what is offered changes."
    )
    contents: list[QuoteLineContentOut] | None = Field(
        None,
        description="Of a bundle, what one of it holds, with what was chosen; it is printed.",
    )
    held_ids: list[UUID] | None = Field(
        None,
        description="Of a bundle, all products in it, and in the bundles in it: what they require "
        "and exclude counts.",
    )
    components: list[ChosenComponentOut] | None = Field(
        None, description="Of a bundle, the optional components that are taken, as given."
    )
    price_reason: str | None
    tax_category: str | None
    discounts: list[QuoteDiscountOut]
    interval: Interval | None = Field(description=_INTERVAL)
    term: int | None
    is_optional: bool
    is_selected: bool
    counts: bool = Field(description="Whether it is a part of the totals.")
    list_price: AmountOut | None = Field(description="Of one unit, as price lists say.")
    price: AmountOut | None = Field(description="Of one unit, before discounts.")
    tax_included: bool = Field(description="Whether `price` includes the taxes.")
    unit_net: AmountOut = Field(description="Of one unit, after discounts, without taxes.")
    list_amount: AmountOut = Field(description="Of all units, before discounts.")
    amount: AmountOut = Field(description="After discounts, taxed as the price is.")
    net: AmountOut
    tax: AmountOut
    gross: AmountOut
    deductions: list[QuoteDeductionOut]
    discount_percent: QuantityOut = Field(description="All that is off, as one.")
    manual_percent: QuantityOut = Field(
        description="What is off by hand, in percent: another price than the list's, and of each "
        "discount what it took of what those before it had left; 100 where a product has a price "
        "by hand and nothing says what it costs."
    )
    taxes: list[QuoteLineTaxOut]
    floor: AmountOut | None = Field(description="The lowest price without an approval.")
    below_floor: bool
    trace: PriceTrace | None = Field(
        description="Why it costs what it costs; stored without the rules that lost."
    )


class QuoteLineCostOut(Shape):
    """What a line costs us, and what is left."""

    line_id: UUID
    unit_cost: AmountOut | None
    cost: AmountOut | None
    margin: AmountOut | None
    margin_percent: QuantityOut | None


class QuoteClauseOut(Shape):
    """A paragraph of the terms, as it was when it was put there."""

    clause_id: UUID | None
    clause_version: int | None
    title: str | None
    text: str


class QuoteTaxOut(Shape):
    """What is due of one tax."""

    tax_rate_id: UUID
    name: str
    rate: QuantityOut
    compound: bool | None = Field(None, description=_COMPOUND)
    taxable: AmountOut = Field(description="Of a tax that is upon others, with these.")
    amount: AmountOut


class QuoteTotalsOut(Shape):
    """Sums of the lines that count and fall due together."""

    interval: Interval | None = Field(description=_INTERVAL)
    list_amount: AmountOut
    discount: AmountOut
    net: AmountOut
    tax: AmountOut
    gross: AmountOut
    taxes: list[QuoteTaxOut]


class QuoteRateOut(Shape):
    """A rate of exchange that prices were made by."""

    currency: str
    to: str
    rate: str


class QuoteWarningOut(Shape):
    """What is wrong with it, or wants an approval."""

    code: str
    message: str
    pointer: str | None
    blocks: bool = Field(description="Whether it cannot be sent so.")
