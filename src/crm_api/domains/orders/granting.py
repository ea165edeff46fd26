"""What change requests give by hand: other prices of products, and lines that are added."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from crm_api.domains.orders.models import ChangeRequest, Order
from crm_api.domains.orders.service import given_of
from crm_api.domains.quotes.before import Before
from crm_api.domains.quotes.permitting import given_away
from crm_api.domains.quotes.pricing import QuotePricing
from crm_api.domains.quotes.schemas import QuoteContent
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault
from crm_api.platform.approvals.standing import standing

Change = Mapping[str, Any]
Granted = dict[str, Any]
"""`manual_percent` and `below_floor`, as lines of quotes have them."""
_GRANTED = ("manual_percent", "below_floor")
TARGET = "change_request"


async def granted(tx: Tx, order: Order, changes: Sequence[Change]) -> dict[int, Granted]:
    """By place what changes give of products that are to cost less than was agreed for one.

    By the prices of now; what is not there any more has no price, so all of it may be given.
    """
    known = {line["id"]: line for line in order.lines}
    lines: dict[int, Change] = {}
    for place, change in enumerate(changes):
        line = known.get(str(change["line_id"]))
        if change["action"] == "change" and line is not None and _is_less(change, line):
            quantity = change["quantity"] or line["quantity"]
            lines[place] = {**line, "quantity": quantity, "unit_price": change["unit_price"]}
    if not lines:
        return {}
    own = list(lines.values())
    before = Before.kept(own, order.contact_id, order.company_id)
    names = ("company_id", "contact_id", "currency", "tax_rounding")
    content = {**{n: getattr(order, n) for n in names}, "lines": [given_of(line) for line in own]}
    shown = await QuotePricing(tx).calculate(QuoteContent.model_validate(content), before)
    told = ({name: line[name] for name in _GRANTED} for line in shown["lines"])
    return dict(zip(lines, told, strict=True))


async def not_granted(tx: Tx, request: ChangeRequest) -> list[Fault]:
    """What of a request is beyond what whoever acts may give; an approval lets it pass."""
    found = await standing(tx, TARGET, request.id)
    given = {
        f"/changes/{place}": change["line"] or change
        for place, change in enumerate(request.changes)
    }
    return await given_away(tx, found, given, about="changes")


def _is_less(change: Change, line: Change) -> bool:
    if change["unit_price"] is None or line["product_id"] is None:
        return False
    quantity = Decimal(line["quantity"])
    return not quantity or Decimal(change["unit_price"]) < Decimal(line["amount"]) / quantity
