"""A change of prices that is only thought of: what it would be, and prices as if it were done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.catalogue.repository import LISTING as PRODUCTS
from crm_api.domains.catalogue.repository import VARIANTS
from crm_api.domains.prices.adjusting import adjusted_price, adjusted_tier
from crm_api.domains.prices.gathering import Facts, Row, add_rule, amount
from crm_api.domains.prices.repository import PriceLists, PriceRules
from crm_api.domains.prices.schemas import AdjustInput
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.pricing.rounding import exactly
from crm_api.kit.query.kinds import kinds_of
from crm_api.kit.schema import Amount, Quantity, Schema


class ProposedAdjustment(AdjustInput):
    """By how much the fixed prices of a list would change."""

    price_list_id: UUID


class ProposedPrice(Schema):
    """A fixed price that a list would have."""

    price_list_id: UUID
    product_id: UUID | None = None
    variant_id: UUID | None = None
    min_quantity: Quantity = Decimal(0)
    unit_price: Amount

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.product_id is None) == (self.variant_id is None):
            raise ValueError("a price is of a product or of a variant")
        return self


class ProposedProduct(Schema):
    """What a product would cost, in its own currency."""

    product_id: UUID
    list_price: Amount | None = Field(None, description="As it is, without it.")
    cost: Amount | None = Field(None, description="As it is, without it.")


Lists = Annotated[list[UUID], Field(max_length=10)]


class PriceChange(Schema):
    """What would change, in this order."""

    begin: Lists = Field(
        default_factory=list, description="Lists that would count: drafts and those to come, too."
    )
    end: Lists = Field(default_factory=list, description="Lists that would count no more.")
    products: Annotated[list[ProposedProduct], Field(max_length=500)] = Field(
        default_factory=list[ProposedProduct]
    )
    adjust: Annotated[list[ProposedAdjustment], Field(max_length=10)] = Field(
        default_factory=list[ProposedAdjustment], description="As `…/adjust` would."
    )
    prices: Annotated[list[ProposedPrice], Field(max_length=500)] = Field(
        default_factory=list[ProposedPrice],
        description="Fixed prices, in place of rules for the same from the same quantity on.",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.begin or self.end or self.products or self.adjust or self.prices):
            raise ValueError("nothing would change")
        return self


@dataclass(frozen=True)
class Proposal:
    """A change of prices whose parts are there and seen."""

    change: PriceChange
    targets: Sequence[frozenset[str] | None]
    """Of each adjustment what its rules are for; None for everything."""

    @exactly
    def apply(self, facts: Facts) -> None:
        """Have prices be as if it were done; raises `Invalid` where one would be too high."""
        ended = {str(id) for id in self.change.end}
        facts.asked = [one for one in facts.asked if one["id"] not in ended]
        facts.lists = {id: one for id, one in facts.lists.items() if id not in ended}
        for product in self.change.products:
            if (row := facts.products.get(str(product.product_id))) is not None:
                row |= {
                    name: _whole(value)
                    for name in ("list_price", "cost")
                    if (value := getattr(product, name)) is not None
                }
        for place, (one, targets) in enumerate(zip(self.change.adjust, self.targets, strict=True)):
            try:
                _adjust(facts, one, targets)
            except Invalid as mistake:
                raise mistake.under(f"/adjust/{place}") from None
        for price in self.change.prices:
            add_rule(facts, _rule(price))


async def proposal_of(tx: Tx, change: PriceChange) -> Proposal:
    """The change, ready to be applied; raises `Invalid` where it is of what is not there."""
    for area in ("prices", "products"):
        tx.actor.require(f"{area}:read")
    rules = PriceRules(tx)
    await _need_known(tx, change)
    targets = [
        None if one.category_id is None else await rules.targets_below(one.category_id)
        for one in change.adjust
    ]
    faults = [
        _unknown(f"/adjust/{place}/category_id", "category")
        for place, found in enumerate(targets)
        if found == []
    ]
    if faults:
        raise Invalid("A record that is referred to does not exist.", faults=faults)
    return Proposal(change, [None if ids is None else frozenset(map(str, ids)) for ids in targets])


async def _need_known(tx: Tx, change: PriceChange) -> None:
    lists = {
        **{f"/begin/{n}": id for n, id in enumerate(change.begin)},
        **{f"/end/{n}": id for n, id in enumerate(change.end)},
        **{f"/adjust/{n}/price_list_id": one.price_list_id for n, one in enumerate(change.adjust)},
        **{f"/prices/{n}/price_list_id": one.price_list_id for n, one in enumerate(change.prices)},
    }
    sold: dict[str, UUID] = {
        f"/products/{n}/product_id": one.product_id for n, one in enumerate(change.products)
    }
    for n, one in enumerate(change.prices):
        for name in ("product_id", "variant_id"):
            if (id := getattr(one, name)) is not None:
                sold[f"/prices/{n}/{name}"] = id
    known_lists = {one.id for one in await PriceLists(tx).some(list(set(lists.values())))}
    known_sold = await kinds_of(tx, [PRODUCTS, VARIANTS], list(set(sold.values())))
    faults = [_unknown(at, "price list") for at, id in lists.items() if id not in known_lists]
    faults += [_unknown(at, "product") for at, id in sold.items() if id not in known_sold]
    if faults:
        raise Invalid("A record that is referred to does not exist.", faults=faults)


def _unknown(pointer: str, what: str) -> Fault:
    return Fault("unknown_reference", f"There is no such {what}.", pointer)


def _adjust(facts: Facts, change: ProposedAdjustment, targets: frozenset[str] | None) -> None:
    for (list_id, target), rules in facts.rules.items():
        if list_id == str(change.price_list_id) and (targets is None or target in targets):
            for rule in rules:
                if rule["method"] == "fixed" and (price := amount(rule["unit_price"])) is not None:
                    rule["unit_price"] = _whole(adjusted_price(price, change))
                if rule["tiers"]:
                    rule["tiers"] = [adjusted_tier(tier, change) for tier in rule["tiers"]]


def _rule(price: ProposedPrice) -> Row:
    empty = ("percent", "formula", "surcharge", "round_to", "ending", "floor", "ceiling",
             "min_margin", "max_margin", "tier_mode", "valid_from")  # fmt: skip
    values: Mapping[str, Any] = {
        "price_list_id": str(price.price_list_id),
        "target_id": str(price.variant_id or price.product_id),
        "min_quantity": int(price.min_quantity.scaleb(6)),
        "method": "fixed",
        "unit_price": _whole(price.unit_price),
        "base": "list",
        "direction": "nearest",
        "tiers": [],
    }
    return {**dict.fromkeys(empty), **values, "id": "proposed"}


def _whole(value: Decimal) -> int:
    """An amount as facts have it (`AmountType`)."""
    return int(value.scaleb(4))
