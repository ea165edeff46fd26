"""Which promotions are off which lines, and which of those that exclude others is the best."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from crm_api.domains.prices.asking import PriceQuestion
from crm_api.domains.prices.gathering import Facts, Row, amount, quantity
from crm_api.domains.prices.items import Item
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.pricing.discounts import Discount, SharedDiscount
from crm_api.kit.pricing.documents import Arithmetic, Calculated, Document, Line, calculate

T = TypeVar("T")
_MOST_TRIED, _FEWEST_TRIED = 20, 2
_MOST_LINES_TRIED = 1_000
"""In all choices together, since other requests wait meanwhile."""


@dataclass(frozen=True)
class Offer:
    """A promotion, and the lines that it is off."""

    promotion: Row
    places: frozenset[int]

    @property
    def percent(self) -> Decimal | None:
        """So many percent, or None."""
        return quantity(self.promotion["percent"])

    def estimated(self, amounts: Sequence[Decimal]) -> Decimal:
        """About how much it takes off lines of these amounts."""
        whole = sum((amounts[place] for place in self.places), Decimal(0))
        if self.percent is not None:
            return whole * self.percent / 100
        return min(whole, amount(self.promotion["amount"]) or Decimal(0))

    @property
    def own(self) -> Discount | None:
        """What is off each of its lines, if it is."""
        if self.percent is None or self.promotion["needs_coupon"]:
            return None
        return Discount("campaign", percent=self.percent, source=self.promotion["id"])

    @property
    def shared(self) -> SharedDiscount | None:
        """What is off the lines together, if it is."""
        by_coupon = self.promotion["needs_coupon"]
        if self.percent is not None and not by_coupon:
            return None
        return SharedDiscount(
            "coupon" if by_coupon else "document",
            self.percent,
            amount(self.promotion["amount"]),
            self.promotion["id"],
            lines=self.places,
        )


def offers_of(
    facts: Facts, asked: PriceQuestion, items: Sequence[Item]
) -> tuple[list[Offer], dict[int, Invalid]]:
    """The promotions that go for these lines, the first to be taken off first.

    And the coupons that cannot be used, by their places, with the reason why.
    """
    opened, refused = _opened(facts, asked)
    found: list[Offer] = []
    for one in sorted(facts.promotions, key=lambda one: (-one["priority"], one["id"])):
        if one["needs_coupon"] and one["id"] not in opened:
            continue
        places = frozenset(n for n, item in enumerate(items) if _is_of(one, item))
        if places and one["currency"] in {None, asked.currency}:
            found.append(Offer(one, places))
    for id in opened.keys() - {offer.promotion["id"] for offer in found}:
        message = "The coupon is not for these lines."
        refused[opened[id]] = _refused(opened[id], "coupon_not_applicable", message)
    return found, refused


def best_of(rules: Arithmetic, lines: Sequence[Line], offers: Sequence[Offer]) -> Calculated:
    """The lines with their promotions: all that go together, or one that excludes the others.

    Whichever the customer pays least by; where they are equal, all that go together.
    """
    return cheapest(
        offers,
        lambda some: _with(rules, lines, some),
        lambda found: [line.gross for line in found.lines],
    )


def cheapest(
    offers: Sequence[Offer],
    tried: Callable[[Sequence[Offer]], T],
    gross: Callable[[T], Sequence[Decimal]],
) -> T:
    """What it comes to with all that go together, or with one that excludes the others.

    Of those that exclude others the ones are tried that seem to take off most, by what is to be
    paid of each line without any: fewer, the more lines there are.
    """
    together = [one for one in offers if one.promotion["stacking"] == "stackable"]
    alone = [one for one in offers if one.promotion["stacking"] == "exclusive"]
    found = [tried(together)]
    if alone:
        amounts = gross(tried([]) if together else found[0])
        alone.sort(key=lambda one: one.estimated(amounts), reverse=True)
        most = min(_MOST_TRIED, max(_FEWEST_TRIED, _MOST_LINES_TRIED // len(amounts)))
        found += [tried([one]) for one in alone[:most]]
    return min(found, key=lambda one: sum(gross(one)))


def _with(rules: Arithmetic, lines: Sequence[Line], offers: Sequence[Offer]) -> Calculated:
    shared = [common for offer in offers if (common := offer.shared) is not None]
    return calculate(Document(rules, off_each(lines, offers), shared))


def off_each(lines: Sequence[Line], offers: Iterable[Offer]) -> list[Line]:
    """The lines with what is off each of them alone."""
    off: dict[int, list[Discount]] = {}
    for offer in offers:
        if (own := offer.own) is not None:
            for place in offer.places:
                off.setdefault(place, []).append(own)
    return [
        replace(line, discounts=(*line.discounts, *off[place])) if place in off else line
        for place, line in enumerate(lines)
    ]


def _opened(facts: Facts, asked: PriceQuestion) -> tuple[dict[str, int], dict[int, Invalid]]:
    """The promotions that coupons open, with the place of the code; and codes that open none."""
    running = {one["id"] for one in facts.promotions}
    opened: dict[str, int] = {}
    refused: dict[int, Invalid] = {}
    for place, given in enumerate(asked.coupon_codes):
        coupon: Any = facts.coupons.get(given.strip().upper())
        if (why := _refusal(coupon, running)) is not None:
            refused[place] = _refused(place, *why)
        else:
            opened.setdefault(coupon["promotion_id"], place)
    return opened, refused


def _refusal(coupon: Row | None, running: Container[str]) -> tuple[str, str] | None:
    if coupon is None:
        return "unknown_coupon", "There is no such coupon."
    if not coupon["counts"] or coupon["promotion_id"] not in running:
        return "coupon_not_valid", "The coupon is not valid on that day."
    if _is_used_up(coupon):
        return "coupon_used_up", "The coupon was used as often as it may be."
    return None


def _is_used_up(coupon: Row) -> bool:
    limits = ((coupon["max_redemptions"], "redeemed"), (coupon["max_per_customer"], "used"))
    return any(most is not None and coupon[name] >= most for most, name in limits)


def _is_of(promotion: Row, item: Item) -> bool:
    wanted: dict[str, Any] = {
        "product": promotion["product_id"],
        "category": promotion["category_id"],
    }
    named = [(kind, id) for kind, id in wanted.items() if id is not None]
    return not named or named[0] in item.targets


def _refused(place: int, code: str, message: str) -> Invalid:
    fault = Fault(code, message, pointer=f"/coupon_codes/{place}")
    return Invalid(message, code=code, faults=[fault])
