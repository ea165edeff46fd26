"""What a change of prices would do to open quotes: each is calculated twice, nothing is stored."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from crm_api.domains.prices.answering import hides_costs
from crm_api.domains.prices.proposing import Proposal, proposal_of
from crm_api.domains.quotes.before import Before
from crm_api.domains.quotes.comparing import OPEN, Shown, lines_between, named, values_of
from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.pricing import QuotePricing, secret_of
from crm_api.domains.quotes.repository import Quotes
from crm_api.domains.quotes.schemas import SimulationInput
from crm_api.domains.quotes.service import QuoteService, content_of
from crm_api.kit.actor import hidden_field
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Conflict, Invalid
from crm_api.kit.money import shown_amount


class PriceSimulator:
    """Open quotes by the prices that are, and by those that might be."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def simulate(self, asked: SimulationInput) -> Shown:
        """The quotes that would change; raises `Invalid` for a change of what is not there."""
        QuoteService(self.tx).need("read")
        for place, product in enumerate(asked.products):
            # Where prices follow from costs, a guess that changes none tells what it costs.
            if product.cost is not None and hides_costs(self.tx.actor):
                raise hidden_field("product.cost", f"/products/{place}/cost")
        async with at_one_moment(self.tx) as reader:
            proposal = await proposal_of(reader, asked)
            found = await _open(reader, asked)
            some = found[: asked.limit]
            changed: list[Shown] = []
            failed: list[Shown] = []
            for quote in some:
                try:
                    changed += await _compared(reader, quote, proposal)
                except (Invalid, Conflict) as mistake:
                    if any((fault.pointer or "").startswith("/adjust") for fault in mistake.faults):
                        raise
                    failed.append({"id": quote.id, "message": mistake.detail})
        return {
            "looked_at": len(some),
            "quotes": changed,
            "totals": list(_totals(changed)),
            "failed": failed,
            "next": some[-1].id if len(found) > len(some) else None,
        }


async def _open(tx: Tx, asked: SimulationInput) -> Sequence[Quote]:
    """The next open quotes that are seen, and one more."""
    query = Quotes(tx).select().where(Quote.status.in_(OPEN), Quote.deleted_at.is_(None))
    if asked.after is not None:
        query = query.where(Quote.id > asked.after)
    return (await tx.run(query.order_by(Quote.id).limit(asked.limit + 1))).scalars().all()


async def _compared(tx: Tx, quote: Quote, proposal: Proposal) -> list[Shown]:
    """The quote with both of its values, if they are not the same."""
    content, kept = content_of(columns_of(quote)), Before.of(quote)
    old = await QuotePricing(tx).calculate(content, kept)
    new = await QuotePricing(tx, proposal).calculate(content, kept)
    hidden = tx.actor.hidden(Quote.entity) | secret_of(tx.actor)
    before, after = values_of(old, hidden), values_of(new, hidden)
    lines = [] if "lines" in hidden else list(lines_between(old["lines"], new["lines"]))
    if before == after and not lines:
        return []
    return [{**named(quote, hidden), "before": before, "after": after, "lines": lines}]


def _totals(changed: Sequence[Shown]) -> Iterable[Shown]:
    for currency in sorted({one["currency"] for one in changed}):
        mine = [one for one in changed if one["currency"] == currency]
        yield {
            "currency": currency,
            "quotes": len(mine),
            **{
                f"{name}_{when}": _sum([one[when][name] for one in mine])
                for name in ("net", "margin")
                for when in ("before", "after")
            },
        }


def _sum(values: Sequence[str | None]) -> str | None:
    known = [Decimal(value) for value in values if value is not None]
    return shown_amount(sum(known, Decimal(0))) if len(known) == len(values) else None
