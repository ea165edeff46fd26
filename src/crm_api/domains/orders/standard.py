"""The standard reports of what was ordered."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from crm_api.domains.orders.standard_lines import READS, OrderLines, names_of
from crm_api.domains.orders.standard_products import (
    PRODUCT,
    PRODUCT_PERFORMANCE,
    need_product,
)
from crm_api.kit.db.tx import Tx
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
Numbers = Mapping[str, Any]
_MAINS, _MOST_PAIRS = 50, 2_000
_AREA = "products"
_PLACES = {"product_id": "product", "owner_id": "owner_id"}
"""By a grouping the column of lines that it is by."""
_CURRENCY = ReportField("currency", "grouping", "text", "That of the order.")
_ORDERS = ReportField("orders", "measure", "integer", "Orders with it.")
_NET = ReportField("net", "measure", "amount", "What is due in all, without taxes.")
_DUE = (
    "Orders that were confirmed within the days, each in its currency, without those that were "
    "cancelled. What falls due again counts as often as its term says, and for a year without one. "
)


async def _sums(tx: Tx, given: Given, by: str, shown: Any) -> Computed:
    """What `shown` makes of the sums of each group, and of all of a currency."""
    agreed = OrderLines(tx, given)
    rows = await agreed.sums(_PLACES[by])
    wholes = {row.currency: row for row in rows if row.whole}
    names = await names_of(tx, [row.key for row in rows]) if by == "product_id" else {}
    lines: list[Line] = []
    totals: list[Line] = []
    for row in rows:
        own = agreed.items
        tests = [own.currency == row.currency]
        values = {"currency": row.currency, **shown(row, wholes[row.currency])}
        if row.whole:
            totals.append(Line(values, Records(partial(agreed.behind, *tests))))
            continue
        tests.append(own[_PLACES[by]].is_not_distinct_from(row.key))
        values |= {by: row.key, "product": names.get(row.key)}
        lines.append(Line(values, Records(partial(agreed.behind, *tests))))
    return Computed(lines, totals)


def _mixed(row: Any, whole: Any) -> Numbers:
    return {
        "orders": row.orders,
        "quantity": row.quantity,
        "net": row.net,
        "share": _ratio(row.net, whole.net),
    }


def _leaked(row: Any, _whole: Any) -> Numbers:
    leakage = row.list_value - row.net
    return {
        "orders": row.orders,
        "discounted": row.discounted,
        "list_value": row.list_value,
        "net": row.net,
        "leakage": leakage,
        "leakage_share": _ratio(leakage, row.list_value),
    }


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    return part / whole if whole else None


async def _attached(tx: Tx, given: Given) -> Computed:
    """Which products are ordered together with a product, or with those that are in most orders."""
    agreed = OrderLines(tx, given)
    main: UUID | None = given["product_id"]
    rows = await agreed.together(main, _MAINS, _MOST_PAIRS)
    names = await names_of(tx, [id for row in rows for id in (row.product, row.other)])
    lines: list[Line] = []
    for row in rows:
        values = {
            "product_id": row.product,
            "product": names.get(row.product),
            "other_id": row.other,
            "other": names.get(row.other),
            "orders": row.orders,
            "attached": row.attached,
            "rate": Decimal(row.attached) / row.orders,
        }
        both = Records(partial(agreed.with_all, row.product, row.other))
        whole = Records(partial(agreed.with_all, row.product))
        lines.append(Line(values, both, {"orders": whole}))
    return Computed(lines)


PRODUCT_MIX = ComputedReport(
    name="product_mix",
    title="Product mix",
    text=f"{_DUE}By product how much of it was ordered, in whichever units, and which share of all "
    "that is.",
    formula="net = Σ net of the line × how often it falls due; share = net / net of the currency",
    source="order",
    also_of=("product",),
    areas=(_AREA,),
    parameters=SPAN,
    chart="net",
    reads=READS,
    columns=(
        *PRODUCT,
        _CURRENCY,
        _ORDERS,
        ReportField("quantity", "measure", "number", "How much of it."),
        _NET,
        ReportField("share", "measure", "ratio", "Its part of all in the currency."),
    ),
    compute=partial(_sums, by="product_id", shown=_mixed),
)
ATTACH_RATE = ComputedReport(
    name="attach_rate",
    title="Attach rate",
    text="Which products are ordered together with which: of the orders that were confirmed within "
    "the days and have a product, how many have the other one, too. Without a product they are the "
    f"{_MAINS} that are in the most orders.",
    formula="rate = orders with both / orders with the product",
    source="order",
    also_of=("product",),
    areas=(_AREA,),
    kind="matrix",
    parameters=(
        *SPAN,
        Parameter("product_id", "uuid", "Only with this product.", is_optional=True),
    ),
    chart="rate",
    reads=READS,
    columns=(
        *PRODUCT,
        ReportField("other_id", "grouping", "uuid", "The one beside it.", label="other"),
        ReportField("other", "column", "text", "Its name; empty where it is in the bin."),
        ReportField("orders", "measure", "integer", "Orders with the product."),
        ReportField("attached", "measure", "integer", "Those with both."),
        ReportField("rate", "measure", "ratio", "The one by the other."),
    ),
    judge=need_product,
    compute=_attached,
)


def _leakage(key: str, title: str, group: Sequence[ReportField]) -> ComputedReport:
    return ComputedReport(
        name=f"discount_leakage_by_{key}",
        title=f"Discount leakage by {title}",
        text=f"{_DUE}By {title} what they would come to without any discounts, and how much these "
        "took off. Taxes that are in a price are left out, except where all of it is given away.",
        formula="list_value = Σ price × quantity × how often it falls due, without taxes; "
        "leakage = list_value − net; leakage_share = leakage / list_value",
        source="order",
        also_of=("product",) if key == "product" else (),
        areas=(_AREA,) if key == "product" else (),
        parameters=SPAN,
        chart="leakage",
        reads=READS,
        columns=(
            *group,
            _CURRENCY,
            _ORDERS,
            ReportField("discounted", "measure", "integer", "Those with a discount on it."),
            ReportField("list_value", "measure", "amount", "Before discounts, without taxes."),
            _NET,
            ReportField("leakage", "measure", "amount", "What discounts took off."),
            ReportField("leakage_share", "measure", "ratio", "The one by the other."),
        ),
        compute=partial(_sums, by=f"{key}_id", shown=_leaked),
    )


STANDARD_REPORTS = (
    PRODUCT_MIX,
    ATTACH_RATE,
    _leakage("product", "product", PRODUCT),
    PRODUCT_PERFORMANCE,
    _leakage("owner", "owner", [ReportField("owner_id", "grouping", "uuid", "Whose order it is.")]),
)
