"""Whether what open quotes say still is what their prices come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.quotes.before import Before
from crm_api.domains.quotes.comparing import (
    OPEN,
    Shown,
    lines_between,
    named,
    stored_values,
    values_of,
)
from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.pricing import QuotePricing, secret_of
from crm_api.domains.quotes.repository import Quotes
from crm_api.domains.quotes.service import QuoteService, content_of
from crm_api.domains.quotes.settings import settings_of
from crm_api.domains.quotes.versions import hash_of
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx, at_one_moment, unit_of_work
from crm_api.kit.errors import Fault, WrongState
from crm_api.kit.money import shown_amount

DRIFTED = "quote.price_drifted"
_ALERT = "drift"


@dataclass(frozen=True)
class Drift:
    """The same quote, calculated anew."""

    new: Mapping[str, Any]
    net_before: Decimal
    net_after: Decimal
    lines: list[Shown]

    @property
    def is_one(self) -> bool:
        """Whether anything is different."""
        return bool(self.lines) or self.net_before != self.net_after

    def reaches(self, percent: Decimal) -> bool:
        """Whether it is worth telling: the net amount differs by so much of what it was."""
        change = abs(self.net_after - self.net_before)
        return self.is_one and change * 100 >= percent * abs(self.net_before)

    def told(self) -> Shown:
        """What an event says of it."""
        return {
            "net_before": shown_amount(self.net_before),
            "net_after": shown_amount(self.net_after),
            "drifted_lines": self.lines,
        }


class PriceDrift:
    """What open quotes say, beside what they come to."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(self, id: UUID) -> Shown:
        """A quote with both; raises `WrongState` for one that is decided."""
        QuoteService(self.tx).need("read")
        async with at_one_moment(self.tx) as reader:
            quote = await QuoteService(reader).records.get(id)
            if quote.status not in OPEN:
                raise _decided(quote)
            drift = await drift_of(reader, quote)
        hidden = self.tx.actor.hidden(Quote.entity) | secret_of(self.tx.actor)
        return {
            **named(quote, hidden),
            "priced_on": None if "priced_on" in hidden else drift.new["priced_on"],
            "has_drifted": drift.is_one,
            "before": stored_values(quote, hidden),
            "after": values_of(drift.new, hidden),
            "lines": [] if "lines" in hidden else drift.lines,
        }


async def drift_of(tx: Tx, quote: Quote) -> Drift:
    """A quote as it is stored, and as it is calculated now; of a day that it names, by that day."""
    new = await QuotePricing(tx).calculate(content_of(columns_of(quote)), Before.of(quote))
    lines = list(lines_between(quote.lines, new["lines"]))
    return Drift(new, quote.net, new["values"]["net"], lines)


async def tell_drift(look: Tx, write: Tx, id: UUID) -> None:
    """Tell that a quote's prices are others by now: once, till they are others again.

    It is calculated by `look`, which locks nothing, and told by `write` if nobody has changed the
    quote meanwhile: its own change has calculated it anew.
    """
    async with unit_of_work(look):
        QuoteService(look).need("update")
        quote = await Quotes(look).find(id)
        percent = settings_of(look).drift_percent
        if quote is None or quote.status not in OPEN or percent is None:
            return
        drift = await drift_of(look, quote)
    mark = hash_of(drift.told()) if drift.reaches(percent) else None
    if quote.alerts.get(_ALERT) == mark:
        return
    async with unit_of_work(write):
        records = Quotes(write)
        current = await records.find(id, lock=True)
        if current is None or current.version != quote.version:
            return
        if await records.mark(id, _ALERT, mark) and mark is not None:
            write.record(
                DRIFTED,
                entity=Quote.entity,
                record_id=id,
                version=current.version,
                data=drift.told(),
            )


def _decided(quote: Quote) -> WrongState:
    message = f"A quote that is {quote.status} is not open any more."
    return WrongState(
        message,
        code="quote_decided",
        faults=[Fault("quote_decided", message, "/status")],
        details={"quote_status": quote.status},
    )
