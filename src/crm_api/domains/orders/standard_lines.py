"""The lines of what was offered and agreed within some days, as standard reports add them up."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Numeric,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB

from crm_api.domains.catalogue.lined import lined
from crm_api.domains.catalogue.sold import sold
from crm_api.domains.orders.models import Order
from crm_api.domains.orders.repository import ORDERS
from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.repository import QUOTES
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.tx import Tx
from crm_api.kit.pricing.recurring import MONTHS
from crm_api.kit.query.filters import parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import matching, values_of
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.visibility import sight_of
from crm_api.kit.report_words import MOST_BEHIND, few, spanned
from crm_api.kit.reporting import Filter

BOUGHT: Mapping[str, Any] = {"status": {"nin": ["draft", "cancelled"]}}
OFFERED: Mapping[str, Any] = {"status": {"nin": ["draft", "in_approval", "approved"]}}
READS = ("status", "confirmed_at", "currency", "owner_id")
_ONE, _ZERO = literal(1, Numeric()), literal(0, Numeric())


def _number(line: Any, name: str) -> ColumnElement[Decimal]:
    return cast(line[name].astext, Numeric())


def _times(line: Any) -> ColumnElement[Any]:
    """As `kit/pricing/recurring.times` has it: without an end, for a year."""
    interval = line["interval"].astext
    year = case({name: 12 // months for name, months in MONTHS.items() if name}, value=interval)
    return case(
        (interval.is_(None), 1), else_=func.coalesce(cast(line["term"].astext, Integer()), year)
    )


def _before(line: Any) -> ColumnElement[Any]:
    """What would be due each time without discounts, less the taxes that are in the price.

    Where all is given away nothing tells these, so they stay in it.
    """
    amount, net = _number(line, "amount"), _number(line, "net")
    has_taxes = and_(cast(line["tax_included"].astext, Boolean()), amount != _ZERO)
    less = case((has_taxes, net / func.nullif(amount, _ZERO)), else_=_ONE)
    whole = _number(line, "price") * _number(line, "quantity") * less
    # What has no discount is what was rounded.
    return case((_number(line, "discount_percent") == _ZERO, net), else_=whole)


def _cost(rows: Any) -> ColumnElement[Any]:
    """What a line costs us each time, as the `costs` of its record say; null where they do not."""
    each = func.jsonb_array_elements(cast(rows.c.costs, JSONB)).table_valued(
        column("value", JSONB), name="of_line"
    )
    mine = each.c.value["line_id"].astext == rows.c.line["id"].astext
    found = select(_number(each.c.value, "cost")).select_from(each).where(mine).limit(1)
    return found.correlate(rows).scalar_subquery()


async def names_of(tx: Tx, ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """The names of some products, without those that are in the bin."""
    known = [id for id in ids if id is not None]
    found = (await sold(tx, known, (), ()))["products"] if known else {}
    return {id: row["name"] for id, row in found.items()}


class SoldLines:
    """The lines of some records that are seen."""

    def __init__(self, tx: Tx, listing: Listing, filter: Mapping[str, Any], *beside: Any) -> None:
        self._tx = tx
        for name in ("lines", "currency"):
            if name in tx.actor.hidden(listing.entity):
                raise hidden_field(name)
        asked = parse(filter, listing, tx)
        self._asked = PageQuery(Selection(()), asked, sight=sight_of(tx.actor, listing))
        own: Any = listing.model
        chosen: Any = select(own.organization_id, own.id, own.currency, own.lines, *beside)
        self._rows = lined(matching(listing, chosen, self._asked).cte("sold")).subquery()
        rows = self._rows.c
        times = self._times = _times(rows.line)
        chosen = select(
            rows.id,
            rows.currency,
            rows.product,
            *(rows[one.key] for one in beside),
            _number(rows.line, "quantity").label("quantity"),
            (_number(rows.line, "net") * times).label("net"),
            (_before(rows.line) * times).label("list_value"),
            (_number(rows.line, "discount_percent") != _ZERO).label("is_discounted"),
        )
        # What only tells something to people has no price.
        self._chosen = chosen.where(rows.line["kind"].astext != "text")
        self.items: Any = self._chosen.cte("items").c

    async def behind(self, *tests: ColumnElement[bool]) -> Filter:
        """The records of which a line passes; raises `Invalid` where they are too many."""
        query = select(self.items.id).where(*tests).distinct().limit(MOST_BEHIND + 1)
        return few([row[0] for row in await self.read(query)])

    async def read(self, query: Any) -> list[Any]:
        """The rows of a statement over `items`."""
        found = await self._tx.run(query.params(**values_of(self._tx, self._asked, None)))
        return list(found)


class QuoteLines(SoldLines):
    """What counts in the quotes that were sent, with their `status` and, for margins, what lines cost."""

    def __init__(self, tx: Tx, given: Mapping[str, Any]) -> None:
        filter = {"and": [OFFERED, spanned("sent_at", given)]}
        super().__init__(tx, QUOTES, filter, Quote.status, Quote.costs)
        counts = cast(self._rows.c.line["counts"].astext, Boolean())
        cost = _cost(self._rows) * self._times if given["with_margin"] else null()
        cost = cast(cost, Numeric()).label("cost")
        items = self._chosen.add_columns(cost).where(counts).cte("items")
        # Else the lines themselves are sorted, of which only numbers are needed.
        self.items = items.prefix_with("MATERIALIZED").c

    async def outcomes(self, product: UUID | None) -> list[Any]:
        """By currency and product how often it was offered, with what outcome, and for how much.

        A quote may have several lines of a product, so they are added up first: that is hashed,
        where to count different quotes has all lines sorted.
        """
        own = self.items
        lines = select(
            own.currency,
            own.product,
            own.status,
            func.sum(own.net).label("net"),
            func.sum(own.list_value).label("list_value"),
            func.sum(own.cost).label("cost"),
            func.bool_or(own.cost.is_(None)).label("is_unknown"),
        )
        quotes = _by_product(lines, own, product).group_by(own.id, own.status).cte("quotes").c
        is_won = quotes.status == "accepted"
        number, net = func.count(), func.sum(quotes.net)
        won = net.filter(is_won)
        has_costs = number.filter(is_won, quotes.is_unknown) == 0
        query = select(
            quotes.currency,
            quotes.product,
            number.label("quotes"),
            number.filter(is_won).label("won"),
            number.filter(quotes.status == "declined").label("lost"),
            net.label("quoted"),
            func.sum(quotes.list_value).label("list_value"),
            won.label("won_net"),
            case((has_costs, won - func.sum(quotes.cost).filter(is_won))).label("margin"),
        )
        query = query.group_by(quotes.currency, quotes.product)
        return await self.read(query.order_by(quotes.currency, net.desc()))


class OrderLines(SoldLines):
    """What was agreed in the orders that are seen; drafts and cancelled ones are left out."""

    def __init__(self, tx: Tx, given: Mapping[str, Any]) -> None:
        filter = {"and": [BOUGHT, spanned("confirmed_at", given)]}
        super().__init__(tx, ORDERS, filter, Order.owner_id)

    async def bought(self, product: UUID | None) -> list[Any]:
        """By currency and product how many orders have it, for how much, and with others beside."""
        own = self.items
        products = func.count(own.product).over(partition_by=own.id).label("products")
        lines = select(own.currency, own.product, func.sum(own.net).label("net"), products)
        orders = lines.group_by(own.id, own.currency, own.product).cte("orders").c
        number = func.count()
        query = select(
            orders.currency,
            orders.product,
            number.label("orders"),
            number.filter(orders.products > 1).label("attached"),
            func.sum(orders.net).label("ordered"),
        )
        return await self.read(_by_product(query, orders, product).order_by(orders.currency))

    def is_with_others(self) -> ColumnElement[bool]:
        """Whether a line is of an order of several products."""
        own = self.items
        several = select(own.id).where(own.product.is_not(None)).group_by(own.id)
        several = several.having(func.count(own.product.distinct()) > 1)
        return own.id.in_(several.correlate(None))

    async def sums(self, key: str) -> list[Any]:
        """By currency and a column, and by currency alone, where `whole` is 1."""
        own = self.items
        group = own[key]
        orders = func.count(own.id.distinct())
        sets = func.grouping_sets(tuple_(own.currency, group), tuple_(own.currency))
        net = func.sum(own.net)
        query = (
            select(
                func.grouping(group).label("whole"),
                own.currency,
                group.label("key"),
                orders.label("orders"),
                orders.filter(own.is_discounted).label("discounted"),
                func.sum(own.quantity).label("quantity"),
                net.label("net"),
                func.sum(own.list_value).label("list_value"),
            )
            .group_by(sets)
            .order_by(own.currency, net.desc(), group)
        )
        return await self.read(query)

    async def with_all(self, *products: UUID) -> Filter:
        """The orders that have all of these products."""
        own = self.items
        has = [own.product == product for product in products]
        query = select(own.id).where(or_(*has)).group_by(own.id)
        query = query.having(func.count(own.product.distinct()) == len(products))
        return few([row[0] for row in await self.read(query.limit(MOST_BEHIND + 1))])

    async def together(self, product: UUID | None, mains: int, most: int) -> list[Any]:
        """In how many orders products are, and others with them: of one, or the most bought."""
        own = self.items
        baskets = select(own.id, own.product).where(own.product.is_not(None)).distinct()
        items = baskets.cte("baskets")
        orders = func.count()
        single = select(items.c.product, orders.label("orders")).group_by(items.c.product)
        if product is not None:
            single = single.where(items.c.product == product)
        single = single.order_by(orders.desc(), items.c.product).limit(mains)
        main, one, other = single.cte("main"), items.alias("one"), items.alias("other")
        attached = func.count()
        query = (
            select(
                main.c.product,
                other.c.product.label("other"),
                main.c.orders,
                attached.label("attached"),
            )
            .join_from(main, one, one.c.product == main.c.product)
            .join(other, and_(other.c.id == one.c.id, other.c.product != one.c.product))
            .group_by(main.c.product, other.c.product, main.c.orders)
            .order_by(main.c.orders.desc(), main.c.product, attached.desc(), other.c.product)
            .limit(most)
        )
        return await self.read(query)


def _by_product(query: Any, own: Any, product: UUID | None) -> Any:
    is_asked = own.product.is_not(None) if product is None else own.product == product
    return query.where(is_asked).group_by(own.currency, own.product)
