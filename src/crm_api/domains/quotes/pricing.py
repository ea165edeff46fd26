"""Looks up what the lines of a quote cost and are called, and has it calculated.

The one way in which quotes are calculated, whether they are stored or not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.sold import TOO_FINE, is_countable, sold, too_many_decimals
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.prices.asking import PriceLineInput, PriceQuestion
from crm_api.domains.prices.gathering import quantity
from crm_api.domains.prices.proposing import Proposal
from crm_api.domains.prices.resolving import Found, Kept, PriceService, at_places
from crm_api.domains.prices.settings import arithmetic_of
from crm_api.domains.quotes.before import Before
from crm_api.domains.quotes.calculating import Calculator, Named
from crm_api.domains.quotes.lines import QuoteLine
from crm_api.domains.quotes.repository import Quotes
from crm_api.domains.quotes.schemas import QuoteContent
from crm_api.domains.quotes.showing import Shown, shown_of
from crm_api.domains.quotes.warning import products_in, warning, warnings_between, warnings_of
from crm_api.kit.actor import Actor
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.rounding import ONE, ZERO
from crm_api.kit.query.kinds import kinds_of

_AMOUNTS = ("net", "tax", "gross", "one_time", "mrr", "arr", "acv", "tcv", "cost", "margin")
_LONGEST = 6_000
NEW = Before()
_Content = tuple[UUID | None, Shown]
"""What a bundle holds, with the id of the component where it may be left out."""
_COSTS = frozenset(["costs", "cost", "margin", "margin_percent"])


class QuotePricing:
    """What quotes come to."""

    def __init__(self, tx: Tx, proposal: Proposal | None = None) -> None:
        self.tx, self.proposal = tx, proposal
        self.records = Quotes(tx)

    async def preview(self, content: QuoteContent) -> Shown:
        """What a draft comes to, without anything being stored, and without what is hidden."""
        # Of a quote that is stored, this is asked as of any record.
        await self._need_contact(content.contact_id)
        shown = await self.calculate(content)
        values = shown.pop("values")
        secret = secret_of(self.tx.actor)
        if "costs" in secret:
            shown["costs"] = []
        values |= dict.fromkeys(secret & values.keys())
        return {**shown, **{name: shown_value(name, value) for name, value in values.items()}}

    async def calculate(self, content: QuoteContent, before: Before = NEW) -> Shown:
        """What it comes to, with warnings; raises `Invalid` where that makes no sense."""
        check(content)
        places = [n for n, line in enumerate(content.lines) if line.is_of_product]
        named = await self._named(content, before)
        question = _question(content, places)
        kept = Kept(
            {n for n, place in enumerate(places) if before.has(content.lines[place])},
            content.company_id == before.company_id,
            {n for n, place in enumerate(places) if before.counts(content.lines[place])},
            # Whether it is seen was asked where the quote was written.
            contact=True,
        )
        try:
            found = await PriceService(self.tx, self.proposal).find(question, kept)
            _need_countable(found)
            # Of what is paid in coins a quote says nothing yet.
            rules = arithmetic_of(self.tx, question)
            rounding = content.tax_rounding or rules.tax_rounding
            rules = replace(rules, tax_rounding=rounding, cash_step=None)
            calculator = Calculator(content, found, places, rules)
            ids = [line.id or new_id() for line in content.lines]
            shown = shown_of(calculator, calculator.calculate(ids, named))
        except Invalid as error:
            raise at_places(error, places) from None
        warnings = list(warnings_of(content, calculator.works))
        relations = await self.records.between(set(products_in(calculator.works)))
        warnings += warnings_between(calculator.works, relations)
        warnings += _of_coupons(content, calculator.refused, before)
        if not found.knows_list:
            message = "The list is not for this customer, day and currency."
            warnings.append(warning("list_not_asked", message, "/price_list_id", blocks=True))
        return {**shown, "warnings": warnings}

    async def _need_contact(self, id: UUID | None) -> None:
        """Raises `Invalid` for a contact that is not there, or not seen."""
        if id is not None and id not in await kinds_of(self.tx, [CONTACTS], [id]):
            raise Invalid.at("/contact_id", "unknown_reference", "There is no such contact.")

    async def _named(self, content: QuoteContent, before: Before) -> list[Named | None]:
        products = [line.product_id for line in content.lines if line.product_id is not None]
        variants = [line.variant_id for line in content.lines if line.variant_id is not None]
        units = [line.unit_id for line in content.lines if line.unit_id is not None]
        if not products and not variants and not units:
            return [None] * len(content.lines)
        known = await sold(self.tx, products, variants, units)
        _need_units(content, known["units"], before)
        language = await self.records.language_of(content)
        bundles = [id for id, row in known["products"].items() if row["type"] == "bundle"]
        chosen = [one.bundle_component_id for line in content.lines for one in line.components]
        known["contents"] = await self._contents(bundles, chosen, language) if bundles else {}
        return [_name(known, line, language) or before.named(line) for line in content.lines]

    async def _contents(
        self, bundles: Sequence[UUID], chosen: Sequence[UUID], language: str | None
    ) -> dict[UUID, list[_Content]]:
        found: dict[UUID, list[_Content]] = {}
        for row in await self.records.contents(bundles, chosen):
            named = {
                **{name: _shown_id(row[name]) for name in ("product_id", "variant_id")},
                "name": _in(language, decode(row["names"]), row["name"]),
                "quantity": shown_quantity(quantity(row["quantity"]) or ONE),
            }
            option = row["id"] if row["is_optional"] else None
            found.setdefault(row["bundle_id"], []).append((option, named))
        return found


def secret_of(actor: Actor) -> frozenset[str]:
    """The fields of costs and margins that somebody is not to see; all of them, without costs."""
    hidden = _COSTS & actor.hidden("quote")
    return _COSTS if "costs" in hidden else hidden


def check(content: QuoteContent) -> None:
    """Raises `Invalid` where keys and ids do not fit together."""
    faults = [
        *_repeated("/sections", "key", [section.key for section in content.sections]),
        *_repeated("/lines", "id", [line.id for line in content.lines]),
    ]
    known = {section.key for section in content.sections}
    for name, items in (("lines", content.lines), ("discounts", content.discounts)):
        for place, item in enumerate(items):
            if item.section is not None and item.section not in known:
                pointer = f"/{name}/{place}/section"
                faults.append(Fault("unknown_section", "There is no such section.", pointer))
    faults += _two_chosen(content)
    if faults:
        raise Invalid("The parts of the quote do not fit together.", faults=faults)


def _repeated(at: str, name: str, values: Sequence[Any]) -> Iterable[Fault]:
    seen: set[Any] = set()
    for place, value in enumerate(values):
        if value is not None and value in seen:
            yield Fault("repeated", "Another one has it.", f"{at}/{place}/{name}")
        seen.add(value)


def _two_chosen(content: QuoteContent) -> Iterable[Fault]:
    groups = {one.key for one in content.sections if one.kind == "alternatives"}
    chosen: set[str] = set()
    for place, line in enumerate(content.lines):
        if line.section in groups and line.is_selected:
            if line.section in chosen:
                message = "Of alternatives one is selected."
                yield Fault("two_alternatives", message, f"/lines/{place}/is_selected")
            chosen.add(line.section or "")


def _question(content: QuoteContent, places: Sequence[int]) -> PriceQuestion:
    # What stands in it was validated as a part of the quote; there may be no line of a product.
    return PriceQuestion.model_construct(
        lines=[
            PriceLineInput.model_construct(
                product_id=line.product_id,
                variant_id=line.variant_id,
                quantity=line.quantity,
                unit_id=line.unit_id,
                discount_percent=None,
                components=line.components,
            )
            for line in (content.lines[place] for place in places)
        ],
        currency=content.currency,
        company_id=content.company_id,
        contact_id=content.contact_id,
        date=content.priced_on,
        segments=content.segments,
        channel=content.channel,
        region=content.region,
        country=content.country,
        coupon_codes=content.coupon_codes,
        price_list_id=content.price_list_id,
    )


def _need_units(content: QuoteContent, known: Mapping[UUID, Any], before: Before) -> None:
    """Raises `Invalid` where what is no product has a unit that is not there."""
    faults = [
        Fault("unknown_reference", "There is no such unit.", f"/lines/{place}/unit_id")
        for place, line in enumerate(content.lines)
        if not (line.is_of_product or line.unit_id in {None, *known} or before.has(line))
    ]
    if faults:
        raise Invalid("A unit is not there.", faults=faults)
    for place, line in enumerate(content.lines):
        unit = None if line.is_of_product or line.unit_id is None else known.get(line.unit_id)
        if unit is None or before.counts(line) or is_countable(line.quantity, unit["decimals"]):
            continue
        raise too_many_decimals(f"/lines/{place}/quantity", unit["decimals"])


def _need_countable(found: Found) -> None:
    """Raises `Invalid` for a quantity that the unit of a product does not have."""
    for one in found.lines:
        if isinstance(one, Invalid) and one.faults[0].code == TOO_FINE:
            raise one


def _name(known: Mapping[str, Any], line: QuoteLine, language: str | None) -> Named | None:
    variant = known["variants"].get(line.variant_id)
    product = known["products"].get(variant["product_id"] if variant else line.product_id)
    if product is None:
        return None if line.is_of_product else _of_no_product(line, known)
    row = variant or product
    about = _in(language, decode(product["descriptions"]), product["description"])
    return Named(
        kind=product["type"] if product["type"] in {"service", "bundle"} else "product",
        code=row["sku"],
        name=_in(language, decode(row["names"]), row["name"]),
        description=about[:_LONGEST] if about else None,
        unit=_unit(known, line.unit_id or product["unit_id"]),
        is_sold={product["status"], row["status"]} == {"active"},
        product_id=product["id"],
        contents=list(_held(known["contents"].get(product["id"], ()), line)),
    )


def _held(contents: Iterable[_Content], line: QuoteLine) -> Iterable[Shown]:
    """What one unit of a bundle holds, with what the line has chosen."""
    chosen = {one.bundle_component_id: one.quantity for one in line.components}
    for option, named in contents:
        if option is None or chosen.get(option, ZERO) is None:
            yield named
        elif (count := chosen.get(option)) is not None:
            yield {**named, "quantity": shown_quantity(count)}


def _of_no_product(line: QuoteLine, known: Mapping[str, Any]) -> Named:
    unit = _unit(known, line.unit_id)
    return Named(line.kind, None, line.name or "", None, unit, is_sold=True)


def _unit(known: Mapping[str, Any], id: UUID | None) -> str | None:
    unit = known["units"].get(id)
    return None if unit is None else (unit["symbol"] or unit["name"])[:20]


def _shown_id(id: UUID | None) -> str | None:
    return None if id is None else str(id)


def _in(language: str | None, texts: Mapping[str, str], own: Any) -> Any:
    """What something is called in a language, or else in the organization's."""
    tag = language or ""
    return texts.get(tag) or texts.get(tag.partition("-")[0]) or own


def _of_coupons(
    content: QuoteContent, refused: Mapping[int, Invalid], before: Before
) -> list[Shown]:
    """What is told of coupons that could be used once; raises `Invalid` for others."""
    codes = content.coupon_codes
    for place in sorted(refused):
        if codes[place] not in before.coupon_codes:
            raise refused[place]
    return [
        warning(why.own_code, why.detail, f"/coupon_codes/{place}", blocks=True)
        for place, why in sorted(refused.items())
    ]


def shown_value(name: str, value: Any) -> str | None:
    """One of the values of a quote, as it is shown."""
    if value is None:
        return None
    return shown_amount(value) if name in _AMOUNTS else shown_quantity(value)
