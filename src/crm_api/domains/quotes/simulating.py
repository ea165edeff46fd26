"""What a change of prices would do to open quotes and deals: each is calculated twice.

Nothing is stored: it is read by a transaction that cannot write.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.service import DealService
from crm_api.domains.prices.answering import hides_costs
from crm_api.domains.prices.proposing import Proposal, proposal_of
from crm_api.domains.quotes.comparing import OPEN, Shown, lines_between, named, values_of
from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.pricing import secret_of
from crm_api.domains.quotes.repository import Quotes
from crm_api.domains.quotes.service import QuoteService
from crm_api.domains.quotes.simulated import SimulationInput
from crm_api.domains.quotes.simulating_deals import (
    calculated_twice,
    compared,
    newest_quotes,
    open_deals,
)
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Conflict, Invalid
from crm_api.kit.money import shown_amount


class PriceSimulator:
    """Open quotes and deals by the prices that are, and by those that might be."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def simulate(self, asked: SimulationInput) -> Shown:
        """What would change; raises `Forbidden`, and `Invalid` for a change of what is not there."""
        QuoteService(self.tx).need("read")
        if "deals" in asked.look_at:
            DealService(self.tx).need("read")
        for place, product in enumerate(asked.products):
            # Where prices follow from costs, a guess that changes none tells what it costs.
            if product.cost is not None and hides_costs(self.tx.actor):
                raise hidden_field("product.cost", f"/products/{place}/cost")
        async with at_one_moment(self.tx) as reader:
            proposal = await proposal_of(reader, asked)
            return {
                **await _of_quotes(reader, asked, proposal),
                **await _of_deals(reader, asked, proposal),
            }


async def _of_quotes(tx: Tx, asked: SimulationInput, proposal: Proposal) -> Shown:
    found: Sequence[Quote] = await _open(tx, asked) if "quotes" in asked.look_at else []
    some = found[: asked.limit]
    changed, failed = await _each(some, lambda quote: _compared(tx, quote, proposal))
    return {
        "looked_at": len(some),
        "quotes": changed,
        "totals": list(_totals(changed, "quotes", ("net", "margin"))),
        "failed": failed,
        "next": some[-1].id if len(found) > len(some) else None,
    }


async def _of_deals(tx: Tx, asked: SimulationInput, proposal: Proposal) -> Shown:
    wanted = "deals" in asked.look_at
    found: Sequence[Deal] = (
        await open_deals(tx, asked.after_deal, asked.limit + 1) if wanted else []
    )
    some = found[: asked.limit]
    offered = await newest_quotes(tx, some)
    changed, failed = await _each(
        some, lambda deal: compared(tx, deal, offered.get(deal.id), proposal)
    )
    return {
        "deals_looked_at": len(some),
        "deals": changed,
        "deal_totals": list(_totals(changed, "deals", ("tcv", "expected"))),
        "failed_deals": failed,
        "next_deal": some[-1].id if len(found) > len(some) else None,
    }


async def _each(
    records: Sequence[Any], compare: Callable[[Any], Awaitable[list[Shown]]]
) -> tuple[list[Shown], list[Shown]]:
    """Those that would change, and those that cannot be calculated; raises mistakes of the change."""
    changed: list[Shown] = []
    failed: list[Shown] = []
    for record in records:
        try:
            changed += await compare(record)
        except (Invalid, Conflict) as mistake:
            if any((fault.pointer or "").startswith("/adjust") for fault in mistake.faults):
                raise
            failed.append({"id": record.id, "message": mistake.detail})
    return changed, failed


async def _open(tx: Tx, asked: SimulationInput) -> Sequence[Quote]:
    """The next open quotes that are seen, and one more."""
    query = Quotes(tx).select().where(Quote.status.in_(OPEN), Quote.deleted_at.is_(None))
    if asked.after is not None:
        query = query.where(Quote.id > asked.after)
    return (await tx.run(query.order_by(Quote.id).limit(asked.limit + 1))).scalars().all()


async def _compared(tx: Tx, quote: Quote, proposal: Proposal) -> list[Shown]:
    """The quote with both of its values, if they are not the same."""
    old, new = await calculated_twice(tx, quote, proposal)
    hidden = tx.actor.hidden(Quote.entity) | secret_of(tx.actor)
    before, after = values_of(old, hidden), values_of(new, hidden)
    lines = [] if "lines" in hidden else list(lines_between(old["lines"], new["lines"]))
    if before == after and not lines:
        return []
    return [{**named(quote, hidden), "before": before, "after": after, "lines": lines}]


def _totals(changed: Sequence[Shown], what: str, names: Sequence[str]) -> Iterable[Shown]:
    for currency in sorted({one["currency"] for one in changed}):
        mine = [one for one in changed if one["currency"] == currency]
        yield {
            "currency": currency,
            what: len(mine),
            **{
                f"{name}_{when}": _sum([one[when][name] for one in mine])
                for name in names
                for when in ("before", "after")
            },
        }


def _sum(values: Sequence[str | None]) -> str | None:
    known = [Decimal(value) for value in values if value is not None]
    return shown_amount(sum(known, Decimal(0))) if len(known) == len(values) else None
