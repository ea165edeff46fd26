"""Fixed prices by so many percent more or less: pure."""

from decimal import Decimal
from typing import Any

from crm_api.domains.prices.schemas import AdjustInput
from crm_api.kit.errors import Invalid
from crm_api.kit.money import shown_amount
from crm_api.kit.pricing.methods import changed_by
from crm_api.kit.pricing.rounding import ZERO, rounded_unit, to_multiple

_HIGHEST = Decimal(10) ** 14
"""No price is as high (`Amount`)."""


def adjusted_price(price: Decimal, data: AdjustInput) -> Decimal:
    """A price as it would be after; raises `Invalid` where it would be too high."""
    after = changed_by(price, data.percent)
    if data.round_to is not None:
        after = to_multiple(after, data.round_to, data.direction, data.ending)
    return _within(max(after, ZERO))


def _within(price: Decimal) -> Decimal:
    found = rounded_unit(price)
    if found >= _HIGHEST:
        message = "A price would be more than one can be."
        raise Invalid.at("/percent", "out_of_range", message)
    return found


def adjusted_tier(tier: dict[str, Any], data: AdjustInput) -> dict[str, Any]:
    """A tier as it would be after; raises `Invalid` where it would be too high."""
    # A fee is no price of a unit, and is not rounded like one.
    fee = _within(changed_by(Decimal(tier["flat_fee"]), data.percent))
    price = adjusted_price(Decimal(tier["unit_price"]), data)
    return {**tier, "unit_price": shown_amount(price), "flat_fee": shown_amount(max(fee, ZERO))}
