"""What was found out about prices, as it is told."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from crm_api.domains.prices.gathering import Facts, Row, quantity
from crm_api.domains.prices.items import Chosen, Priced, in_units
from crm_api.kit.actor import Actor
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.documents import Arithmetic, Calculated, CalculatedLine
from crm_api.kit.pricing.rounding import HUNDRED, exactly

_OF_COST = frozenset({"cost_plus", "formula"})
Shown = dict[str, Any]


@exactly
def answer_of(
    actor: Actor,
    facts: Facts,
    rules: Arithmetic,
    day: date,
    lines: Sequence[Priced],
    found: Calculated,
) -> Shown:
    """The answer to a question about prices, without what is hidden from who asks."""
    hidden = hides_costs(actor)
    most = most_percent(actor, facts.policies)
    taxes = {one["id"]: _tax(one) for one in facts.taxes}
    totals = found.totals
    return {
        "currency": rules.currency,
        "date": day,
        "lines": [
            _line(taxes, line, one, most, hidden=hidden)
            for line, one in zip(lines, found.lines, strict=True)
        ],
        "taxes": [
            {
                **taxes[due.tax.name],
                "taxable": _money(due.taxable),
                "amount": _money(due.amount),
            }
            for due in found.taxes
        ],
        "totals": {
            **{name: _money(getattr(totals, name)) for name in _SUMS},
            **_margins(totals, hidden=hidden),
        },
    }


def hides_costs(actor: Actor) -> bool:
    """Whether somebody is not to see what things cost us."""
    of_variants = actor.hidden("product_variant") & {"cost", "cost_delta"}
    return bool(of_variants) or "cost" in actor.hidden("product")


_SUMS = ("list_amount", "discount", "net", "tax", "gross", "cash_rounding", "payable")


def _line(
    taxes: Mapping[str, Shown],
    line: Priced,
    found: CalculatedLine,
    most: Decimal | None,
    *,
    hidden: bool,
) -> Shown:
    product, variant, chosen = line.item.product, line.item.variant, line.chosen
    more = chosen.cheaper
    return {
        "product_id": product["id"],
        "variant_id": None if variant is None else variant["id"],
        "quantity": shown_quantity(line.asked.quantity),
        "unit_id": line.asked.unit_id or product["unit_id"],
        "unit_price": _money(line.line.unit_price),
        "tax_included": line.line.tax_included,
        **{
            name: _money(getattr(found, name))
            for name in ("unit_net", "list_amount", "net", "tax", "gross")
        },
        "discounts": [
            {
                "stage": one.stage,
                "promotion_id": one.source,
                "percent": None if one.percent is None else shown_quantity(one.percent),
                "amount": _money(one.amount),
            }
            for one in found.discounts
        ],
        "discount_percent": shown_quantity(found.discount_percent),
        "taxes": [{**taxes[tax.name], "amount": _money(due)} for tax, due in found.taxes],
        "floor": floor_of(line, hidden=hidden),
        **_margins(found, hidden=hidden),
        "needs_approval": _approvals(line, found, most),
        "cheaper": None
        if more is None
        else {
            "quantity": shown_quantity(in_units(more.quantity / line.factor)),
            "amount": _money(more.amount),
            "saves": _money(more.saves),
        },
        "trace": trace_of(chosen, hidden=hidden),
    }


def floor_of(line: Priced, *, hidden: bool) -> str | None:
    """The lowest price of a unit, as far as it may be told where costs are hidden."""
    floor = line.line.unit_floor
    # A bound of the margin is the cost in other words.
    is_secret = hidden and line.chosen.bound_by_cost
    return None if floor is None or is_secret else _money(floor)


def trace_of(chosen: Chosen, *, hidden: bool) -> Shown:
    """Why it costs what it costs."""
    least = chosen.min_quantity
    return {
        "way": chosen.way,
        "price_list_id": chosen.price_list_id,
        "price_rule_id": chosen.price_rule_id,
        "contract_price_id": chosen.contract_price_id,
        "scope": chosen.scope,
        "min_quantity": None if least is None else shown_quantity(least),
        "components": None
        if chosen.components is None
        else [
            {
                **one,
                "quantity": shown_quantity(one["quantity"]),
                "unit_price": _money(one["unit_price"]),
                "amount": _money(one["amount"]),
            }
            for one in chosen.components
        ],
        "steps": [_step(step, hidden=hidden) for step in chosen.steps],
        "lost": chosen.lost,
    }


def _step(step: Shown, *, hidden: bool) -> Shown:
    before, factor = step["before"], step["factor"]
    is_secret = hidden and step["step"] in _OF_COST
    return {
        **step,
        "before": None if before is None or is_secret else _money(before),
        "after": _money(step["after"]),
        "factor": None if factor is None else shown_quantity(factor),
    }


def _margins(found: Any, *, hidden: bool) -> Shown:
    if hidden:
        return {"cost": None, "margin": None, "margin_percent": None}
    percent = found.margin_percent
    return {
        "cost": None if found.cost is None else _money(found.cost),
        "margin": None if found.margin is None else _money(found.margin),
        "margin_percent": None if percent is None else shown_quantity(percent),
    }


def _approvals(line: Priced, found: CalculatedLine, most: Decimal | None) -> list[str]:
    given = line.asked.discount_percent
    needs = ["below_floor"] if found.below_floor else []
    if given is not None and most is not None and given > most:
        needs.append("discount_over_policy")
    return needs


def most_percent(actor: Actor, policies: Sequence[Row]) -> Decimal | None:
    """How much somebody may take off by hand; None where there is no limit."""
    access = actor.access
    if access is None or access.full or not policies:
        return None
    roles = {str(role) for role in access.roles}
    own = [quantity(one["max_percent"]) for one in policies if one["role_id"] in roles]
    common = [quantity(one["max_percent"]) for one in policies if one["role_id"] is None]
    return max((found for found in own or common if found is not None), default=HUNDRED)


def _tax(rate: Row) -> Shown:
    return {
        "tax_rate_id": rate["id"],
        "name": rate["name"],
        "rate": shown_quantity(quantity(rate["rate"]) or Decimal(0)),
    }


def _money(value: Decimal) -> str:
    return shown_amount(value)
