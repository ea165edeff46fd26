"""Amounts of several currencies as one: as they were stored, or by the rates of a day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import localcontext

from sqlalchemy import Numeric, Text, bindparam, cast, func
from sqlalchemy.dialects.postgresql import JSONB

from crm_api.domains.reports.operands import Operand, operand_of, pointed, unfit
from crm_api.domains.reports.schemas import CurrencyMode
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing
from crm_api.platform.exchange.service import ExchangeService

RATES = "rates"
"""The parameter that holds what one unit of each currency is worth."""
_MAX_AGE_DAYS = 30
_PRECISION = 34


@dataclass(frozen=True)
class Money:
    """How amounts of several currencies become one."""

    mode: CurrencyMode
    day: date
    """Whose rates hold, where it is by those of a day."""

    def operand(self, tx: Tx, listing: Listing, operand: Operand, at: str) -> Operand:
        """An amount as it is added up; raises `Invalid` where there is no such amount."""
        coded_by = operand.coded_by
        if self.mode == "recorded" or coded_by is None:
            return operand
        if self.mode == "at_close":
            name = f"base_{operand.name}"
            if name not in operand.place.listing.fields:
                message = f"{operand.path} is not stored in the organization's currency."
                raise unfit(at, "no_base_amount", message)
            return operand_of(tx, listing, ".".join([*operand.relations, name]), at)
        # What hides the currency of an amount hides what it is worth.
        currency = operand_of(tx, listing, coded_by, at)
        given = cast(bindparam(RATES, type_=Text()), JSONB())
        rate = func.jsonb_extract_path_text(given, currency.expression)
        worth = operand.expression * cast(rate, Numeric())
        return replace(operand, expression=worth, whole=None, currency=currency)


async def rates_of(tx: Tx, currencies: Sequence[str], to: str, day: date) -> dict[str, str]:
    """What one unit of each currency is worth; raises `Conflict` where no rate is recent."""
    exchange = ExchangeService(tx)
    found: dict[str, str] = {}
    for currency in currencies:
        with pointed("/currency_day"), localcontext() as context:
            context.prec = _PRECISION
            rate = 1
            for leg in await exchange.way(currency, to, day, max_age_days=_MAX_AGE_DAYS):
                rate *= leg.factor
            found[currency] = f"{rate:f}"
    return found
