"""What lines cost, for whom and when, with everything that is off and due, and why."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from crm_api.domains.catalogue.repository import LISTING as PRODUCTS
from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.prices.answering import answer_of, hides_costs, trace_of
from crm_api.domains.prices.asking import PriceLineInput, PriceQuestion
from crm_api.domains.prices.belonging import segments_of
from crm_api.domains.prices.bundling import cost_of, price_of
from crm_api.domains.prices.choosing import Chooser, NoPrice, RateNeeded
from crm_api.domains.prices.discounting import best_of, offers_of
from crm_api.domains.prices.gathering import Facts, Question, Row, gather
from crm_api.domains.prices.items import Chosen, Item, Priced, in_units, item_of
from crm_api.domains.prices.measuring import factor_of, too_fine
from crm_api.domains.prices.opting import options_of
from crm_api.domains.prices.per_list import held_in, in_list, own_price
from crm_api.domains.prices.proposing import Proposal
from crm_api.domains.prices.settings import arithmetic_of
from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid, NotFound
from crm_api.kit.pricing.discounts import Discount
from crm_api.kit.pricing.documents import Line
from crm_api.kit.pricing.rounding import ONE, exactly, rounded_unit
from crm_api.kit.query.kinds import kinds_of
from crm_api.kit.query.visibility import among, sight_of
from crm_api.platform.exchange.service import ExchangeService

R = TypeVar("R")
_OLDEST_RATE = 30


@dataclass(frozen=True)
class Kept:
    """What a question refers to that whoever asks did not choose: it was so before.

    It need not be seen by them, and where it is gone the others have their prices.
    """

    lines: Container[int] = ()
    company: bool = False
    counted: Container[int] = ()
    """Lines whose quantity was so before, too: their units may have had more decimals then."""
    contact: bool = False


NOTHING = Kept()


@dataclass(frozen=True)
class Found:
    """What was found out about the prices of some lines."""

    facts: Facts
    day: date
    lines: Sequence[Priced | Invalid | Conflict]
    rates: Mapping[tuple[str, str], Decimal | Conflict]
    """Those that were needed, and why there is none."""
    knows_list: bool
    """Whether the list that was to be asked first is for this customer, day and currency."""


class PriceService:
    """Prices of lines, explained."""

    area = "prices"

    def __init__(self, tx: Tx, proposal: Proposal | None = None) -> None:
        self.tx = tx
        self.proposal = proposal

    async def resolve(self, asked: PriceQuestion) -> dict[str, Any]:
        """What the lines come to; raises `Invalid`, or `Conflict` where a rate is missing."""
        found = await self.find(asked)
        if not found.knows_list:
            message = "The list is not there, or not for this customer, day and currency."
            raise Invalid.at("/price_list_id", "list_not_asked", message)
        lines = [_need_price(one) for one in found.lines]
        offers, refused = offers_of(found.facts, asked, [one.item for one in lines])
        if refused:
            raise refused[min(refused)]
        rules = arithmetic_of(self.tx, asked)
        return answer_of(
            self.tx.actor,
            found.facts,
            rules,
            found.day,
            lines,
            best_of(rules, [one.line for one in lines], offers),
        )

    async def find(self, asked: PriceQuestion, kept: Kept = NOTHING) -> Found:
        """The price of each line before promotions, or why it has none; raises `Invalid`."""
        company = None if kept.company else asked.company_id
        contact = None if kept.contact else asked.contact_id
        given = {"companies": company, "contacts": contact}
        for area in (self.area, "products", *(area for area, id in given.items() if id)):
            self.tx.actor.require(f"{area}:read")
        day = asked.date or today_of(self.tx)
        question = _question(asked, day)
        own = await segments_of(self.tx, asked.company_id, asked.contact_id)
        segments = [*question.segments, *own]
        question = replace(question, segments=segments)
        if self.proposal is None:
            facts = await gather(self.tx, question)
        else:
            facts = await gather(self.tx, self.proposal.asking(question))
            self.proposal.apply(facts, question)
        products = [_product_of(line, facts) for line in asked.lines]
        await self._need_known(asked, facts, products, kept)
        knows_list = _asked_first(asked.price_list_id, facts)
        items = _items(asked.lines, products, facts, kept)

        # Once for all lines: to enter a context for each costs more than what is done in it.
        @exactly
        def priced(chooser: Chooser) -> list[Priced | Invalid | Conflict]:
            return [
                item if isinstance(item, Invalid) else _priced(place, line, *item, chooser)
                for place, (line, item) in enumerate(zip(asked.lines, items, strict=True))
            ]

        rates: dict[tuple[str, str], Decimal | Conflict] = {}
        lines = await self.with_rates(facts, asked.currency, day, priced, rates)
        return Found(facts, day, lines, rates, knows_list=knows_list)

    async def of_product(self, id: UUID, day: date | None, currency: str | None) -> dict[str, Any]:
        """What a product costs in each list that counts on a day, by quantity."""
        for area in (self.area, "products"):
            self.tx.actor.require(f"{area}:read")
        day = day or today_of(self.tx)
        facts = await gather(self.tx, Question([id], [], [], None, day))
        product = facts.products.get(str(id))
        if product is None or not await self._sees(PRODUCTS, [id]):
            raise NotFound(f"There is no product with the id {id}.")
        lists = [one for one in facts.asked if currency in {None, one["currency"]}]

        def priced(chooser: Chooser) -> list[dict[str, Any]]:
            found = [price for one in lists for price in in_list(chooser, facts, one, product)]
            is_asked = currency in {None, product["currency"]}
            return [*found, *own_price(chooser.rates, facts, product)] if is_asked else found

        # Lists are in currencies of their own, so there is none that all is exchanged into.
        found = await self.with_rates(facts, product["currency"] or "", day, priced)
        hidden = hides_costs(self.tx.actor)
        for one in found:
            one["trace"] = trace_of(one["trace"], hidden=hidden)
        return {"date": day, "data": found}

    async def of_bundles(
        self, ids: Sequence[UUID], price_list_id: UUID
    ) -> dict[str, tuple[Decimal, Decimal | None] | None]:
        """Of each bundle what its components add in a list, and what all of it costs us."""
        day = today_of(self.tx)
        facts = await gather(self.tx, Question(ids, [], [], None, day, begun=[price_list_id]))
        of_list = facts.lists.get(str(price_list_id))
        if of_list is None:
            # It was put in the bin meanwhile.
            return {}

        def held(chooser: Chooser) -> dict[str, tuple[Decimal, Decimal | None] | None]:
            known = [facts.products[str(id)] for id in ids if str(id) in facts.products]
            return {one["id"]: held_in(chooser.rates, facts, of_list, one) for one in known}

        return await self.with_rates(facts, of_list["currency"], day, held)

    async def with_rates(
        self,
        facts: Facts,
        currency: str,
        day: date,
        work: Callable[[Chooser], R],
        rates: dict[tuple[str, str], Decimal | Conflict] | None = None,
    ) -> R:
        """Done with those rates that turn out to be needed, which `rates` then holds."""
        rates = {} if rates is None else rates
        while True:
            try:
                return work(Chooser(facts, currency, rates))
            except RateNeeded as needed:
                rates[needed.pair] = await self.rate(*needed.pair, day)

    async def rate(self, currency: str, to: str, day: date) -> Decimal | Conflict:
        """The rate of a day, or why there is none."""
        exchange = ExchangeService(self.tx)
        try:
            legs = await exchange.way(
                currency,
                to,
                day,
                max_age_days=_OLDEST_RATE,
                planned=None if self.proposal is None else self.proposal.rates,
            )
        except Conflict as missing:
            return missing
        return _product([leg.factor for leg in legs])

    async def _need_known(
        self, asked: PriceQuestion, facts: Facts, products: Sequence[Row | None], kept: Kept
    ) -> None:
        """Raises `Invalid` where what is asked about is not there, or not seen."""
        seen = facts.products.keys()
        if self._is_narrowed:
            seen = {str(id) for id in await self._sees(PRODUCTS, [UUID(id) for id in seen])}
        faults: list[Fault] = []
        for place, (line, product) in enumerate(zip(asked.lines, products, strict=True)):
            if place not in kept.lines and (product is None or product["id"] not in seen):
                name = "variant_id" if line.variant_id is not None else "product_id"
                pointer = f"/lines/{place}/{name}"
                faults.append(Fault("unknown_reference", "there is no such record", pointer))
        company = None if kept.company else asked.company_id
        if company is not None and not (
            facts.knows_company and await self._sees(COMPANIES, [company])
        ):
            faults.append(Fault("unknown_reference", "there is no such record", "/company_id"))
        contact = None if kept.contact else asked.contact_id
        if contact is not None and not await kinds_of(self.tx, [CONTACTS], [contact]):
            faults.append(Fault("unknown_reference", "there is no such record", "/contact_id"))
        if faults:
            raise Invalid("A record that is referred to does not exist.", faults=faults)

    @property
    def _is_narrowed(self) -> bool:
        """Whether there may be something that whoever asks does not see."""
        access = self.tx.actor.access
        return access is not None and not access.full

    async def _sees(self, listing: Any, ids: list[UUID]) -> set[UUID]:
        if not self._is_narrowed:
            return set(ids)
        return set(await among(self.tx, listing, sight_of(self.tx.actor, listing), ids))


def at_places(error: Invalid, places: Sequence[int]) -> Invalid:
    """The same mistakes, by the places that the lines that were asked about have among others."""
    faults = [
        Fault(fault.code, fault.message, _moved(fault.pointer or "", places))
        for fault in error.faults
    ]
    return Invalid(error.detail, code=error.own_code, faults=faults)


def _moved(pointer: str, places: Sequence[int]) -> str:
    parts = pointer.split("/")
    # Those that end with the line are among the others already.
    if len(parts) > 3 and parts[1] == "lines" and int(parts[2]) < len(places):
        parts[2] = str(places[int(parts[2])])
    return "/".join(parts)


def _question(asked: PriceQuestion, day: date) -> Question:
    return Question(
        products=list({line.product_id for line in asked.lines if line.product_id is not None}),
        variants=list({line.variant_id for line in asked.lines if line.variant_id is not None}),
        units=list({line.unit_id for line in asked.lines if line.unit_id is not None}),
        currency=asked.currency,
        day=day,
        company_id=asked.company_id,
        contact_id=asked.contact_id,
        segments=asked.segments,
        channel=asked.channel,
        region=asked.region,
        country=asked.country,
        codes=[code.strip().upper() for code in asked.coupon_codes],
        options=[one.bundle_component_id for line in asked.lines for one in line.components],
    )


@exactly
def _items(
    lines: Sequence[PriceLineInput], products: Sequence[Row | None], facts: Facts, kept: Kept
) -> list[tuple[Item, Decimal] | Invalid]:
    """What each line is of, and how many of the product's units one of its own is."""
    found: list[tuple[Item, Decimal] | Invalid] = []
    for place, (line, product) in enumerate(zip(lines, products, strict=True)):
        known = place in kept.counted
        mistake = None if known else too_fine(place, line, product, facts)
        if place in kept.lines:
            item = _kept_item(place, line, product, facts)
        else:
            assert product is not None
            item = _item(place, line, product, facts)
        found.append(mistake or item)
    return found


