"""The rules of exchange rates, and converting by them."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, NamedTuple

from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid
from crm_api.kit.money import shown_amount
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.values.codes import minor_digits
from crm_api.platform.exchange.reading import Published
from crm_api.platform.exchange.repository import ExchangeRates, plain, shown
from crm_api.platform.exchange.schemas import ConvertInput, RatesInput

# Central banks publish against these, so two rates by way of one of them stand in for a missing one.
_HUBS = ("EUR", "USD")
_PRECISION = 60
"""Two rates of 12 digits before and behind the point, times an amount, have room in it."""
_TOO_MUCH = Decimal(10) ** 20
_RATE_PLACES = Decimal("1e-12")
_OLDEST_RATE = 30


class Leg(NamedTuple):
    """One stored rate on the way from a currency to another."""

    base: str
    quote: str
    rate: Decimal
    day: date
    inverse: bool

    @property
    def factor(self) -> Decimal:
        """What one unit becomes."""
        return 1 / self.rate if self.inverse else self.rate


class Taken(NamedTuple):
    """What became of published rates."""

    added: int
    known: int
    own: int
    """Where the organization has set another one by hand."""
    differing: list[str]
    """Where the same source had published another one."""


class ExchangeService:
    """What amounts are worth in other currencies."""

    area = "exchange_rates"

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.records = ExchangeRates(tx)

    async def put(self, data: RatesInput) -> dict[str, int]:
        """Set rates; raises `Invalid` where a pair stands twice for a day."""
        self.tx.actor.require(f"{self.area}:write")
        seen: dict[tuple[str, str, date], int] = {}
        for place, rate in enumerate(data.rates):
            first = seen.setdefault((rate.base, rate.quote, rate.day), place)
            if first != place:
                message = f"The same pair and day as /rates/{first}."
                raise Invalid.at(f"/rates/{place}", "repeated", message)
        await self.records.put([rate.model_dump() for rate in data.rates])
        self.tx.record(
            "exchange_rates.set",
            entity="exchange_rates",
            record_id=self.tx.organization_id,
            version=1,
            data={"rates": [rate.model_dump(mode="json") for rate in data.rates]},
        )
        return {"count": len(data.rates)}

    async def take(self, rates: Sequence[Published], source: str) -> Taken:
        """Set what a source has published where there is nothing: what there is stays.

        A pair once a day; at most `MOST_RATES`.
        """
        self.tx.actor.require(f"{self.area}:write")
        stored = await self._known(rates)
        new = [rate for rate in sorted(rates) if rate[:3] not in stored]
        if new:
            added = await self.records.add([{**rate._asdict(), "source": source} for rate in new])
            if added:
                self._tell([rate for rate in new if rate[:3] in added], source)
            # Somebody else may have set the others meanwhile.
            stored = await self._known([rate for rate in rates if rate[:3] not in added])
        else:
            added = set[tuple[str, str, date]]()
        others = [(rate, *stored[rate[:3]]) for rate in rates if rate[:3] in stored]
        return Taken(
            len(added),
            sum(rate.rate == was for rate, was, _ in others),
            sum(rate.rate != was and by != source for rate, was, by in others),
            [
                f"{rate.base}/{rate.quote} {rate.day}: {plain(was)}, now {plain(rate.rate)}"
                for rate, was, by in others
                if rate.rate != was and by == source
            ],
        )

    async def _known(
        self, rates: Sequence[Published]
    ) -> dict[tuple[str, str, date], tuple[Decimal, str | None]]:
        rows = await self.records.stored([rate[:3] for rate in rates]) if rates else []
        return {
            (row["base"], row["quote"], row["day"]): (row["rate"], row["source"]) for row in rows
        }

    def _tell(self, rates: Sequence[Published], source: str) -> None:
        told = [
            {**rate._asdict(), "day": str(rate.day), "rate": plain(rate.rate), "source": source}
            for rate in rates
        ]
        self.tx.record(
            "exchange_rates.set",
            entity="exchange_rates",
            record_id=self.tx.organization_id,
            version=1,
            data={"rates": told},
        )

    async def page(
        self, *, base: str | None, quote: str | None, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        """Rates, the latest day first."""
        self.tx.actor.require(f"{self.area}:read")
        key = self.tx.database.signing_key
        context = context_of(self.tx.organization_id, "exchange_rates", base, quote)
        after: Any = None
        if cursor is not None:
            day, last_base, last_quote = unseal(key, context, cursor)
            after = date.fromisoformat(day), last_base, last_quote
        rows = await self.records.page(base, quote, after, limit + 1)
        data = [shown(row) for row in rows[:limit]]
        more = len(rows) > limit
        last = [data[-1][name] for name in ("day", "base", "quote")] if more else []
        return {"data": data, "next_cursor": seal(key, context, last) if more else None}

    async def convert(self, data: ConvertInput) -> dict[str, Any]:
        """What an amount is worth on a day, by which rates.

        Raises `Conflict` where there is no rate, or none that is recent enough.
        """
        self.tx.actor.require(f"{self.area}:read")
        on = data.on or today_of(self.tx)
        oldest = data.max_age_days
        legs = await self.way(data.currency, data.to, on, max_age_days=oldest, at="/to")
        with localcontext() as context:
            context.prec = _PRECISION
            rate = _product(legs)
            amount = _rounded(data.amount * rate, data.to)
            exact = rate.quantize(_RATE_PLACES, ROUND_HALF_UP)
        if abs(amount) >= _TOO_MUCH:
            raise Invalid.at("/amount", "out_of_range", "What it comes to is no amount any more.")
        return {
            "amount": shown_amount(amount),
            "currency": data.to,
            "rate": plain(exact),
            "rates": [{**leg._asdict(), "rate": plain(leg.rate)} for leg in legs],
        }

    async def worth(self, amount: Decimal, currency: str, to: str, on: date) -> Decimal:
        """What an amount was worth on a day, in whole units of the other currency's smallest part.

        Raises `Conflict` where there is no rate, or none of the month before that day.
        """
        if currency == to:
            return amount
        legs = await self.way(currency, to, on, max_age_days=_OLDEST_RATE)
        with localcontext() as context:
            context.prec = _PRECISION
            return _rounded(amount * _product(legs), to)

    async def way(
        self,
        currency: str,
        to: str,
        on: date,
        *,
        max_age_days: int,
        planned: Mapping[tuple[str, str], Decimal] | None = None,
        at: str = "/currency",
    ) -> Sequence[Leg]:
        """The rates that lead from a currency to another: one if there is one, else two.

        A direct rate goes before its inverse, and either before a way through the organization's
        currency, euros or dollars, in this order. Rates that are planned stand for what is stored
        of their two currencies. Raises `Conflict`, which is about what stands `at` that place, where
        there is no rate, or none that is recent enough.
        """
        if currency == to:
            return []
        own = await self.records.own_currency()
        hubs = [hub for hub in dict.fromkeys((own, *_HUBS)) if hub not in {currency, to}]
        ways = [[(currency, to)], *([(currency, hub), (hub, to)] for hub in hubs)]
        stored = await self._stored({pair for way in ways for pair in way}, on)
        for (base, quote), rate in (planned or {}).items():
            stored.pop((quote, base), None)
            stored[base, quote] = rate, on
        oldest = on - timedelta(days=max_age_days)
        known: list[list[Leg]] = []
        for way in ways:
            legs = [leg for pair in way if (leg := _leg(pair, stored)) is not None]
            if len(legs) == len(way):
                if all(leg.day >= oldest for leg in legs):
                    return legs
                known.append(legs)
        raise _missing(currency, to, on, known, at)

    async def _stored(
        self, pairs: set[tuple[str, str]], on: date
    ) -> dict[tuple[str, str], tuple[Decimal, date]]:
        both = sorted(pairs | {(quote, base) for base, quote in pairs})
        rows = await self.records.latest(both, on)
        return {(row["base"], row["quote"]): (row["rate"], row["day"]) for row in rows}


def _leg(
    pair: tuple[str, str], stored: Mapping[tuple[str, str], tuple[Decimal, date]]
) -> Leg | None:
    base, quote = pair
    direct, turned = stored.get((base, quote)), stored.get((quote, base))
    # Of the two the newer one; the direct one where they are equally new.
    if direct is not None and (turned is None or direct[1] >= turned[1]):
        return Leg(base, quote, *direct, inverse=False)
    return None if turned is None else Leg(quote, base, *turned, inverse=True)


def _rounded(amount: Decimal, currency: str) -> Decimal:
    """In whole units of the currency's smallest part."""
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), ROUND_HALF_UP)


def _product(legs: Sequence[Leg]) -> Decimal:
    rate = Decimal(1)
    for leg in legs:
        rate *= leg.factor
    return rate


def _missing(currency: str, to: str, on: date, known: Sequence[Sequence[Leg]], at: str) -> Conflict:
    code, message = "no_rate", f"There is no rate from {currency} to {to} on or before {on}."
    if known:
        day = max(min(leg.day for leg in legs) for legs in known)
        code = "rate_too_old"
        message = f"The latest rate from {currency} to {to} on or before {on} is of {day}."
    return Conflict(message, code=code, faults=[Fault(code, message, pointer=at)])
