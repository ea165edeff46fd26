"""What a deal is worth: how probable it is, what that makes, and what it is at home."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from crm_api.domains.deals.models import Deal
from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.kit.values.codes import minor_digits
from crm_api.platform.exchange.service import ExchangeService

PRICED = frozenset({"amount", "currency", "closes_on"})
"""What the amount at home follows from."""
WEIGHED = PRICED | {"probability_override", "forecast_override", "stage_id"}
_OLDEST_RATE = 30
_PRECISION = 34
_MOST = Decimal(10) ** 14
_SURE = {"won": 100, "lost": 0}


def weighed(deal: Mapping[str, Any], stage: Mapping[str, Any]) -> dict[str, Any]:
    """How probable a deal is in a stage, how it counts in forecasts, and what it makes.

    What is won or lost is so whatever was said by hand before.
    """
    by_hand = deal["probability_override"], deal["forecast_override"]
    own = stage["probability"], stage["forecast_category"]
    if stage["kind"] in _SURE:
        by_hand = None, None
    probability, category = (
        default if said is None else said for said, default in zip(by_hand, own, strict=True)
    )
    expected = expected_of(deal["amount"], probability, deal["currency"])
    return {
        "probability": probability,
        "forecast_category": category,
        "expected_amount": expected,
    }


def expected_of(amount: Decimal | None, probability: int, currency: str) -> Decimal | None:
    """An amount times how probable it is, in percent; None without one."""
    if amount is None:
        return None
    unit = Decimal(1).scaleb(-max(2, minor_digits(currency)))
    return (amount * probability / 100).quantize(unit, ROUND_HALF_UP)


def rots_at(entered_at: datetime, stage: Mapping[str, Any]) -> datetime | None:
    """When a deal has stood in an open stage for too long; None where that is never."""
    days = stage["rotting_days"]
    if days is None or stage["kind"] != "open":
        return None
    return entered_at + timedelta(days=days)


def pushed(values: dict[str, Any], current: Deal) -> dict[str, Any]:
    """The same values of an open deal; putting it off to a later month is counted."""
    was, later = current.closes_on, values.get("closes_on")
    if current.status != "open" or was is None or later is None:
        return values
    if (later.year, later.month) <= (was.year, was.month):
        return values
    return {**values, "push_count": current.push_count + 1}


async def at_home(tx: Tx, deal: Mapping[str, Any], currency: str) -> Decimal | None:
    """The amount of a deal in the organization's currency; None where there is no rate."""
    amount = deal["amount"]
    if amount is None or deal["currency"] == currency:
        return amount
    rate = await rate_home(tx, deal["currency"], currency, deal["closes_on"])
    return converted(amount, rate, currency)


async def rate_home(tx: Tx, currency: str, own: str, closes_on: date | None) -> Decimal | None:
    """What a unit is worth on the day when a deal is decided, or today before that."""
    today = today_of(tx)
    on = min(closes_on or today, today)
    try:
        legs = await ExchangeService(tx).way(currency, own, on, max_age_days=_OLDEST_RATE)
    except Conflict:
        return None
    with localcontext() as context:
        context.prec = _PRECISION
        rate = Decimal(1)
        for leg in legs:
            rate *= leg.factor
    return rate


def converted(amount: Decimal, rate: Decimal | None, currency: str) -> Decimal | None:
    """An amount at a rate; None without one, or where it is more than can be stored."""
    if rate is None:
        return None
    with localcontext() as context:
        context.prec = _PRECISION
        found = amount * rate
        if found >= _MOST:
            return None
        return found.quantize(Decimal(1).scaleb(-minor_digits(currency)), ROUND_HALF_UP)
