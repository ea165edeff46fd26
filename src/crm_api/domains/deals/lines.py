"""The shapes of what a deal is about: lines of the catalogue, and others."""

from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.prices.asking import Percent
from crm_api.kit.pricing.recurring import Interval
from crm_api.kit.schema import Amount, AmountOut, Quantity, QuantityOut, Schema, Shape
from crm_api.kit.schema import Line as Text

MOST_LINES = 100
_INTERVAL = "How often it falls due; empty: once."


class DealLine(Schema):
    """What may be sold: so much of a product, or of something else."""

    product_id: UUID | None = None
    variant_id: UUID | None = None
    name: Text | None = Field(None, description="What the product is called without it.")
    quantity: Quantity = Decimal(1)
    unit_id: UUID | None = Field(None, description="Of the quantity; the product's without it.")
    unit_price: Amount | None = Field(
        None, description="Instead of what price lists say; of what is no product it is needed."
    )
    discount_percent: Percent = Field(Decimal(0), description="What is off, in percent.")
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
        if not self.is_of_product and self.name is None:
            raise ValueError("what is no product has a name")
        if not self.is_of_product and self.unit_price is None:
            raise ValueError("what is no product has a `unit_price`")
        if not self.is_of_product and self.unit_id is not None:
            raise ValueError("a unit is of a product")
        if self.term is not None and self.interval is None:
            raise ValueError("a term is of what falls due again and again")
        return self


Lines = Annotated[list[DealLine], Field(max_length=MOST_LINES)]


class DealLineOut(Shape):
    """What may be sold, as it was given, and what it comes to."""

    product_id: UUID | None
    variant_id: UUID | None
    name: str
    is_name_given: bool = Field(description="Whether that is another name than the product's.")
    quantity: QuantityOut
    unit_id: UUID | None
    unit_price: AmountOut | None = Field(description="As it was given, instead of price lists.")
    discount_percent: QuantityOut
    interval: Interval | None = Field(description=_INTERVAL)
    term: int | None
    price: AmountOut = Field(description="Of one unit, before the discount.")
    tax_included: bool = Field(description="Whether `price` includes the taxes.")
    net: AmountOut = Field(description="What is due each time, after the discount, without taxes.")
    total: AmountOut = Field(description="In all: as often as its term says, or for a year.")
