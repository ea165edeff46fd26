"""The standard report of how products fare: offered, won, ordered, discounted, and what is left."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from crm_api.domains.orders.standard_lines import OrderLines, QuoteLines, names_of
from crm_api.domains.quotes.pricing import secret_of
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.beside import beside, both
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.reporting import (
    SPAN,
    Computed,
    ComputedReport,
    Line,
    Parameter,
    Records,
    ReportField,
)

Given = Mapping[str, Any]
PRODUCT = (
    ReportField("product_id", "grouping", "uuid", "The product; empty: none.", label="product"),
    ReportField("product", "column", "text", "Its name; empty where it is in the bin."),
)
_NOT_OFFERED: Mapping[str, Any] = {
    **dict.fromkeys(("quotes", "won", "lost"), 0),
    **dict.fromkeys(("quoted", "discount"), Decimal(0)),
    **dict.fromkeys(("acceptance", "discount_share", "margin", "margin_share")),
}
_NOT_ORDERED: Mapping[str, Any] = {
    **dict.fromkeys(("orders", "attached"), 0),
    "ordered": Decimal(0),
    "attach_rate": None,
}


async def need_product(tx: Tx, given: Given) -> None:
    """Raise `Invalid` where a product is named that there is not."""
    named: UUID | None = given.get("product_id")
    if named is not None and named not in await names_of(tx, [named]):
        raise Invalid.parameter("product_id", "unknown_reference", "There is no such product.")


async def _performed(tx: Tx, given: Given) -> Computed:
    """How each product fared in each currency, or one of them."""
    margin = given["with_margin"]
    if margin and (secret := secret_of(tx.actor)):
        raise hidden_field(min(secret))
    product: UUID | None = given["product_id"]
    quoted, agreed = QuoteLines(tx, given), OrderLines(tx, given)
    async with beside(tx) as other:
        orders = OrderLines(other, given)
        found = quoted.outcomes(product), orders.bought(product)
        sent, sold = await both(*found, at_once=other is not tx)
    offered = {(row.product, row.currency): row for row in sent}
    bought = {(row.product, row.currency): row for row in sold}
    keys = [*offered, *(key for key in bought if key not in offered)]
    names = await names_of(tx, {id for id, _ in keys})
    return Computed(
        [
            Line(
                {
                    "product_id": key[0],
                    "product": names.get(key[0]),
                    "currency": key[1],
                    **(_offered(offered[key], margin=margin) if key in offered else _NOT_OFFERED),
                    **(_bought(bought[key]) if key in bought else _NOT_ORDERED),
                },
                *_behind(key, quoted, agreed),
            )
            for key in keys
        ]
    )


def _behind(
    key: tuple[UUID, str], quoted: QuoteLines, agreed: OrderLines
) -> tuple[Records, dict[str, Records]]:
    """The quotes behind a row, and the quotes or orders behind single numbers of it."""
    own, sold = quoted.items, agreed.items
    tests = [own.product == key[0], own.currency == key[1]]
    offers = Records(partial(quoted.behind, *tests))
    won = Records(partial(quoted.behind, *tests, own.status == "accepted"))
    lost = Records(partial(quoted.behind, *tests, own.status == "declined"))
    mine = [sold.product == key[0], sold.currency == key[1]]
    orders = Records(partial(agreed.behind, *mine), "order")
    attached = Records(partial(agreed.behind, *mine, agreed.is_with_others()), "order")
    return offers, {
        **dict.fromkeys(("won", "margin", "margin_share"), won),
        "lost": lost,
        **dict.fromkeys(("orders", "ordered"), orders),
        **dict.fromkeys(("attached", "attach_rate"), attached),
    }


def _offered(row: Any, *, margin: bool) -> Given:
    discount = row.list_value - row.quoted
    left = row.margin if margin else None
    return {
        "quotes": row.quotes,
        "won": row.won,
        "lost": row.lost,
        "acceptance": _ratio(row.won, row.won + row.lost),
        "quoted": row.quoted,
        "discount": discount,
        "discount_share": _ratio(discount, row.list_value),
        "margin": left,
        "margin_share": None if left is None else _ratio(left, row.won_net),
    }


def _bought(row: Any) -> Given:
    return {
        "orders": row.orders,
        "ordered": row.ordered,
        "attached": row.attached,
        "attach_rate": _ratio(row.attached, row.orders),
    }


def _ratio(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    return Decimal(part) / Decimal(whole) if whole else None


PRODUCT_PERFORMANCE = ComputedReport(
    name="product_performance",
    version=2,
    title="Performance of products",
    text="What became of the quotes that were sent within the days and have a product among what "
    "counts, and in which orders that were confirmed within the days it is, each in its currency. "
    "What falls due again counts as often as its term says, and for a year without one.",
    formula="acceptance = won / (won + lost); discount = Σ price × quantity × how often it falls due, "
    "without taxes − quoted; discount_share = discount / (quoted + discount); attach_rate = "
    "attached / orders; margin = net − costs of what was won; margin_share = margin / net of it",
    source="quote",
    also_of=("order", "product"),
    areas=("orders", "products"),
    parameters=(
        *SPAN,
        Parameter("product_id", "uuid", "Only of this product.", is_optional=True),
        Parameter(
            "with_margin", "boolean", "Whether margins are told, to whoever sees costs.", False
        ),
    ),
    chart="quoted",
    reads=("status", "sent_at", "currency"),
    columns=(
        *PRODUCT,
        ReportField("currency", "grouping", "text", "That of the quotes and orders."),
        ReportField("quotes", "measure", "integer", "Quotes with it."),
        ReportField("won", "measure", "integer", "Those that were accepted."),
        ReportField("lost", "measure", "integer", "Those that were declined."),
        ReportField("acceptance", "measure", "ratio", "Accepted ones by those that were decided."),
        ReportField("quoted", "measure", "amount", "What was offered in all, without taxes."),
        ReportField("discount", "measure", "amount", "What was taken off it."),
        ReportField("discount_share", "measure", "ratio", "That by what it was before."),
        ReportField("orders", "measure", "integer", "Orders with it."),
        ReportField("ordered", "measure", "amount", "What is due of it in all, without taxes."),
        ReportField("attached", "measure", "integer", "Orders with another product besides."),
        ReportField("attach_rate", "measure", "ratio", "The ones by the others."),
        ReportField(
            "margin",
            "measure",
            "amount",
            "What is left of what was won; empty where a cost is unknown, or it was not asked for.",
        ),
        ReportField("margin_share", "measure", "ratio", "That by the net of it."),
    ),
    judge=need_product,
    compute=_performed,
)
