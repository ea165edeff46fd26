"""What is priced, and the price that was found for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from crm_api.domains.prices.asking import PriceLineInput
from crm_api.domains.prices.gathering import Facts, Row, amount
from crm_api.kit.pricing.documents import Line
from crm_api.kit.pricing.rounding import ZERO, exactly, rounded_unit
from crm_api.kit.pricing.tiers import Hint

UNIT = Decimal("0.000001")
"""The smallest quantity (`QuantityType`)."""


@dataclass(frozen=True)
class Item:
    """What is priced: a product or one of its variants, so many of its units."""

    product: Row
    variant: Row | None
    quantity: Decimal
    targets: tuple[tuple[str, str], ...]
    """What rules may be for, the most specific first: the scope and the id."""
    options: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    """Of a bundle the optional components that are taken, and how many there are in one."""

    def own(self, name: str) -> Decimal | None:
        """Its list price or cost, in the product's currency."""
        of_product = amount(self.product[name])
        if self.variant is None:
            return of_product
        whole, delta = amount(self.variant[name]), amount(self.variant[f"{name}_delta"])
        if whole is not None:
            return whole
        return of_product if of_product is None or delta is None else max(of_product + delta, ZERO)


@exactly
def in_units(count: Decimal) -> Decimal:
    """A quantity as it is compared with others, whatever it was calculated from."""
    return count.quantize(UNIT)


def item_of(
    facts: Facts,
    product: Row,
    variant: Row | None,
    count: Decimal,
    options: Mapping[str, Decimal] | None = None,
) -> Item:
    """So many of something, with what rules may be for."""
    targets = [] if variant is None else [("variant", variant["id"])]
    targets.append(("product", product["id"]))
    targets += [("category", id) for id in facts.categories_of(product)]
    return Item(product, variant, count, tuple(targets), options or {})


@dataclass
class Chosen:
    """A price, before discounts, and how it came about."""

    way: str
    unit: Decimal
    """Of one unit; with tiers, what one unit of the quantity costs on average."""
    tax_included: bool
    amount: Decimal | None = None
    """Of the whole quantity, where that is not so many times `unit`."""
    floor: Decimal | None = None
    bound_by_cost: bool = False
    """Whether what it costs us bounds the price."""
    cheaper: Hint | None = None
    price_list_id: str | None = None
    price_rule_id: str | None = None
    contract_price_id: str | None = None
    scope: str | None = None
    min_quantity: Decimal | None = None
    components: list[dict[str, Any]] | None = None
    """What those of a bundle cost in it, of one bundle; None for what is no bundle."""
    steps: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    lost: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def again(self) -> "Chosen":
        """The same, which can become another price from here on."""
        values: dict[str, Any] = {**vars(self), "steps": list(self.steps)}
        return Chosen(**values)

    def step(
        self,
        name: str,
        before: Decimal | None,
        after: Decimal,
        *,
        rule: Row | None = None,
        list_id: str | None = None,
        factor: Decimal | None = None,
    ) -> None:
        """Write down what became of the price."""
        self.steps.append(
            {
                "step": name,
                "price_list_id": list_id,
                "price_rule_id": None if rule is None else rule["id"],
                "before": before,
                "after": after,
                "factor": factor,
            }
        )

    def multiply(self, factor: Decimal, step: str, list_id: str | None = None) -> None:
        """Have it cost so many times as much."""
        before = self.unit
        self.unit = rounded_unit(before * factor)
        if self.amount is not None:
            self.amount *= factor
        if self.floor is not None:
            self.floor = rounded_unit(self.floor * factor)
        if self.cheaper is not None:
            more = self.cheaper
            self.cheaper = Hint(more.quantity, more.amount * factor, more.saves * factor)
        self.step(step, before, self.unit, list_id=list_id, factor=factor)


@dataclass(frozen=True)
class Priced:
    """A line on its way: what is asked, what it is, and the price that counts."""

    asked: PriceLineInput
    item: Item
    factor: Decimal
    """How many of the product's units one of the line's is."""
    chosen: Chosen
    line: Line
