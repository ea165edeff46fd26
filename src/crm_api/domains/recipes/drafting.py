"""Makes one draft: composes it, has it calculated as any quote, and fits it into the budget."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from crm_api.domains.quotes.pricing import QuotePricing
from crm_api.domains.quotes.schemas import QuoteContent
from crm_api.domains.recipes.composing import ASKED, PAST, Composed, Told, composed, left_out
from crm_api.domains.recipes.fitting import Option, chosen
from crm_api.domains.recipes.gathering import code_of
from crm_api.domains.recipes.goods import Goods, Key
from crm_api.domains.recipes.models import Tier
from crm_api.domains.recipes.ranking import Merits, answered
from crm_api.domains.recipes.wishing import Ground, Wishing
from crm_api.domains.recipes.writing import Letter, recipes_in
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.rounding import ZERO

_NUMBERS = ("confidence", "lift")
_LINE = re.compile(r"/lines/(\d+)(?:/|$)")


@dataclass
class Draft:
    """A draft with what it comes to."""

    label: Tier
    made: Composed
    content: QuoteContent
    shown: Told
    amount: Decimal
    """By the value that the budget is of."""
    wished: int
    """How much was asked for, or offered before."""

    @property
    def worth(self) -> Decimal:
        """What its options are worth."""
        return sum((wish.worth for wish in self.made.lines.values() if wish.is_optional), ZERO)

    @property
    def signature(self) -> tuple[Any, ...]:
        """What tells it from others."""
        return tuple(
            (wish.key, wish.quantity, wish.is_optional, wish.interval, wish.term, wish.components)
            for wish in sorted(self.made.lines.values(), key=lambda wish: str(wish.key))
        )


@dataclass
class Withheld:
    """A draft that is not shown, and why."""

    label: Tier
    code: str
    text: str
    amount: Decimal | None = None
    left_out: list[Told] = field(default_factory=list[Told])

    def told(self) -> Told:
        """As it is answered."""
        amount = None if self.amount is None else shown_amount(self.amount)
        plain = {"label": self.label, "code": self.code, "text": self.text}
        return {**plain, "amount": amount, "left_out": self.left_out}


class Drafting:
    """The drafts of one request."""

    def __init__(self, tx: Tx, ground: Ground, letter: Letter) -> None:
        self._tx, self._ground, self._letter = tx, ground, letter
        self._goods, self._asked = ground.goods, ground.asked

    async def draft(self, label: Tier) -> Draft | Withheld:
        """What is offered on a level; never above the budget, unless that is allowed."""
        # What has no price by this quantity may have one by another.
        goods = replace(self._goods, failed=dict(self._goods.failed))
        ground = replace(self._ground, goods=goods)
        while True:
            wishing = Wishing(ground, label).all()
            made = composed(wishing.wishes, goods)
            made.left_out = [*wishing.left_out, *made.left_out]
            if not made.lines:
                text = "There is nothing that could be offered."
                return Withheld(label, "nothing_to_offer", text, left_out=made.left_out)
            # Each time there is one thing less that could be offered.
            try:
                content, shown = await self._calculated(made, label)
            except Invalid as mistake:
                _note_wrong(goods, made, mistake)
                continue
            if not _note_unpriced(goods, made, shown):
                break
        wished = sum(1 for wish in wishing.wishes if wish.strength in {ASKED, PAST})
        wished += sum(1 for one in wishing.left_out if one["code"] == "no_product")
        draft = Draft(label, made, content, shown, self._amount(shown), wished)
        return await self._within_budget(draft)

    async def _calculated(self, made: Composed, label: Tier) -> tuple[QuoteContent, Told]:
        content = self._letter.content(made, label)
        return content, await QuotePricing(self._tx).preview(content)

    def _amount(self, shown: Told) -> Decimal:
        return Decimal(shown[self._asked.budget_of])

    async def _within_budget(self, draft: Draft) -> Draft | Withheld:
        budget = self._asked.budget
        if budget is None or draft.amount <= budget:
            return draft
        whole, amount = draft.made, draft.amount
        of = self._asked.budget_of
        costs = {
            key: Decimal(line[of]) if line["counts"] else ZERO
            for key, line in zip(whole.lines, draft.shown["lines"], strict=True)
        }
        fixed = frozenset(key for key, wish in whole.lines.items() if not wish.is_optional)
        options = {
            key: Option(whole.bundle_of(key) - fixed, wish.worth)
            for key, wish in whole.lines.items()
            if wish.is_optional and wish.worth > ZERO
        }
        room = budget - sum((costs[key] for key in fixed), ZERO)
        kept = chosen(list(options.values()), costs, room) if room >= ZERO else frozenset[Key]()
        while fixed | kept:
            draft.made = whole.only(fixed | kept)
            draft.content, draft.shown = await self._calculated(draft.made, draft.label)
            amount = draft.amount = self._amount(draft.shown)
            if amount <= budget or not kept:
                break
            # What depends on the others, such as a promotion, made them dearer than they were.
            kept = _without_least(options, kept)
        gone = [key for key in whole.lines if key not in fixed | kept]
        told = [self._no_room(key, costs[key]) for key in gone]
        draft.made.left_out = [*whole.left_out, *told]
        if (amount <= budget or self._asked.allow_over_budget) and fixed | kept:
            return draft
        text = "What it cannot do without is above the budget."
        return Withheld(draft.label, "over_budget", text, amount, draft.made.left_out)

    def _no_room(self, key: Key, cost: Decimal) -> Told:
        text = f"There is no room in the budget for its {shown_amount(cost)}."
        return left_out(self._goods, key, ("over_budget", text))

    def merits(self, draft: Draft, most: Decimal) -> Merits:
        """What counts for a draft."""
        needs = self._asked.needs
        used = recipes_in(draft.made)
        products = {inner for key in draft.made.lines for inner in self._goods.contents(key[0])}
        sources = [
            *(one.needs for one in self._ground.recipes if one.id in used),
            *(self._goods.products[id].needs for id in products if id in self._goods.products),
        ]
        wishes = draft.made.lines.values()
        there = sum(1 for wish in wishes if wish.strength in {ASKED, PAST})
        return Merits(
            draft.label,
            (answered(needs, *sources), len(set(needs))),
            (there, draft.wished),
            draft.amount,
            self._asked.budget,
            (draft.worth, most),
        )

    def told(self, draft: Draft) -> Told:
        """A draft as it is answered, but for its rank."""
        budget = self._asked.budget
        over = ZERO if budget is None else max(ZERO, draft.amount - budget)
        return {
            "label": draft.label,
            "over_budget": over > ZERO,
            "over_by": shown_amount(over) if over > ZERO else None,
            "recipe_ids": sorted(recipes_in(draft.made)),
            "content": draft.content.model_dump(mode="json", exclude_unset=True),
            "calculation": draft.shown,
            "lines": [
                _line(place, key, line, self._why(key, draft.made.lines[key].reason))
                for place, (key, line) in enumerate(
                    zip(draft.made.lines, draft.shown["lines"], strict=True)
                )
            ],
            "left_out": draft.made.left_out,
            "quote_id": None,
        }

    def _why(self, key: Key, why: Told) -> Told:
        """A reason with when it could be, and without what it is good for where that is hidden."""
        if "needs" in self._tx.actor.hidden("product"):
            why = {**why, "need": None}
        if key[0] not in self._goods.openings:
            return why
        text, earliest = self._goods.openings[key[0]]
        return {**why, "text": f"{why['text']} {text}", "earliest": earliest}


def _note_unpriced(goods: Goods, made: Composed, shown: Told) -> bool:
    """Whether something turned out to have no price, by its quantity for instance."""
    told = {one["pointer"]: one for one in shown["warnings"] if one["blocks"]}
    found = False
    for place, (key, line) in enumerate(zip(made.lines, shown["lines"], strict=True)):
        if line["price"] is None:
            why = told.get(f"/lines/{place}", {"code": "no_price", "message": "No price."})
            goods.failed[key] = code_of(why["code"]), why["message"]
            found = True
    return found


def _note_wrong(goods: Goods, made: Composed, mistake: Invalid) -> None:
    """Leave out the lines that cannot be, by a unit that is gone for instance.

    Raises the mistake where it is about something else.
    """
    keys = list(made.lines)
    places = [_LINE.match(fault.pointer or "") for fault in mistake.faults]
    if not places or None in places:
        raise mistake
    for place, fault in zip(places, mistake.faults, strict=True):
        if place is not None:
            goods.failed[keys[int(place[1])]] = "not_possible", fault.message


def _without_least(options: Mapping[Key, Option], kept: Collection[Key]) -> frozenset[Key]:
    """What is left without the option that is worth least, and without those that take it."""
    there = {key: option for key, option in options.items() if option.keys <= frozenset(kept)}
    # What another one takes would come back with that.
    free = [
        key
        for key, option in there.items()
        if not any(option.keys < o.keys for o in there.values())
    ]
    least = min(free, key=lambda key: (options[key].worth, str(key)))
    left = (option.keys for option in there.values() if least not in option.keys)
    return frozenset[Key]().union(*left)


def _line(place: int, key: Key, line: Mapping[str, Any], why: Told) -> Told:
    product, variant = key
    reason: Told = dict.fromkeys(
        (
            "recipe_id",
            "need",
            "product_id",
            "quote_id",
            "order_id",
            "together",
            "earliest",
            *_NUMBERS,
        )
    )
    reason |= why
    reason |= {name: shown_quantity(why[name]) for name in _NUMBERS if why.get(name) is not None}
    return {
        "place": place,
        "product_id": product,
        "variant_id": variant,
        "name": line["name"],
        "quantity": line["quantity"],
        "is_optional": line["is_optional"],
        "net": line["net"],
        "reason": reason,
    }
