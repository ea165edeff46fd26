"""The rules of price lists, price rules and contract prices."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.prices.belonging import is_of_segment
from crm_api.domains.prices.choosing import DEEPEST
from crm_api.domains.prices.models import ContractPrice, PriceList, PriceRule
from crm_api.domains.prices.repository import ContractPrices, PriceLists, PriceRules
from crm_api.domains.prices.schemas import (
    ContractPriceCreate,
    ContractPriceUpdate,
    ListPriceInput,
    PriceListCreate,
    PriceListUpdate,
    PriceRuleCreate,
    PriceRuleUpdate,
)
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.spans import SpanService, after, need_order
from crm_api.kit.crud.tree import TreeService
from crm_api.kit.errors import Conflict, Fault, Invalid
from crm_api.kit.money import shown_amount, shown_quantity

_PERSONAL = Impersonal("What things cost.")
_NEEDS: Mapping[str, str] = {
    "fixed": "unit_price",
    "percent": "percent",
    "cost_plus": "percent",
    "formula": "formula",
}
_TARGETS = ("variant_id", "product_id", "category_id")
UNTIERED = (
    "percent",
    "formula",
    "surcharge",
    "round_to",
    "ending",
    "ceiling",
    "min_margin",
    "max_margin",
)
"""What a rule with tiers has none of."""
_KEYED = frozenset({"segment", "channel", "region"})


class PriceListService(TreeService[PriceList], NamedService[PriceList]):
    """Prices in one currency, for some customers, for some time.

    A list counts on its days unless it is a draft. An expired one does for days that are over
    alone: a patch of its last day does not have it count again, activating it does.
    """

    repository = PriceLists
    area = "prices"
    plural = "price_lists"
    personal = _PERSONAL
    create_shape = PriceListCreate
    update_shape = PriceListUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {"status": "draft"}
    records: PriceLists

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: PriceList | None, country: str | None
    ) -> dict[str, Any]:
        """An audience is named as its kind needs it; a list ends after it starts."""
        del country
        need_order(values, current)
        audience = after(values, current, "audience")
        for name, wanted in (("company_id", {"account"}), ("audience_key", _KEYED)):
            given = after(values, current, name)
            if (audience in wanted) != (given is not None):
                is_missing = given is None
                words = "needs" if is_missing else "has no"
                raise Invalid.at(
                    f"/{name}",
                    "required" if is_missing else "not_allowed",
                    f"The audience {audience} {words} {name}.",
                )
        return cls.derive(values, current)

    async def prepare(self, values: dict[str, Any], current: PriceList | None) -> dict[str, Any]:
        """The currency of a list with rules stays: their prices would be other ones."""
        values = await super().prepare(values, current)
        names = ("audience", "audience_key")
        audience, key = (after(values, current, name) for name in names)
        if not values.keys().isdisjoint(names) and is_of_segment(audience, key):
            # What its members pay tells who they are.
            self.tx.actor.require("segments:read")
        await self._need_depth(values, current)
        moves = current is not None and values.get("currency", current.currency) != current.currency
        if current is not None and moves and await PriceRules(self.tx).any_of_list(current.id):
            message = "A list that has rules keeps its currency; clone it into another one."
            fault = Fault("has_rules", message, pointer="/currency")
            raise Conflict(message, code="has_rules", faults=[fault])
        return values

    async def put_back(self, record: PriceList, values: dict[str, Any]) -> Any:
        """Refuse it where too many lists would stand above one another by now."""
        await self._need_depth(values, record)
        return await super().put_back(record, values)

    async def _need_depth(self, values: Mapping[str, Any], current: PriceList | None) -> None:
        parent = values.get("parent_id")
        if parent is None or (current is not None and parent == current.parent_id):
            return
        # What is moved takes along the lists below it.
        below = 1 if current is None else await self.records.height(current.id)
        if len(await self.records.ancestors(parent)) + below > DEEPEST:
            message = f"No more than {DEEPEST} lists stand above one another."
            raise Invalid.at("/parent_id", "too_deep", message)


class PriceRuleService(SpanService[PriceRule]):
    """How lists price variants, products, categories, or everything."""

    repository = PriceRules
    area = "prices"
    plural = "price_rules"
    personal = _PERSONAL
    create_shape = PriceRuleCreate
    update_shape = PriceRuleUpdate
    records: PriceRules

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: PriceRule | None, country: str | None
    ) -> dict[str, Any]:
        """A method has what it needs; tiers say how they count."""
        del country
        _need_one_target(values)
        _need_method(values, current)
        if "tiers" in values:
            values["tiers"] = [_stored_tier(tier) for tier in values["tiers"]]
        return cls.derive(values, current)

    @classmethod
    def derive(cls, values: dict[str, Any], current: PriceRule | None) -> dict[str, Any]:
        """What a rule is for, as it is looked up."""
        if current is None:
            own: tuple[UUID | None, ...] = tuple(values[name] for name in _TARGETS)
            values["target_id"] = next((id for id in own if id), values["price_list_id"])
        return values

    async def set_price(self, price_list_id: UUID, data: ListPriceInput) -> Any:
        """A fixed price in a list."""
        whole = {**data.model_dump(exclude_unset=True), "price_list_id": price_list_id}
        return await self.create(PriceRuleCreate.model_validate(whole))


class ContractPriceService(SpanService[ContractPrice]):
    """What was agreed with companies."""

    repository = ContractPrices
    area = "prices"
    plural = "contract_prices"
    personal = _PERSONAL
    create_shape = ContractPriceCreate
    update_shape = ContractPriceUpdate
    records: ContractPrices

    @classmethod
    def derive(cls, values: dict[str, Any], current: ContractPrice | None) -> dict[str, Any]:
        """What it is for, as it is looked up."""
        if current is None:
            product, variant = values["product_id"], values["variant_id"]
            if product is None and variant is None:
                raise Invalid.at("/product_id", "required", "It is for a product or a variant.")
            if product is not None and variant is not None:
                raise Invalid.at("/variant_id", "not_allowed", "It is for one of both.")
            values["target_id"] = variant or product
        return values


def _need_one_target(values: Mapping[str, Any]) -> None:
    given = [name for name in _TARGETS if values.get(name) is not None]
    if len(given) > 1:
        raise Invalid.at(
            f"/{given[1]}", "not_allowed", "A rule is for one variant, product or category."
        )


def _need_method(values: Mapping[str, Any], current: PriceRule | None) -> None:
    method, tiers = after(values, current, "method"), after(values, current, "tiers")
    if bool(tiers) != (after(values, current, "tier_mode") is not None):
        raise Invalid.at("/tier_mode", "required", "Tiers go with how they count.")
    if tiers and method != "fixed":
        raise Invalid.at("/tiers", "not_allowed", "Tiers are of the method fixed.")
    for name in UNTIERED if tiers else ():
        if after(values, current, name) is not None:
            raise Invalid.at(f"/{name}", "not_allowed", "Tiers say all of the price but a floor.")
    needed = _NEEDS[method]
    if after(values, current, needed) is None and not tiers:
        raise Invalid.at(f"/{needed}", "required", f"The method {method} needs {needed}.")
    least, most = (after(values, current, name) for name in ("floor", "ceiling"))
    if least is not None and most is not None and most < least:
        raise Invalid.at("/ceiling", "below_floor", "The ceiling is not below the floor.")


def _stored_tier(tier: Mapping[str, Any]) -> dict[str, Any]:
    up_to = tier["up_to"]
    return {
        "unit_price": shown_amount(tier["unit_price"]),
        "up_to": None if up_to is None else shown_quantity(up_to),
        "flat_fee": shown_amount(tier["flat_fee"]),
        "package": shown_quantity(tier["package"]),
    }
