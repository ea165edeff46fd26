"""What became of the deals that products are in, as a standard report."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    null,
    select,
    type_coerce,
    union_all,
)

from crm_api.domains.catalogue.lined import lined
from crm_api.domains.catalogue.sold import sold
from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.forecasting.asking import MOST_BEHIND, closed_within, need_few
from crm_api.domains.forecasting.measuring import Days
from crm_api.domains.forecasting.metrics import DECIDED
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.base import KeyText
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.filters import parse
from crm_api.kit.query.page import matching, values_of
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.visibility import sight_of
from crm_api.kit.reporting import SPAN, Computed, ComputedReport, Filter, Line, Records, ReportField
from crm_api.platform.exchange.repository import ExchangeRates

Given = Mapping[str, Any]
_ENDS = ("won", "lost")
_AMOUNTS = tuple(f"{end}_amount" for end in _ENDS)


class _Decided:
    """The products of the deals that are seen and were decided within some days."""

    def __init__(self, tx: Tx, given: Given, currency: str) -> None:
        self._tx, self._currency = tx, currency
        if "lines" in tx.actor.hidden(DEALS.entity):
            raise hidden_field("lines")
        within = closed_within(Days(given["from"], given["to"]), tx.actor.time_zone)
        filter = parse({"and": [DECIDED, within]}, DEALS, tx)
        self._asked = PageQuery(Selection(()), filter, sight=sight_of(tx.actor, DEALS))
        is_own = Deal.base_currency == bindparam("own", type_=KeyText)
        value = case((is_own, type_coerce(Deal.base_amount, BigInteger()))).label("value")
        chosen: Any = select(Deal.organization_id, Deal.id, Deal.status, Deal.lines, value)
        lines = lined(matching(DEALS, chosen, self._asked).cte("decided")).subquery()
        own = lines.c
        each = select(own.id, own.status, own.value, own.product).distinct()
        each = each.where(own.product.is_not(None))
        self._items = each.cte("items").prefix_with("MATERIALIZED").c

    async def counts(self) -> list[Any]:
        """By product how many were decided, won and lost, and for how much; then all together."""
        own = self._items
        each = select(own.product, *_figures(own)).group_by(own.product)
        # A deal has several products, and counts once in the total.
        deals = select(own.id, own.status, own.value).distinct().subquery()
        whole = select(cast(null(), Uuid), *_figures(deals.c))
        found = [row for row in await self._read(union_all(each, whole)) if row[1]]
        return sorted(found, key=lambda row: (row[0] is None, -row[1], row[0]))

    async def deals(self, product: UUID | None, status: str | None) -> Filter:
        """The deals behind a number."""
        query = select(self._items.id).distinct().limit(MOST_BEHIND + 1)
        if product is not None:
            query = query.where(self._items.product == product)
        if status is not None:
            query = query.where(self._items.status == status)
        return need_few([row[0] for row in await self._read(query)])

    async def _read(self, query: Any) -> list[Any]:
        values = values_of(self._tx, self._asked, None)
        return list(await self._tx.run(query.params(**values, own=self._currency)))


def _figures(deals: Any) -> list[Any]:
    """How many deals there are, and how many and for how much were won and lost."""
    tests = [deals.status == end for end in _ENDS]
    counts = [func.count().filter(test) for test in tests]
    return [func.count(), *counts, *(func.sum(deals.value).filter(test) for test in tests)]


async def _outcomes(tx: Tx, given: Given) -> Computed:
    """Each product with what became of the deals that it is in."""
    decided = _Decided(tx, given, await ExchangeRates(tx).own_currency())
    rows = await decided.counts()
    ids = [row[0] for row in rows if row[0] is not None]
    named = (await sold(tx, ids, (), ()))["products"]

    def line(row: Any) -> Line:
        id, count, *numbers = row
        amounts = [None if n is None else Decimal(n).scaleb(-4) for n in numbers[2:]]
        values: dict[str, Any] = {"decided": count, **dict(zip(_ENDS, numbers, strict=False))}
        values |= dict(zip(_AMOUNTS, amounts, strict=True))
        records = {"decided": Records(partial(decided.deals, id, None))}
        for end in _ENDS:
            records |= dict.fromkeys(
                (end, f"{end}_amount"), Records(partial(decided.deals, id, end))
            )
        rate = Decimal(values["won"]) / values["decided"]
        groups = {} if id is None else {"product_id": id, "product": _name(named.get(id))}
        return Line({**groups, **values, "rate": rate}, records["decided"], records)

    lines = [line(row) for row in rows if row[0] is not None]
    return Computed(lines, [line(row) for row in rows if row[0] is None])


def _name(product: Any) -> str | None:
    return None if product is None else product["name"]


BY_PRODUCT = ComputedReport(
    name="deal_outcomes_by_product",
    title="Won and lost by product",
    text="Deals that were won or lost within the days, by the products in their lines: a deal "
    "counts once for each product that it has, with its whole amount, and once in the total. Deals "
    "without products are left out.",
    formula="rate = won / (won + lost); won_amount, lost_amount = Σ amount of these deals, in the "
    "organization's currency",
    source="deal",
    also_of=("product",),
    areas=("products",),
    parameters=SPAN,
    chart="decided",
    reads=("status", "closes_on", "closed_at", "base_amount"),
    columns=(
        ReportField("product_id", "grouping", "uuid", "The product.", label="product"),
        ReportField("product", "column", "text", "Its name; empty where it is in the bin."),
        ReportField("decided", "measure", "integer", "Deals with it that were decided."),
        ReportField("won", "measure", "integer", "Those that were won."),
        ReportField("lost", "measure", "integer", "Those that were lost."),
        ReportField("won_amount", "measure", "amount", "What was won with them."),
        ReportField("lost_amount", "measure", "amount", "What was lost with them."),
        ReportField("rate", "measure", "ratio", "The share of those that were won."),
    ),
    compute=_outcomes,
)
