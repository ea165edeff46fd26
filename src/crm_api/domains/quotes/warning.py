"""What is wrong with a quote, or wants an approval: told with it, and never a reason to fail."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.quotes.calculating import Work
from crm_api.domains.quotes.lines import QuoteSharedDiscount
from crm_api.domains.quotes.schemas import QuoteContent
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.rounding import ZERO

Warned = dict[str, Any]
_WITHOUT_PRICE = frozenset({"no_price", "no_rate"})
"""Why a product has no price, where that by hand takes its place."""


def warnings_of(content: QuoteContent, works: Sequence[Work]) -> Iterable[Warned]:
    """What there is to say of lines, sections and discounts, in this order."""
    for place, work in enumerate(works):
        yield from _of_line(work, f"/lines/{place}")
    for place, section in enumerate(content.sections):
        mine = [work for work in works if work.given.section == section.key]
        if section.kind == "alternatives" and not any(work.counts for work in mine):
            message = "None of the alternatives is selected."
            yield warning("none_selected", message, f"/sections/{place}", blocks=False)
    for place, given in enumerate(content.discounts):
        yield from _of_discount(place, given, works)


def warnings_between(works: Sequence[Work], relations: Sequence[Any]) -> Iterable[Warned]:
    """What products want beside them, and what they do not go with; also those in bundles.

    Of an exclusion each line is told that has one side of it, whichever side has the relation.
    """
    counting = set(products_in([work for work in works if work.counts]))
    offered = set(products_in(works))
    wanted: dict[UUID, dict[UUID, str]] = {}
    excluded: dict[UUID, dict[UUID, str]] = {}
    for one in relations:
        own, other = one["product_id"], one["related_id"]
        if one["kind"] == "requires":
            wanted.setdefault(own, {})[other] = one["name"]
        else:
            excluded.setdefault(own, {})[other] = one["name"]
            excluded.setdefault(other, {})[own] = one["own_name"]
    for place, work in enumerate(works):
        held, at = list(products_in([work])), f"/lines/{place}"
        there = counting if work.counts else offered
        for id, name in _related(wanted, held):
            if id not in there:
                message = f"It requires {name}, which is not there."
                yield warning("required_missing", message, at, blocks=False)
        for id, name in _related(excluded, held):
            # Of options that exclude each other one may be chosen.
            if work.counts and id in counting:
                message = f"It does not go with {name}."
                yield warning("excluded_there", message, at, blocks=False)


def _related(
    known: Mapping[UUID, Mapping[UUID, str]], held: Iterable[UUID]
) -> Iterable[tuple[UUID, str]]:
    """What some products are related to, each once, with its name."""
    return {id: name for one in held for id, name in known.get(one, {}).items()}.items()


def products_in(works: Sequence[Work]) -> Iterable[UUID]:
    """The products of lines, and those in their bundles, however deep, with what was chosen."""
    for work in works:
        if work.named is not None and work.named.product_id is not None:
            yield work.named.product_id
            yield from map(UUID, work.held)


def warning(code: str, message: str, pointer: str, *, blocks: bool) -> Warned:
    """One of them; what blocks has to be mended before it is sent."""
    return {"code": code, "message": message, "pointer": pointer, "blocks": blocks}


def _of_line(work: Work, at: str) -> Iterable[Warned]:
    code = None if work.failed is None else work.failed.faults[0].code
    if code in _WITHOUT_PRICE and work.is_unlisted:
        message = "Nothing says what it costs: all of its price is given by hand."
        yield warning("no_list_price", message, at, blocks=False)
    elif code is not None and work.failed is not None:
        yield warning(code, work.failed.detail, at, blocks=True)
    if work.named is not None and not work.named.is_sold and code != "product_gone":
        yield warning("not_sold", "The product is not sold (any more).", at, blocks=True)
    if work.result.below_floor:
        yield warning("below_floor", "The price is below the lowest one.", at, blocks=False)
    if work.by_hand > 0 and not work.is_unlisted:
        message = f"{shown_quantity(work.by_hand)} % are off by hand."
        yield warning("discount_by_hand", message, at, blocks=False)


def _of_discount(place: int, given: QuoteSharedDiscount, works: Sequence[Work]) -> Iterable[Warned]:
    """An amount that was agreed upon is not lost without a word."""
    meant = [work for work in works if not work.is_text and _is_for(given, work)]
    at, code = f"/discounts/{place}", "discount_unused"
    if not meant:
        message = "There is no line that it would be taken off."
        yield warning(code, message, at, blocks=True)
    taken = sum(
        (
            one.amount
            for work in meant
            for one in work.result.discounts
            if one.source == f"shared:{place}"
        ),
        ZERO,
    )
    if given.amount is not None and taken < given.amount and any(work.counts for work in meant):
        message = f"Only {shown_amount(taken)} of it can be taken off."
        yield warning(code, message, at, blocks=False)


def _is_for(given: QuoteSharedDiscount, work: Work) -> bool:
    in_section = given.section is None or given.section == work.given.section
    return in_section and (given.percent is not None or given.interval == work.given.interval)
