"""What is asked about prices, and what is answered."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from crm_api.domains.catalogue.models import PriceMode
from crm_api.kit.pricing.rounding import RoundingMode
from crm_api.kit.pricing.taxes import TaxRounding
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Code,
    Country,
    Currency,
    Day,
    Quantity,
    QuantityOut,
    Schema,
    Shape,
)

MOST_LINES = 500
Way = Literal["contract", "rule", "parent", "list_price", "components"]
LossReason = Literal[
    "less_specific", "quantity_not_reached", "lower_quantity", "list_asked_later", "no_base"
]
Percent = Annotated[Quantity, Field(le=100)]
Step = Annotated[Amount, Field(gt=0)]


class ChosenComponent(Schema):
    """An optional component of a bundle that a line takes."""

    bundle_component_id: UUID
    quantity: Annotated[Quantity, Field(gt=0)] | None = Field(
        None,
        description="In one bundle, within `min_quantity` and `max_quantity`; that of the component "
        "without it.",
    )


class ChosenComponentOut(Shape):
    """An optional component of a bundle that a line takes."""

    bundle_component_id: UUID
    quantity: QuantityOut | None = Field(description="As it was given.")


def _some(value: Any) -> Any:
    return [] if value is None else value


Components = Annotated[list[ChosenComponent], Field(max_length=100), BeforeValidator(_some)]
"""None, which is what lines without such say, is none."""


class PriceLineInput(Schema):
    """What is to be priced."""

    product_id: UUID | None = None
    variant_id: UUID | None = None
    quantity: Quantity = Decimal(1)
    unit_id: UUID | None = Field(None, description="Of the quantity; the product's without it.")
    discount_percent: Percent | None = Field(None, description="Given by hand, after all others.")
    components: Components = Field(
        default_factory=list[ChosenComponent],
        description="Of a bundle the optional components that are taken.",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.product_id is None and self.variant_id is None:
            raise ValueError("a line is of a product or of a variant")
        return self


class PriceQuestion(Schema):
    """Lines to be priced, and for whom, when and where."""

    lines: Annotated[list[PriceLineInput], Field(min_length=1, max_length=MOST_LINES)]
    currency: Currency
    company_id: UUID | None = Field(None, description="Whose contract prices and lists count.")
    contact_id: UUID | None = Field(
        None,
        description="Whose segments count, too; without a company also whose country does, and how "
        "often somebody used a coupon.",
    )
    date: Day | None = Field(None, description="Whose prices count: today's without it.")
    segments: Annotated[list[Code], Field(max_length=100)] = Field(
        default_factory=list,
        description="The segments that the customer belongs to, besides those that are known.",
    )
    price_list_id: UUID | None = Field(
        None, description="Asked before the other lists that are for this customer."
    )
    channel: Code | None = Field(None, description="By which channel it is sold.")
    region: Code | None = Field(
        None, description="Of lists for regions; of taxes the second half of an ISO 3166-2 code."
    )
    country: Country | None = Field(
        None,
        description="Whose taxes are due: without it the company's, or the contact's where there "
        "is no company, or the organization's.",
    )
    coupon_codes: Annotated[
        list[Annotated[str, StringConstraints(min_length=3, max_length=40)]], Field(max_length=10)
    ] = Field(default_factory=list)
    rounding: RoundingMode | None = Field(
        None,
        description="Of what is half-way; as the organization has it for the currency, without it.",
    )
    tax_rounding: TaxRounding | None = Field(
        None, description="How taxes are rounded; as the organization has it, without it."
    )
    cash_step: Step | None = Field(
        None,
        description="The smallest coin, where it is paid in cash; null for no cash. Without it, "
        "the organization's for the currency.",
        examples=["0.05"],
    )


class CashStep(Schema):
    """The smallest coin of a currency."""

    currency: Currency
    step: Step = Field(examples=["0.05"])


class CurrencyRounding(Schema):
    """How amounts of a currency are rounded."""

    currency: Currency
    rounding: RoundingMode = Field(description="Of what is half-way.")


class PricingSettings(Schema):
    """How an organization rounds, where a question about prices says nothing."""

    rounding: RoundingMode = Field("half_up", description="Of what is half-way.")
    rounding_by_currency: Annotated[list[CurrencyRounding], Field(max_length=50)] = Field(
        default_factory=list[CurrencyRounding],
        description="Currencies whose amounts are rounded in another way than `rounding`.",
    )
    tax_rounding: TaxRounding = Field(
        "document", description="Whether each tax is rounded once (EN 16931), or on every line."
    )
    cash_steps: Annotated[list[CashStep], Field(max_length=50)] = Field(
        default_factory=list[CashStep],
        description="By currency: what totals are paid in multiples of, as in cash.",
    )


class CashStepOut(Shape):
    """The smallest coin of a currency."""

    currency: str
    step: AmountOut


class CurrencyRoundingOut(Shape):
    """How amounts of a currency are rounded."""

    currency: str
    rounding: RoundingMode


class PricingSettingsOut(Shape):
    """How an organization rounds, where a question about prices says nothing."""

    rounding: RoundingMode
    rounding_by_currency: list[CurrencyRoundingOut]
    tax_rounding: TaxRounding
    cash_steps: list[CashStepOut]


class PriceStep(Shape):
    """One step on the way to a unit price."""

    step: str = Field(description="`contract`, `list_price`, `exchange`, `fixed`, `percent` …")
    price_list_id: UUID | None
    price_rule_id: UUID | None
    before: AmountOut | None
    after: AmountOut
    factor: str | None = Field(description="The rate of an exchange, or the factor of a list.")


class PriceLoss(Shape):
    """A rule that could have made the price, and why it did not."""

    price_rule_id: UUID
    price_list_id: UUID
    reason: LossReason


class ComponentPrice(Shape):
    """What a component costs in its bundle."""

    bundle_component_id: UUID
    product_id: UUID = Field(description="The component.")
    variant_id: UUID | None
    quantity: QuantityOut = Field(description="In one bundle.")
    is_optional: bool = Field(False, description="Whether it was chosen.")
    price_mode: PriceMode
    unit_price: AmountOut = Field(
        description="Of one, as `price_mode` has it, taxed as the bundle."
    )
    amount: AmountOut = Field(description="What it adds to the price of one bundle.")
    price_list_id: UUID | None
    price_rule_id: UUID | None
    contract_price_id: UUID | None


class PriceTrace(Shape):
    """Why it costs what it costs."""

    way: Way = Field(
        description="Where its price comes from; `components` for a bundle that has none of its own."
    )
    price_list_id: UUID | None
    price_rule_id: UUID | None
    contract_price_id: UUID | None
    scope: str | None = Field(description="`variant`, `product`, `category` or `all`.")
    min_quantity: QuantityOut | None
    components: list[ComponentPrice] | None = Field(
        None,
        description="Of a bundle: those that it cannot do without, and those that were chosen. "
        "Null for what is none.",
    )
    steps: list[PriceStep]
    lost: list[PriceLoss] = Field(description="The first twenty.")


class LineDiscount(Shape):
    """What was taken off a line."""

    stage: str
    promotion_id: UUID | None
    percent: QuantityOut | None
    amount: AmountOut


class LineTax(Shape):
    """A tax on a line."""

    tax_rate_id: UUID
    name: str
    rate: QuantityOut
    amount: AmountOut


class MoreForLess(Shape):
    """A larger quantity that costs less, before discounts."""

    quantity: QuantityOut
    amount: AmountOut
    saves: AmountOut


class PricedLine(Shape):
    """What a line comes to."""

    product_id: UUID
    variant_id: UUID | None
    quantity: QuantityOut
    unit_id: UUID | None
    unit_price: AmountOut = Field(description="Of one unit, before discounts.")
    unit_net: AmountOut = Field(description="Of one unit, after discounts, without taxes.")
    tax_included: bool = Field(description="Whether `unit_price` includes the taxes.")
    list_amount: AmountOut
    net: AmountOut
    tax: AmountOut
    gross: AmountOut
    discounts: list[LineDiscount]
    discount_percent: QuantityOut
    taxes: list[LineTax]
    floor: AmountOut | None = Field(description="The lowest unit price without an approval.")
    cost: AmountOut | None
    margin: AmountOut | None
    margin_percent: QuantityOut | None
    needs_approval: list[str] = Field(description="`below_floor`, `discount_over_policy`.")
    cheaper: MoreForLess | None
    trace: PriceTrace


class TaxDue(Shape):
    """What is due of one tax."""

    tax_rate_id: UUID
    name: str
    rate: QuantityOut
    taxable: AmountOut = Field(description="Of a tax that is upon others, with these.")
    amount: AmountOut


class PriceTotals(Shape):
    """Sums of the lines."""

    list_amount: AmountOut
    discount: AmountOut
    net: AmountOut
    tax: AmountOut
    gross: AmountOut
    cash_rounding: AmountOut
    payable: AmountOut
    cost: AmountOut | None
    margin: AmountOut | None
    margin_percent: QuantityOut | None


class PriceAnswer(Shape):
    """What the lines come to, and why."""

    currency: str
    date: date
    lines: list[PricedLine]
    taxes: list[TaxDue]
    totals: PriceTotals


class ProductPrice(Shape):
    """A price of a product in a list."""

    price_list_id: UUID | None = Field(description="Empty: the product's own list price.")
    price_list: str | None
    currency: str
    tax_included: bool
    min_quantity: QuantityOut
    unit_price: AmountOut
    trace: PriceTrace


class ProductPrices(Shape):
    """What a product costs, by list and quantity."""

    date: date
    data: list[ProductPrice]


class ProductQuestion(Schema):
    """On which day, and in which currency, the prices of a product are asked for."""

    as_of: Day | None = None
    currency: Currency | None = None
