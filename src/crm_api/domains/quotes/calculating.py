"""What a quote comes to: pure, over the prices and names that were looked up.

What falls due together is one document of its own (`kit/pricing`), since it is billed so: what is
due once, and what is due in each interval. An amount that is off everything is off one of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from crm_api.domains.prices.bundling import products_in
from crm_api.domains.prices.choosing import taxes_of
from crm_api.domains.prices.discounting import Offer, cheapest, off_each, offers_of
from crm_api.domains.prices.items import Priced, item_of
from crm_api.domains.prices.resolving import Found
from crm_api.domains.quotes.lines import QuoteLine
from crm_api.domains.quotes.schemas import QuoteContent
from crm_api.kit.errors import Conflict, Invalid
from crm_api.kit.pricing.discounts import Discount, SharedDiscount, effective_percent
from crm_api.kit.pricing.documents import (
    Arithmetic,
    Calculated,
    CalculatedLine,
    Document,
    Line,
    calculate,
)
from crm_api.kit.pricing.recurring import INTERVALS
from crm_api.kit.pricing.rounding import HUNDRED, ZERO, exactly

MOST = Decimal(10) ** 14
"""Amounts are below: the digits that columns have."""
_BY_HAND = ("manual:", "shared:")
"""How sources of discounts begin that somebody gave; those of promotions are their ids."""


@dataclass(frozen=True)
class Named:
    """What a line says of its product."""

    kind: str
    code: str | None
    name: str
    description: str | None
    unit: str | None
    is_sold: bool
    product_id: UUID | None = None
    contents: Sequence[Mapping[str, Any]] = ()
    """Of a bundle, as they are stored."""
    held: Sequence[str] = ()
    """Of a bundle that is not there any more, the products that it held."""


@dataclass
class Work:
    """A line on its way."""

    given: QuoteLine
    id: UUID
    named: Named | None
    priced: Priced | None
    failed: Invalid | Conflict | None
    line: Line
    counts: bool
    held: Sequence[str] = ()
    """The products in its bundle, and in the bundles in that."""
    done: CalculatedLine | None = None

    @property
    def is_text(self) -> bool:
        """Whether it is a remark."""
        return self.given.kind == "text"

    @property
    def is_unlisted(self) -> bool:
        """Whether a product has a price by hand, and nothing says what it costs."""
        return self.failed is not None and self.given.unit_price is not None

    @property
    def result(self) -> CalculatedLine:
        """What it comes to."""
        assert self.done is not None
        return self.done

    @cached_property
    def by_hand(self) -> Decimal:
        """What is off by another price or by discounts, in percent of the list price.

        It is the most that may be off, whichever options are chosen: they are sent to be.
        Of what is not known all of it may be, so that it is approved as such.
        """
        return HUNDRED if self.is_unlisted else _by_hand(self)


@dataclass(frozen=True)
class Groups:
    """The documents of a quote: the places of their lines, and what they come to."""

    places: Mapping[str | None, Sequence[int]]
    found: Mapping[str | None, Calculated]

    def gross(self, works: Sequence[Work]) -> list[Decimal]:
        """Of each line, in their order; nothing of those that do not count."""
        found = [ZERO] * len(works)
        for interval, places in self.places.items():
            for place, line in zip(places, self.found[interval].lines, strict=True):
                if works[place].counts:
                    found[place] = line.gross
        return found


@dataclass
class Calculator:
    """One quote, with the prices of its products and what they are called."""

    content: QuoteContent
    found: Found
    places: Sequence[int]
    """Where the lines of products stand among all lines."""
    rules: Arithmetic
    works: list[Work] = field(default_factory=list[Work])
    refused: Mapping[int, Invalid] = field(default_factory=dict[int, Invalid])
    """Coupons that cannot be used, by their places, and why."""

    @exactly
    def calculate(self, ids: Sequence[UUID], named: Sequence[Named | None]) -> Groups:
        """Everything that it comes to; each of `works` has its own."""
        priced = dict(zip(self.places, self.found.lines, strict=True))
        self.works = [
            self._work(line, ids[place], named[place], priced.get(place))
            for place, line in enumerate(self.content.lines)
        ]
        best = cheapest(self._offers(), self._grouped, lambda found: found.gross(self.works))
        for interval, places in best.places.items():
            for place, done in zip(places, best.found[interval].lines, strict=True):
                self.works[place].done = done
        self._need_storable()
        return best

    def _work(
        self,
        given: QuoteLine,
        id: UUID,
        named: Named | None,
        priced: Priced | Invalid | Conflict | None,
    ) -> Work:
        failed = priced if isinstance(priced, Invalid | Conflict) else None
        chosen = priced if isinstance(priced, Priced) else None
        is_priced = chosen is not None or given.unit_price is not None
        is_offered, is_firm = is_priced and given.kind != "text", self._is_firm(given)
        counts = is_offered and (is_firm or given.is_selected)
        line = self._line(given, chosen, counts=counts, is_optional=is_offered and not is_firm)
        return Work(given, id, named, chosen, failed, line, counts, self._held(given, named))

    def _held(self, given: QuoteLine, named: Named | None) -> Sequence[str]:
        product, _ = self._product(given)
        if product is None:
            return () if named is None else named.held
        chosen = {str(one.bundle_component_id) for one in given.components}
        return products_in(self.found.facts, product["id"], chosen)

    @cached_property
    def _kinds(self) -> dict[str, str]:
        return {section.key: section.kind for section in self.content.sections}

    def _is_firm(self, given: QuoteLine) -> bool:
        kind = self._kinds.get(given.section or "", "standard")
        return kind == "standard" and not given.is_optional

    def _line(
        self, given: QuoteLine, priced: Priced | None, *, counts: bool, is_optional: bool
    ) -> Line:
        by_hand = tuple(
            Discount("manual", one.percent, one.amount, f"manual:{n}")
            for n, one in enumerate(given.discounts)
        )
        if priced is None:
            return Line(
                quantity=ZERO if given.kind == "text" else given.quantity,
                unit_price=given.unit_price or ZERO,
                discounts=by_hand,
                taxes=taxes_of(self._tax_category(given), self.found.facts.taxes),
                section=given.section,
                counts=counts,
                is_optional=is_optional,
                unit_cost=self._unit_cost(given),
            )
        own = priced.line
        has_own = given.unit_price is not None
        return replace(
            own,
            unit_price=given.unit_price if has_own else own.unit_price,
            amount=None if has_own else own.amount,
            discounts=(*own.discounts, *by_hand),
            section=given.section,
            counts=counts,
            is_optional=is_optional,
        )

    def _product(self, given: QuoteLine) -> tuple[Any, Any]:
        """The product and the variant of a line, also where nothing says what it costs."""
        facts = self.found.facts
        variant = facts.variants.get(str(given.variant_id))
        id = str(given.product_id) if variant is None else variant["product_id"]
        return facts.products.get(id), variant

    def _tax_category(self, given: QuoteLine) -> str:
        product, _ = self._product(given)
        return (given.tax_category if product is None else product["tax_category"]) or ""

    def _unit_cost(self, given: QuoteLine) -> Decimal | None:
        product, variant = self._product(given)
        if product is None:
            return given.unit_cost
        is_other = product["currency"] != self.content.currency or given.unit_id is not None
        if is_other or given.components:
            return None
        return item_of(self.found.facts, product, variant, given.quantity).own("cost")

    def _offers(self) -> list[Offer]:
        """The promotions that go for the lines of products, by the places of the quote."""
        known = [(n, one) for n, one in zip(self.places, self.found.lines, strict=True)]
        sold = [(n, one) for n, one in known if isinstance(one, Priced)]
        asked: Any = self.content
        found, self.refused = offers_of(self.found.facts, asked, [one.item for _, one in sold])
        return [
            replace(one, places=frozenset(sold[place][0] for place in one.places)) for one in found
        ]

    def _grouped(self, offers: Sequence[Offer]) -> Groups:
        places: dict[str | None, list[int]] = {}
        for interval in INTERVALS:
            own = [n for n, work in enumerate(self.works) if work.given.interval == interval]
            if own:
                places[interval] = own
        taken: set[str] = set()
        found = {
            interval: self._document(interval, own, offers, taken)
            for interval, own in places.items()
        }
        return Groups(places, found)

    def _document(
        self,
        interval: str | None,
        places: Sequence[int],
        offers: Sequence[Offer],
        taken: set[str],
    ) -> Calculated:
        where = {place: n for n, place in enumerate(places)}
        here = [
            replace(offer, places=frozenset(where[p] for p in offer.places if p in where))
            for offer in offers
        ]
        lines = off_each([self.works[place].line for place in places], here)
        shared: list[SharedDiscount] = []
        for offer in here:
            off = offer.shared
            if off is None or not any(lines[place].counts for place in offer.places):
                continue
            # So many euros are off once, and not again each month.
            if off.amount is not None and offer.promotion["id"] in taken:
                continue
            taken.add(offer.promotion["id"])
            shared.append(off)
        return calculate(Document(self.rules, lines, [*self._by_hand(interval), *shared]))

    def _by_hand(self, interval: str | None) -> list[SharedDiscount]:
        return [
            SharedDiscount(
                "document" if one.section is None else "section",
                one.percent,
                one.amount,
                f"shared:{n}",
                section=one.section,
            )
            for n, one in enumerate(self.content.discounts)
            if one.percent is not None or one.interval == interval
        ]

    def _need_storable(self) -> None:
        for place, work in enumerate(self.works):
            done = work.result
            if max(done.gross, done.list_amount, done.cost or ZERO) >= MOST / 1_000:
                message = "The amount has more digits than can be stored."
                raise Invalid.at(f"/lines/{place}", "too_large", message)


@exactly
def _by_hand(work: Work) -> Decimal:
    done, listed = work.result, work.result.list_amount
    if work.priced is not None and work.given.unit_price is not None:
        own = work.priced.line
        listed = own.quantity * own.unit_price if own.amount is None else own.amount
    # What each took of what the ones before had left: a promotion is not given by hand, and a higher
    # price does not make up for what is taken off it.
    price, left = done.list_amount, done.list_amount
    for one in done.most_taken:
        if left > ZERO and (one.source or "").startswith(_BY_HAND):
            price = price * (left - one.amount) / left
        left -= one.amount
    return effective_percent(listed, price) if price < listed else ZERO
