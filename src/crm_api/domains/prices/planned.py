"""The shapes of a change of prices that is only thought of."""

from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from crm_api.domains.catalogue.models import PriceMode
from crm_api.domains.prices.schemas import AdjustInput
from crm_api.domains.promotions.models import Stacking
from crm_api.domains.promotions.schemas import Percent
from crm_api.domains.taxes.schemas import Category, Region
from crm_api.kit.schema import Amount, Code, Country, Currency, Quantity, Schema
from crm_api.platform.exchange.schemas import Rate

_AS_IT_IS = "As it is, without it."


class _OfOneThing(Schema):
    product_id: UUID | None = None
    variant_id: UUID | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.product_id is None) == (self.variant_id is None):
            raise ValueError("a price is of a product or of a variant")
        return self


class ProposedAdjustment(AdjustInput):
    """By how much the fixed prices of a list would change."""

    price_list_id: UUID


class ProposedPrice(_OfOneThing):
    """A fixed price that a list would have."""

    price_list_id: UUID
    min_quantity: Quantity = Decimal(0)
    unit_price: Amount


class ProposedContractPrice(_OfOneThing):
    """What would be agreed with a company."""

    company_id: UUID
    currency: Currency
    min_quantity: Quantity = Decimal(0)
    unit_price: Amount | None = Field(description="Null: nothing is agreed any more.")
    tax_included: bool = Field(False, description="Whether the price includes the taxes.")


class ProposedProduct(Schema):
    """What a product would cost, in its own currency."""

    product_id: UUID
    list_price: Amount | None = Field(None, description=_AS_IT_IS)
    cost: Amount | None = Field(None, description=_AS_IT_IS)


class ProposedPromotion(Schema):
    """A promotion as it would be; what is not said of one that is there stays as it is.

    It counts as if its first day had come, and not after its last one.
    """

    promotion_id: UUID | None = Field(None, description="One that is there; a new one without it.")
    is_active: bool = Field(True, description="False: it would count no more.")
    percent: Percent | None = Field(None, description="So many percent off; or `amount`.")
    amount: Amount | None = Field(None, description="So much off; or `percent`.")
    currency: Currency | None = Field(None, description="That of `amount`.")
    product_id: UUID | None = Field(None, description="What it is off; or `category_id`.")
    category_id: UUID | None = Field(None, description="Also of those below it.")
    needs_coupon: bool | None = None
    stacking: Stacking | None = Field(None, description="`stackable` for a new one without it.")
    priority: Annotated[int, Field(ge=0, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if self.percent is not None and self.amount is not None:
            raise ValueError("a promotion is a percentage or an amount")
        if self.product_id is not None and self.category_id is not None:
            raise ValueError("a promotion is off one product or category")
        if (self.amount is None) != (self.currency is None):
            raise ValueError("an amount goes with its currency")
        if self.promotion_id is None and self.percent is None and self.amount is None:
            raise ValueError("a new promotion is a percentage or an amount")
        return self


class ProposedTax(Schema):
    """A rate that would be due, in place of the one of the same tax for the same."""

    country: Country
    region: Region = ""
    code: Code = Field("VAT", description="Which tax it is.")
    tax_category: Category = Field("", description="That of products.")
    rate: Annotated[Quantity, Field(le=1000)] = Field(description="In percent.", examples=["20"])
    compound: bool | None = Field(
        None, description="Whether it is also on the taxes before it; as it is, or not, without it."
    )
    position: Annotated[int, Field(ge=0, le=1000)] | None = Field(
        None, description="Where several taxes are due, in which order; as it is, or 0, without it."
    )


class ProposedCoupon(Schema):
    """A coupon that would count, or would not; its promotion has to count for itself."""

    code: Annotated[str, StringConstraints(min_length=3, max_length=40)]
    is_active: bool = Field(
        description="True: on any day, and however often it was used; false: no more."
    )


class ProposedRate(Schema):
    """A rate of exchange of each day, in place of what is known of the two currencies."""

    base: Currency
    quote: Currency = Field(description="One unit of `base` would cost `rate` of these.")
    rate: Rate

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if self.base == self.quote:
            raise ValueError("a rate is between two currencies")
        return self


class ProposedComponent(Schema):
    """A component as a bundle would have it; what is not said of one that is there stays."""

    product_id: UUID = Field(description="The bundle.")
    component_id: UUID = Field(description="The product that is a part of it.")
    variant_id: UUID | None = None
    is_there: bool = Field(True, description="False: the bundle would not hold it any more.")
    quantity: Annotated[Quantity, Field(gt=0)] | None = Field(None, description="1 of a new one.")
    price_mode: PriceMode | None = Field(None, description="`sum` for a new one without it.")
    price: Amount | None = Field(None, description="Of the mode `fixed`, in the bundle's currency.")
    percent: Quantity | None = Field(None, description="Of the mode `percent`.")

    @model_validator(mode="after")
    def _of_its_mode(self) -> Self:
        needs = {"fixed": "price", "percent": "percent"}.get(self.price_mode or "")
        given = {name for name in ("price", "percent") if getattr(self, name) is not None}
        if given != ({needs} - {None}):
            raise ValueError("`price` goes with the mode `fixed`, `percent` with `percent`")
        return self


Lists = Annotated[list[UUID], Field(max_length=10)]


class PriceChange(Schema):
    """What would change, in this order."""

    begin: Lists = Field(
        default_factory=list, description="Lists that would count: drafts and those to come, too."
    )
    end: Lists = Field(default_factory=list, description="Lists that would count no more.")
    products: Annotated[list[ProposedProduct], Field(max_length=500)] = Field(
        default_factory=list[ProposedProduct]
    )
    adjust: Annotated[list[ProposedAdjustment], Field(max_length=10)] = Field(
        default_factory=list[ProposedAdjustment], description="As `…/adjust` would."
    )
    prices: Annotated[list[ProposedPrice], Field(max_length=500)] = Field(
        default_factory=list[ProposedPrice],
        description="Fixed prices, in place of rules for the same from the same quantity on.",
    )
    contract_prices: Annotated[list[ProposedContractPrice], Field(max_length=500)] = Field(
        default_factory=list[ProposedContractPrice],
        description="In place of what is agreed for the same from the same quantity on.",
    )
    promotions: Annotated[list[ProposedPromotion], Field(max_length=50)] = Field(
        default_factory=list[ProposedPromotion]
    )
    taxes: Annotated[list[ProposedTax], Field(max_length=50)] = Field(
        default_factory=list[ProposedTax]
    )
    coupons: Annotated[list[ProposedCoupon], Field(max_length=50)] = Field(
        default_factory=list[ProposedCoupon]
    )
    rates: Annotated[list[ProposedRate], Field(max_length=50)] = Field(
        default_factory=list[ProposedRate]
    )
    components: Annotated[list[ProposedComponent], Field(max_length=100)] = Field(
        default_factory=list[ProposedComponent],
        description="Of bundles; those that a bundle can do without stay so.",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not any(getattr(self, name) for name in PriceChange.model_fields):
            raise ValueError("nothing would change")
        return self
