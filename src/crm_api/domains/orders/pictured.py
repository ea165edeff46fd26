"""What orders and contracts show of a customer, and which of their events are points of contact."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from crm_api.domains.orders.contracts import ContractService
from crm_api.domains.orders.service import OrderService
from crm_api.kit.crud.picturing import Figure, Pictured, listed, summed
from crm_api.kit.customer360 import Customer, Section
from crm_api.kit.db.json import parsed
from crm_api.kit.db.tx import Tx
from crm_api.kit.money import shown_quantity
from crm_api.kit.touchpoints import Party, Touchpoint

_RUNNING = ("draft", "confirmed", "in_fulfilment")
_ORDERED = ("confirmed", "in_fulfilment", "fulfilled", "closed")
_OPEN = Pictured(
    OrderService, {"status": {"in": list(_RUNNING)}}, lambda v: v["status"] in _RUNNING
)
_AGREED = Pictured(
    OrderService, {"status": {"in": list(_ORDERED)}}, lambda v: v["status"] in _ORDERED
)
_ACTIVE = Pictured(ContractService, {"status": "active"}, lambda v: v["status"] == "active")
_DEAL = Party("deal_id", "deal")
_PARTIES = (Party("contact_id", "contact"), Party("company_id", "company"))
_MOST = 200
TOUCHPOINTS = (
    *(
        Touchpoint(f"order.{verb}", "delivery", (*_PARTIES, _DEAL))
        for verb in ("confirmed", "started", "fulfilled", "closed", "cancelled", "handed_over")
    ),
    *(
        Touchpoint(f"contract.{verb}", "sales", _PARTIES)
        for verb in ("activated", "renewed", "ended", "cancelled")
    ),
)


async def _products(tx: Tx, customer: Customer) -> list[dict[str, Any]] | None:
    """What was ordered by product, of the latest orders; None where they are too many to tell."""
    if "lines" in tx.actor.hidden("order"):
        return None
    if customer.as_of is None:
        rows, more = await _AGREED.rows(tx, customer, ("id", "lines", "created_at"), _MOST)
    else:
        rows, more = await _AGREED.rows_then(tx, customer, customer.as_of)
        if more:
            return None
    del more
    return _owned(rows)


def _owned(orders: Sequence[Any]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for order in orders:
        lines: Any = parsed(order.lines)
        for line in lines:
            key = line["product_id"] or line["name"]
            # The latest order comes first: what it calls a product counts.
            one = found.setdefault(
                key,
                {
                    "product_id": line["product_id"],
                    "variant_id": line["variant_id"],
                    "name": line["name"],
                    "quantity": Decimal(0),
                    "order_ids": [],
                },
            )
            one["quantity"] += Decimal(line["quantity"])
            if order.id not in one["order_ids"]:
                one["order_ids"].append(order.id)
    return [{**one, "quantity": shown_quantity(one["quantity"])} for one in found.values()]


SECTIONS = (
    listed(
        "open_orders",
        "delivery",
        _OPEN,
        ("number", "name", "status", "gross", "currency", "due_on", "deal_id", "owner_id"),
    ),
    summed("ordered", "finance", _AGREED, (Figure("net", "net"), Figure("gross", "gross"))),
    summed("recurring", "finance", _ACTIVE, (Figure("mrr", "mrr"), Figure("arr", "arr"))),
    listed(
        "contracts",
        "finance",
        _ACTIVE,
        ("name", "kind", "status", "mrr", "currency", "ends_on", "notice_by", "order_id"),
        group="products",
    ),
    Section("products", "sales", _products, "products", ("orders",), as_of=True),
)
