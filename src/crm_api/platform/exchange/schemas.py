"""What exchange rates look like from outside."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from crm_api.kit.schema import Amount, AmountOut, Currency, Day, Name, Schema, Shape

MOST_RATES = 1_000


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError("a rate is a decimal string, never a float")  # noqa: TRY004
    return value


Rate = Annotated[
    Decimal,
    BeforeValidator(_exact),
    Field(max_digits=24, decimal_places=12, allow_inf_nan=False, gt=0),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d{1,12}(\.\d{1,12})?$", "examples": ["1.0842"]}
    ),
]
RateOut = Annotated[str, WithJsonSchema({"type": "string", "examples": ["1.0842"]})]


class RateInput(Schema):
    """One unit of `base` costs `rate` units of `quote`."""

    base: Currency
    quote: Currency = Field(description="ISO 4217 code.", examples=["USD"])
    day: Day
    rate: Rate
    source: Name | None = Field(None, description="Where the rate is from.")

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if self.base == self.quote:
            raise ValueError("a rate is between two currencies")
        return self


class RatesInput(Schema):
    """Rates to set; one that is there for the day is replaced."""

    rates: Annotated[list[RateInput], Field(min_length=1, max_length=MOST_RATES)]


class RatesSet(Shape):
    """What became of the rates."""

    count: int


class ExchangeRateOut(Shape):
    """What one unit of `base` costs in `quote` on a day."""

    base: str
    quote: str
    day: date
    rate: RateOut
    source: str | None
    set_at: datetime


class ExchangeRatePage(Shape):
    """Rates, the latest day first."""

    data: list[ExchangeRateOut]
    next_cursor: str | None


class ConvertInput(Schema):
    """An amount to be converted."""

    amount: Amount
    currency: Currency
    to: Currency = Field(description="ISO 4217 code.", examples=["USD"])
    on: Day | None = Field(None, description="Today, where it is left out.")
    max_age_days: Annotated[int, Field(ge=0, le=3660)] = Field(
        30, description="How old the rate may be on that day."
    )


class RateUsed(Shape):
    """A rate of which a conversion is made."""

    base: str
    quote: str
    rate: RateOut
    day: date
    inverse: bool = Field(description="Whether the rate was stored the other way round.")


class Converted(Shape):
    """What an amount is worth."""

    amount: AmountOut = Field(description="Rounded half up to the currency's smallest unit.")
    currency: str
    rate: RateOut = Field(description="Units of `currency` for one of the given currency.")
    rates: list[RateUsed] = Field(description="None between a currency and itself.")
