"""What a change of prices would do to open deals: by their lines, or by their newest open quote."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_

from crm_api.domains.deals.lines import DealLine
from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.reckoning import Reckoning, given_of
from crm_api.domains.deals.repository import Deals
from crm_api.domains.deals.valuing import expected_of
from crm_api.domains.prices.proposing import Proposal
from crm_api.domains.quotes.before import Before
from crm_api.domains.quotes.comparing import OPEN, Shown
from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.pricing import QuotePricing
from crm_api.domains.quotes.repository import Quotes
from crm_api.domains.quotes.service import content_of
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.money import shown_amount

_WORTH = ("one_time", "mrr", "tcv")
_EXPECTED = frozenset({"probability", "expected_amount"})
"""Without these nothing is told of what a deal may be expected to bring."""


async def open_deals(tx: Tx, after: UUID | None, limit: int) -> Sequence[Deal]:
    """The next open deals that are seen and that prices are asked for, by their ids."""
    offered = _open_quotes(tx).where(Quote.deal_id == Deal.id).exists()
    query = (
        Deals(tx)
        .select()
        .where(Deal.status == "open", Deal.deleted_at.is_(None))
        .where(or_(func.jsonb_array_length(Deal.lines) > 0, offered))
    )
    if after is not None:
        query = query.where(Deal.id > after)
    return (await tx.run(query.order_by(Deal.id).limit(limit))).scalars().all()


async def newest_quotes(tx: Tx, deals: Sequence[Deal]) -> dict[UUID | None, Quote]:
    """Of each deal without lines the open quote that was made last, as far as it is seen."""
    ids = [deal.id for deal in deals if not deal.lines]
    if not ids:
        return {}
    query = _open_quotes(tx).where(Quote.deal_id.in_(ids)).order_by(Quote.id)
    return {quote.deal_id: quote for quote in (await tx.run(query)).scalars()}


async def calculated_twice(
    tx: Tx, quote: Quote, proposal: Proposal
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """A quote by the prices that are, and by those that would be."""
    content, kept = content_of(columns_of(quote)), Before.of(quote)
    return (
        await QuotePricing(tx).calculate(content, kept),
        await QuotePricing(tx, proposal).calculate(content, kept),
    )


async def compared(tx: Tx, deal: Deal, quote: Quote | None, proposal: Proposal) -> list[Shown]:
    """The deal with both of its values, if they are not the same."""
    hidden = set(tx.actor.hidden(Deal.entity))
    if quote is None:
        given = [DealLine.model_validate(given_of(line)) for line in deal.lines]
        ground = {"currency": deal.currency, "company_id": deal.company_id}
        old = await Reckoning(tx, ground, deal).of(given)
        new = await Reckoning(tx, ground, deal, proposal).of(given)
        pair, currency = (old, new), deal.currency
    else:
        hidden |= tx.actor.hidden(Quote.entity)
        old, new = await calculated_twice(tx, quote, proposal)
        pair, currency = (old["values"], new["values"]), quote.currency
    before, after = (_worth(values, deal, currency, hidden) for values in pair)
    lines = [] if "lines" in hidden else list(_lines(old["lines"], new["lines"]))
    if before == after and not lines:
        return []
    names = ("name", "company_id", "probability", "amount_mode")
    shown = {name: None if name in hidden else getattr(deal, name) for name in names}
    amount = None if deal.amount is None or "amount" in hidden else shown_amount(deal.amount)
    return [
        {
            "id": deal.id,
            **shown,
            "by": "lines" if quote is None else "quote",
            "quote_id": None if quote is None else quote.id,
            "currency": currency,
            "amount": amount,
            "before": before,
            "after": after,
            "lines": lines,
        }
    ]


def _open_quotes(tx: Tx) -> Any:
    return Quotes(tx).select().where(Quote.status.in_(OPEN), Quote.deleted_at.is_(None))


def _worth(
    values: Mapping[str, Any], deal: Deal, currency: str, hidden: Collection[str]
) -> dict[str, str | None]:
    found: dict[str, Decimal | None] = {name: values[name] for name in _WORTH}
    expected = expected_of(values["tcv"], deal.probability, currency)
    told = {n: None if v is None or n in hidden else shown_amount(v) for n, v in found.items()}
    secret = expected is None or told["tcv"] is None or not _EXPECTED.isdisjoint(hidden)
    return {**told, "expected": None if secret or expected is None else shown_amount(expected)}


def _lines(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> Iterable[Shown]:
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        if (old["price"], old["net"]) != (new["price"], new["net"]):
            yield {
                "place": place,
                "name": old["name"],
                "price_before": old["price"],
                "price_after": new["price"],
                "net_before": old["net"],
                "net_after": new["net"],
            }
