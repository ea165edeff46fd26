"""What was ordered and quoted before: by this customer, and what to all of them together."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, cast, column, func, literal_column, null, select, true, union_all
from sqlalchemy.dialects.postgresql import JSONB

from crm_api.domains.orders.models import Order
from crm_api.domains.orders.repository import Orders
from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.repository import Quotes
from crm_api.domains.recipes.affinity import (
    LEAST_QUOTES,
    LEAST_TOGETHER,
    MONTHS,
    MOST_QUOTES,
    Baskets,
)
from crm_api.domains.recipes.wishing import PastLine
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid

_OFFERED = ("sent", "viewed", "accepted")
_AGREED = ("confirmed", "in_fulfilment", "fulfilled", "closed")


class PastOrders:
    """The orders that whoever asks sees, where orders are on."""

    def __init__(self, tx: Tx) -> None:
        self._tx, self._records = tx, Orders(tx)

    @property
    def hides_lines(self) -> bool:
        """Whether what was ordered is kept from whoever asks."""
        return "lines" in self._tx.actor.hidden(Order.entity)

    async def lines_of(self, id: UUID) -> list[PastLine]:
        """What an order is of; raises `Invalid` where it is not there."""
        found = await self._records.find(id)
        if found is None:
            message = "There is no such order."
            raise Invalid.at("/past_order_id", "unknown_reference", message)
        return _lines(found.lines, found.quote_id, found.id)

    async def last(self, kind: str, id: UUID) -> list[PastLine]:
        """What a customer ordered last, and that was confirmed; nothing where there is no such order."""
        if self.hides_lines or not self._tx.actor.covers("orders:read"):
            return []
        mine = Order.company_id if kind == "company" else Order.contact_id
        query = self._records.select().where(
            mine == id, Order.status.in_(_AGREED), Order.deleted_at.is_(None)
        )
        query = query.order_by(Order.confirmed_at.desc().nulls_last(), Order.id.desc()).limit(1)
        found = (await self._tx.run(query)).scalar_one_or_none()
        return [] if found is None else _lines(found.lines, found.quote_id, found.id)


class PastQuotes:
    """The quotes that whoever asks sees."""

    def __init__(self, tx: Tx) -> None:
        self._tx, self._records = tx, Quotes(tx)

    @property
    def hides_lines(self) -> bool:
        """Whether what was offered is kept from whoever asks."""
        return "lines" in self._tx.actor.hidden(Quote.entity)

    async def lines_of(self, id: UUID) -> list[PastLine]:
        """What a quote offers; raises `Invalid` where it is not there."""
        found = await self._records.find(id)
        if found is None:
            message = "There is no such quote."
            raise Invalid.at("/past_quote_id", "unknown_reference", message)
        return _lines(found.lines, found.id)

    async def last(self, kind: str, id: UUID) -> list[PastLine]:
        """What a customer accepted last; nothing where there is no such quote."""
        mine = Quote.company_id if kind == "company" else Quote.contact_id
        query = self._records.select().where(
            mine == id, Quote.status == "accepted", Quote.deleted_at.is_(None)
        )
        query = query.order_by(Quote.decided_at.desc().nulls_last(), Quote.id.desc()).limit(1)
        found = (await self._tx.run(query)).scalar_one_or_none()
        return [] if found is None else _lines(found.lines, found.id)

    @property
    def since(self) -> date:
        """From which day on quotes say what is offered together."""
        return (self._tx.now - timedelta(days=MONTHS * 365 // 12)).date()

    async def baskets(self, chosen: set[UUID]) -> Baskets:
        """How often these products were offered, and others with them, by one statement."""
        if not chosen or self.hides_lines:
            return Baskets(0, {}, {})
        rows = (await self._tx.run(self._counted(chosen))).all()
        single = {row.one: row.times for row in rows if row.kind == "single"}
        together = {(row.one, row.other): row.times for row in rows if row.kind == "pair"}
        total = sum(row.times for row in rows if row.kind == "total")
        return Baskets(total, single, together)

    def _counted(self, chosen: set[UUID]) -> Any:
        recent = (
            self._records.select()
            .with_only_columns(Quote.id, Quote.lines)
            .where(
                Quote.status.in_(_OFFERED),
                Quote.deleted_at.is_(None),
                Quote.sent_at >= self._tx.now - timedelta(days=MONTHS * 365 // 12),
            )
            .order_by(Quote.sent_at.desc(), Quote.id)
            .limit(MOST_QUOTES)
            .cte("recent")
        )
        line = func.jsonb_array_elements(cast(recent.c.lines, JSONB)).table_valued(
            column("value", JSONB), name="line"
        )
        product = cast(line.c.value["product_id"].astext, Uuid)
        items = (
            select(recent.c.id.label("quote"), product.label("product"))
            .select_from(recent)
            .join(line, true())
            .where(
                line.c.value["product_id"].astext.is_not(None),
                line.c.value["counts"].astext == "true",
            )
            .distinct()
            .cte("items")
            .prefix_with("MATERIALIZED")
        )
        return _aggregated(items, chosen)


def _aggregated(items: Any, chosen: set[UUID]) -> Any:
    given, then = items.alias("given"), items.alias("then")
    nobody = cast(null(), Uuid)
    return union_all(
        select(
            literal_column("'total'", Text).label("kind"),
            nobody.label("one"),
            nobody.label("other"),
            func.count(items.c.quote.distinct()).label("times"),
        ),
        select(literal_column("'single'", Text), items.c.product, nobody, func.count()).group_by(
            items.c.product
        ),
        select(literal_column("'pair'", Text), given.c.product, then.c.product, func.count())
        .join_from(given, then, given.c.quote == then.c.quote)
        .where(given.c.product.in_(sorted(chosen)), then.c.product != given.c.product)
        .group_by(given.c.product, then.c.product)
        .having(func.count() >= LEAST_TOGETHER),
    )


def is_enough(baskets: Baskets) -> bool:
    """Whether there are so many quotes that something is learned of them."""
    return baskets.total >= LEAST_QUOTES


def _lines(
    lines: Iterable[Mapping[str, Any]], quote_id: UUID | None, order_id: UUID | None = None
) -> list[PastLine]:
    return [
        PastLine(
            quote_id,
            order_id,
            _id(line["product_id"]),
            _id(line["variant_id"]),
            line["name"],
            Decimal(line["quantity"]),
            _id(line["unit_id"]),
            line["interval"],
            line["term"],
            tuple(_chosen(line)),
        )
        for line in lines
        # What is in an order counts; of a quote, what was chosen.
        if line["kind"] != "text" and line.get("counts", True) and Decimal(line["quantity"]) > 0
    ]


def _chosen(line: Mapping[str, Any]) -> Iterable[tuple[UUID, Decimal | None]]:
    # Lines from before they could take some have none.
    for one in line.get("components") or ():
        count = one["quantity"]
        yield UUID(one["bundle_component_id"]), None if count is None else Decimal(count)


def _id(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)
