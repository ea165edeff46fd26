"""What became of the deals that products are in, as a standard report."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_

from crm_api.domains.catalogue.lined import lined
from crm_api.domains.catalogue.sold import sold
from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.forecasting.asking import MOST_BEHIND, closed_within, need_few
from crm_api.domains.forecasting.measuring import Days
from crm_api.domains.forecasting.metrics import DECIDED
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.filters import parse
from crm_api.kit.query.page import matching, values_of
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.visibility import sight_of
from crm_api.kit.reporting import SPAN, Computed, ComputedReport, Filter, Line, Records, ReportField

Given = Mapping[str, Any]
_NUMBERS = ("decided", "won", "lost")


class _Decided:
    """The products of the deals that are seen and were decided within some days."""

    def __init__(self, tx: Tx, given: Given) -> None:
        self._tx = tx
        if "lines" in tx.actor.hidden(DEALS.entity):
            raise hidden_field("lines")
        within = closed_within(Days(given["from"], given["to"]), tx.actor.time_zone)
        filter = parse({"and": [DECIDED, within]}, DEALS, tx)
        self._asked = PageQuery(Selection(()), filter, sight=sight_of(tx.actor, DEALS))
        chosen: Any = select(Deal.organization_id, Deal.id, Deal.status, Deal.lines)
        lines = lined(matching(DEALS, chosen, self._asked).cte("decided")).subquery()
        own = lines.c
        each = select(own.id, own.status, own.product).where(own.product.is_not(None)).distinct()
        self._items = each.cte("items").prefix_with("MATERIALIZED").c

    async def counts(self) -> list[Any]:
        """By product how many were decided, won and lost; without one, all together."""
        own = self._items
        number = func.count(own.id.distinct())
        counts = (number.filter(own.status == status) for status in ("won", "lost"))
        sets = func.grouping_sets(tuple_(own.product), tuple_())
        query = select(own.product, number, *counts).group_by(sets).having(number > 0)
        return await self._read(query.order_by(number.desc(), own.product))

    async def deals(self, product: UUID | None, status: str | None) -> Filter:
        """The deals behind a number."""
        query = select(self._items.id).distinct().limit(MOST_BEHIND + 1)
        if product is not None:
            query = query.where(self._items.product == product)
        if status is not None:
            query = query.where(self._items.status == status)
        return need_few([row[0] for row in await self._read(query)])

    async def _read(self, query: Any) -> list[Any]:
        found = await self._tx.run(query.params(**values_of(self._tx, self._asked, None)))
        return list(found)


async def _outcomes(tx: Tx, given: Given) -> Computed:
    """Each product with what became of the deals that it is in."""
    decided = _Decided(tx, given)
    rows = await decided.counts()
    ids = [row[0] for row in rows if row[0] is not None]
    named = (await sold(tx, ids, (), ()))["products"]

    def line(row: Any) -> Line:
        id, *numbers = row
        values = dict(zip(_NUMBERS, numbers, strict=True))
        records = {
            name: Records(partial(decided.deals, id, None if name == "decided" else name))
            for name in _NUMBERS
        }
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
    "counts once for each product that it has, and once in the total. Deals without products are "
    "left out.",
    formula="rate = won / (won + lost)",
    source="deal",
    also_of=("product",),
    areas=("products",),
    parameters=SPAN,
    chart="decided",
    reads=("status", "closes_on", "closed_at"),
    columns=(
        ReportField("product_id", "grouping", "uuid", "The product.", label="product"),
        ReportField("product", "column", "text", "Its name; empty where it is in the bin."),
        ReportField("decided", "measure", "integer", "Deals with it that were decided."),
        ReportField("won", "measure", "integer", "Those that were won."),
        ReportField("lost", "measure", "integer", "Those that were lost."),
        ReportField("rate", "measure", "ratio", "The share of those that were won."),
    ),
    compute=_outcomes,
)