def _product_of(line: PriceLineInput, facts: Facts) -> Row | None:
    """The product that a line is of, if there is such."""
    named = None if line.product_id is None else str(line.product_id)
    if line.variant_id is not None:
        variant = facts.variants.get(str(line.variant_id))
        if variant is None or named not in {None, variant["product_id"]}:
            return None
        named = variant["product_id"]
    return facts.products.get(named or "")


def _item(
    place: int, line: PriceLineInput, product: Row, facts: Facts, *, counted: bool = False
) -> tuple[Item, Decimal]:
    variant = None if line.variant_id is None else facts.variants[str(line.variant_id)]
    factor = factor_of(place, line, product, facts)
    options = options_of(place, line, product, facts, counted=counted)
    return item_of(facts, product, variant, in_units(line.quantity * factor), options), factor


def _kept_item(
    place: int, line: PriceLineInput, product: Row | None, facts: Facts
) -> tuple[Item, Decimal] | Invalid:
    if product is None:
        message = "The product is not there any more."
        return Invalid.at(f"/lines/{place}/product_id", "product_gone", message)
    try:
        # What is kept has the same components, as many of each.
        return _item(place, line, product, facts, counted=True)
    except Invalid as mistake:
        return mistake


def _asked_first(price_list_id: UUID | None, facts: Facts) -> bool:
    """Have one list be asked before the others, if it is one of them."""
    if price_list_id is None:
        return True
    named = next((one for one in facts.asked if one["id"] == str(price_list_id)), None)
    if named is None:
        return False
    facts.asked = [named, *(one for one in facts.asked if one is not named)]
    return True


