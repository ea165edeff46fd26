"""What each of the three drafts is to have: by the request, past quotes, recipes and suggestions.

Pure. `good` is what was asked for and no more; `better` adds the two best suggestions as options,
`best` four, and takes what the catalogue would rather sell.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.recipes.affinity import Rule
from crm_api.domains.recipes.asking import ProposalRequest
from crm_api.domains.recipes.composing import (
    ASKED,
    NEED,
    OPTION,
    PAST,
    RECIPE,
    SUGGESTION,
    Components,
    Told,
    Wish,
    left_out,
    reason,
)
from crm_api.domains.recipes.goods import Goods, Key
from crm_api.domains.recipes.models import TIERS, ProposalRecipe, Tier
from crm_api.kit.errors import Invalid
from crm_api.kit.pricing.rounding import ONE, ZERO, exactly

SUGGESTED: Mapping[Tier, int] = {"good": 0, "better": 2, "best": 4}
"""How many suggestions a draft has at most."""
_RELATED = Decimal("0.5")
"""What a relation of the catalogue is worth; a rule of affinity, what it is sure of."""
_MOST = Decimal(10) ** 12
_STEP = Decimal("0.000001")
_MOST_MISSING = 5
"""So many products are told that would fit and cannot be offered."""


@dataclass(frozen=True)
class PastLine:
    """What was offered or ordered once."""

    quote_id: UUID | None
    """The quote; of an order the one that it goes back to."""
    order_id: UUID | None
    product_id: UUID | None
    variant_id: UUID | None
    name: str
    quantity: Decimal
    unit_id: UUID | None
    interval: str | None
    term: int | None
    components: Components = ()
    """The optional ones that it took and that a bundle can still take."""
    lost: bool = False
    """Whether it took others."""


@dataclass(frozen=True)
class Ground:
    """Everything that wishes are made of."""

    asked: ProposalRequest
    past: Sequence[PastLine]
    recipes: Sequence[ProposalRecipe]
    goods: Goods
    rules: Sequence[Rule]


def fitting(recipes: Iterable[ProposalRecipe], needs: Iterable[str]) -> list[ProposalRecipe]:
    """Of the recipes for a customer those that are taken, in their order.

    One that names needs is taken where it answers one that none before it answers.
    """
    open_needs, found = set(needs), list[ProposalRecipe]()
    for recipe in recipes:
        answered = open_needs & set(recipe.needs)
        if answered or not recipe.needs:
            open_needs -= answered
            found.append(recipe)
    return found


def tier_of(recipe: ProposalRecipe, label: Tier) -> Mapping[str, Any] | None:
    """What a recipe offers on a level: what it says of it, or of the nearest one below."""
    known = {tier["tier"]: tier for tier in recipe.tiers}
    below = reversed(TIERS[: TIERS.index(label) + 1])
    return next((known[name] for name in below if name in known), None)


@exactly
def quantity_of(item: Mapping[str, Any], asked: ProposalRequest) -> Decimal | None:
    """How much of an item is wanted; None where the request lacks its parameter."""
    quantity, per = Decimal(item["quantity"]), item["per"]
    if per is None:
        return quantity
    times = asked.parameters.get(per)
    if times is None:
        return None
    if quantity * times >= _MOST:
        raise Invalid.at(f"/parameters/{per}", "too_large", "So many cannot be offered.")
    return (quantity * times).quantize(_STEP)


class Wishing:
    """The wishes of one draft, and what nothing can be found for."""

    def __init__(self, ground: Ground, label: Tier) -> None:
        self._ground, self._goods = ground, ground.goods
        self._label: Tier = label
        self.wishes: list[Wish] = []
        self.left_out: list[Told] = []

    def all(self) -> "Wishing":
        """The same, with everything that is wished for."""
        self.wishes += _summed(self._asked())
        self.wishes += _summed(self._past())
        for recipe in self._ground.recipes:
            for item in (tier_of(recipe, self._label) or {"items": ()})["items"]:
                self._add_item(recipe, item)
        self._add_needs()
        if self._label == "best":
            # One by one, so that none is taken twice, or clashes with another one.
            for place, wish in enumerate(self.wishes):
                self.wishes[place] = self._dearer(wish)
        self.wishes += self._suggested()
        return self

    def _asked(self) -> Iterator[Wish]:
        for one in self._ground.asked.products:
            variant = self._goods.variants.get(one.variant_id) if one.variant_id else None
            product = one.product_id if variant is None else variant.product_id
            assert product is not None
            told = reason("asked_for", "Asked for.")
            yield Wish((product, one.variant_id), one.quantity, told, ASKED)

    def _past(self) -> Iterator[Wish]:
        for line in self._ground.past:
            if line.product_id is None:
                why = ("no_product", "It is of no product, so nothing says what it costs today.")
                self.left_out.append({**left_out(self._goods, None, why), "name": line.name})
                continue
            told = (
                reason("past_quote", "Offered before.", quote_id=line.quote_id)
                if line.order_id is None
                else reason("past_order", "Ordered before.", order_id=line.order_id)
            )
            key = (line.product_id, line.variant_id)
            if line.lost:
                why = ("gone", "It is offered without a component that it does not take any more.")
                self.left_out.append({**left_out(self._goods, key, why), "name": line.name})
            yield Wish(
                key,
                line.quantity,
                told,
                PAST,
                interval=line.interval,
                term=line.term,
                unit_id=line.unit_id,
                components=line.components,
            )

    def _add_item(self, recipe: ProposalRecipe, item: Mapping[str, Any]) -> None:
        key, quantity = self._key_of(item), quantity_of(item, self._ground.asked)
        text = item["reason"] or f"By the recipe {recipe.name}."
        told = reason("recipe", text, recipe_id=recipe.id, need=item["need"])
        if key is None:
            message = f"Nothing is sold that fits the recipe {recipe.name}."
            self._leave_out(message, item["need"], item["category_id"])
        elif quantity is None:
            message = f"The recipe {recipe.name} wants the parameter {item['per']}."
            self.left_out.append(left_out(self._goods, key, ("no_parameter", message)))
        elif quantity > ZERO:
            wish = Wish(
                key,
                quantity,
                told,
                OPTION if item["is_optional"] else RECIPE,
                is_optional=item["is_optional"],
                worth=ONE,
                section=item["section"],
                interval=item["interval"],
                term=item["term"],
            )
            self.wishes.append(wish)

    def _key_of(self, item: Mapping[str, Any]) -> Key | None:
        if item["variant_id"] is not None:
            variant = self._goods.variants.get(UUID(item["variant_id"]))
            return None if variant is None else (variant.product_id, variant.id)
        if item["product_id"] is not None:
            return UUID(item["product_id"]), None
        category = item["category_id"]
        return self._pick(item["need"], None if category is None else UUID(category))

    def _add_needs(self) -> None:
        """A product for each need that no recipe answers, and nothing that is wished for."""
        offering = (one for one in self._ground.recipes if tier_of(one, self._label))
        answered = {need for recipe in offering for need in recipe.needs}
        for need in self._ground.asked.needs:
            if need in answered:
                continue
            key = self._pick(need, None)
            if key is None:
                self._leave_out(f"Nothing is sold for {need}.", need, None)
            elif key not in {wish.key for wish in self.wishes}:
                told = reason("need", f"Good for {need}.", need=need)
                self.wishes.append(Wish(key, ONE, told, NEED))

    def _leave_out(self, message: str, need: str | None, category: str | None) -> None:
        """Say why there is nothing: of what would fit why that cannot be offered."""
        among = None if category is None else UUID(category)
        keys = self._goods.missing(need=need, category=among) if need or among else []
        for key in keys[:_MOST_MISSING]:
            why = self._goods.problem(key)
            assert why is not None
            self.left_out.append(left_out(self._goods, key, why))
        if not keys:
            self.left_out.append(left_out(self._goods, None, ("nothing_found", message)))

    def _pick(self, need: str | None, category: UUID | None) -> Key | None:
        """What fits: what is wished for already, or by the level the cheapest to the dearest."""
        found = self._goods.matching(need=need, category=category)
        wished = [wish.key for wish in self.wishes if not wish.is_optional]
        sold = [key for key in reversed(wished) if self._goods.problem(key) is None]
        there = {inner: key for key in sold for inner in self._goods.contents(key[0])}
        for key in found:
            if key[0] in there:
                return there[key[0]]
        present = self._there(wish for wish in self.wishes if not wish.is_optional)
        fit = [key for key in found if self._goods.goes_with(key[0], present)] or found
        places = {"good": 0, "better": (len(fit) - 1) // 2, "best": len(fit) - 1}
        return fit[places[self._label]] if fit else None

    def _dearer(self, wish: Wish) -> Wish:
        """What the catalogue would rather sell instead; what a recipe says stays."""
        if wish.strength in {RECIPE, OPTION} or wish.key[1] is not None:
            return wish
        if self._goods.problem(wish.key) is not None:
            return wish
        there = self._there(one for one in self.wishes if one is not wish)
        for one in self._goods.related(wish.key[0], "up_sell"):
            if one.related_id not in there and self._goods.goes_with(one.related_id, there):
                text = one.reason or f"More than {self._goods.name_of(one.product_id)} can do."
                told = {**wish.reason, **reason("up_sell", text, product_id=one.product_id)}
                return replace(
                    wish, key=(one.related_id, None), reason=told, unit_id=None, components=()
                )
        return wish

    def _suggested(self) -> list[Wish]:
        """The best of what goes with what is wished for."""
        there = self._there(self.wishes)
        found: dict[UUID, Wish] = {}
        for wish in self.wishes:
            for one in self._goods.related(wish.key[0], "cross_sell"):
                name = self._goods.name_of(one.product_id)
                told = reason(
                    "cross_sell", one.reason or f"Goes with {name}.", product_id=one.product_id
                )
                found.setdefault(one.related_id, _suggestion(one.related_id, told, _RELATED))
        learned: set[UUID] = set()
        for rule in self._ground.rules:
            # The strongest comes first.
            if rule.given not in there or rule.then in learned:
                continue
            learned.add(rule.then)
            known = found.get(rule.then)
            # Where the catalogue says so too, both count.
            found[rule.then] = (
                _by_rule(rule, self._goods)
                if known is None
                else replace(known, worth=known.worth + rule.strength)
            )
        fit = [wish for id, wish in found.items() if self._fits(id, there)]
        fit.sort(key=lambda wish: (-wish.worth, wish.key))
        return fit[: SUGGESTED[self._label]]

    def _there(self, wishes: Iterable[Wish]) -> frozenset[UUID]:
        """The products of wishes with what is in them, and what they require."""
        keys = [wish.key[0] for wish in wishes]
        found = (self._goods.taking(id) or self._goods.contents(id) for id in keys)
        return frozenset[UUID]().union(*found)

    def _fits(self, id: UUID, there: frozenset[UUID]) -> bool:
        return id not in there and self._goods.goes_with(id, there)


def _suggestion(id: UUID, told: Told, worth: Decimal) -> Wish:
    return Wish((id, None), ONE, told, SUGGESTION, is_optional=True, worth=worth)


def _by_rule(rule: Rule, goods: Goods) -> Wish:
    share = rule.confidence * 100
    name = goods.name_of(rule.given) or "the others"
    text = f"In {share:.0f} % of the quotes with {name} it was offered, too."
    told = reason(
        "affinity",
        text,
        product_id=rule.given,
        together=rule.together,
        confidence=rule.confidence,
        lift=rule.lift,
    )
    return _suggestion(rule.then, told, rule.strength)


def _summed(wishes: Iterable[Wish]) -> list[Wish]:
    """Wishes for the same by the same unit as one."""
    found: dict[tuple[Any, ...], Wish] = {}
    for wish in wishes:
        same = (wish.key, wish.unit_id, wish.interval, wish.term, wish.components)
        known = found.get(same)
        found[same] = (
            wish if known is None else replace(known, quantity=known.quantity + wish.quantity)
        )
    return list(found.values())