def _need_price(found: Priced | Invalid | Conflict) -> Priced:
    if isinstance(found, Priced):
        return found
    raise found


def _priced(
    place: int, asked: PriceLineInput, item: Item, factor: Decimal, chooser: Chooser
) -> Priced | Invalid | Conflict:
    try:
        chosen = price_of(chooser, item)
        return Priced(asked, item, factor, chosen, _line(asked, item, factor, chosen, chooser))
    except NoPrice as missing:
        name = "variant_id" if asked.variant_id is not None else "product_id"
        what = missing.args[0] if missing.args else "it"
        message = f"Nothing says what {what} costs in {chooser.currency}."
        return Invalid.at(f"/lines/{place}/{name}", "no_price", message)
    except Conflict as missing:
        return missing


def _line(
    asked: PriceLineInput, item: Item, factor: Decimal, chosen: Chosen, chooser: Chooser
) -> Line:
    manual = asked.discount_percent
    cost, whole = cost_of(chooser, item), chosen.amount
    if whole is None and factor != ONE:
        whole = asked.quantity * factor * chosen.unit
    return Line(
        quantity=asked.quantity,
        unit_price=rounded_unit(chosen.unit * factor),
        amount=whole,
        discounts=() if manual is None else (Discount("manual", percent=manual),),
        taxes=chooser.taxes(item),
        tax_included=chosen.tax_included,
        unit_cost=None if cost is None else cost * factor,
        unit_floor=None if chosen.floor is None else chosen.floor * factor,
    )


@exactly
def _product(factors: Sequence[Decimal]) -> Decimal:
    found = ONE
    for factor in factors:
        found *= factor
    return found
