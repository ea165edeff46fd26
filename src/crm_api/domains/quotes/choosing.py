"""What a version comes to with other options, by what was sent alone: pure.

No price is looked up again: what was offered binds, whatever lists and promotions say by now. Of
what it would take to calculate it anew a version lacks some facts, such as which lines a promotion
is for that is off all of them together. So the sums that were sent are calculated first: where they
do not come out again, to the cent, its options cannot be chosen by whoever it was sent to.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crm_api.domains.quotes.calculating import INTERVALS
from crm_api.domains.quotes.lines import held_in, tax_of, taxes_named
from crm_api.domains.quotes.showing import storable, sums_of
from crm_api.kit.errors import Fault, Invalid, WrongState
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.discounts import Discount, SharedDiscount
from crm_api.kit.pricing.documents import (
    Arithmetic,
    Calculated,
    CalculatedLine,
    Document,
    Line,
    calculate,
)
from crm_api.kit.pricing.rounding import ZERO, exactly, rounded

Content = Mapping[str, Any]
_SHARED = frozenset({"section", "document", "coupon"})
_AMOUNTS = ("unit_net", "list_amount", "amount", "net", "tax", "gross")
_SUMS = ("list_amount", "discount", "net", "tax", "gross")
VALUES = ("net", "tax", "gross", "one_time", "mrr", "arr", "acv", "tcv")


@dataclass(frozen=True)
class Choice:
    """A version with some of its options chosen."""

    lines: list[dict[str, Any]]
    totals: list[dict[str, Any]]
    costs: list[dict[str, Any]]
    values: dict[str, Decimal | None]
    """As columns of a quote hold them."""


@dataclass
class _Part:
    stored: Content
    counts: bool
    done: CalculatedLine | None = None

    @property
    def given(self) -> "_Part":
        return self

    @property
    def interval(self) -> str | None:
        return self.stored["interval"]

    @property
    def term(self) -> int | None:
        return self.stored["term"]

    @property
    def result(self) -> CalculatedLine:
        assert self.done is not None
        return self.done


def options_of(content: Content) -> list[str]:
    """The ids of the lines that may be chosen or left out."""
    kinds = {one["key"]: one["kind"] for one in content["sections"]}
    return [
        line["id"]
        for line in content["lines"]
        if line["price"] is not None
        and line["kind"] != "text"
        and (line["is_optional"] or kinds.get(line["section"], "standard") != "standard")
    ]


def selected_in(content: Content) -> list[str]:
    """The options that were chosen when it was sent."""
    chosen = {line["id"] for line in content["lines"] if line["is_selected"]}
    return [id for id in options_of(content) if id in chosen]


def is_choosable(content: Content, rules: Arithmetic) -> bool:
    """Whether it has options, and what they come to follows from what was sent."""
    return bool(options_of(content)) and _comes_out(content, rules)


def chosen(
    content: Content,
    costs: Sequence[Content],
    selected: Collection[str],
    rules: Arithmetic,
) -> Choice:
    """The version with these options and no others; raises `Invalid`, or `WrongState`."""
    _check(content, selected)
    if not _comes_out(content, rules):
        message = "Its options cannot be chosen here: ask for a version with the ones you want."
        raise WrongState(message, code="options_fixed")
    found = _choice(content, costs, selected, rules)
    storable(found.values, "/selected")
    return found


def check_compatible(
    content: Content, found: Choice, selected: Sequence[str], relations: Iterable[Any]
) -> None:
    """Raises `Invalid` for options that do not go with what is chosen, unless they were sent so.

    Nor do those that want another one which is offered and not chosen. `relations` are those of the
    products that are there (`Quotes.between`).
    """
    before, after = (products_in(lines) for lines in (content["lines"], found.lines))
    offered = {id for line in content["lines"] for id in _held(line)}
    lines = {line["id"]: line for line in content["lines"]}
    for relation in relations:
        one, other = (str(relation[name]) for name in ("product_id", "related_id"))
        pair, own = {one, other}, {one}
        if relation["kind"] == "excludes" and pair <= after and not pair <= before:
            code, own, wrong = "excluded_option", pair, "does not go with all that is chosen:"
        elif relation["kind"] == "requires" and _lacks(one, other, before, after, offered):
            code, wrong = "required_option", "wants another option, which is not chosen:"
        else:
            continue
        places = (n for n, id in enumerate(selected) if own & _held(lines[id]))
        place = next(places, None)
        name = next(line["name"] for line in found.lines if line["counts"] and own & _held(line))
        if place is not None:
            name = lines[selected[place]]["name"]
        at = "/selected" if place is None else f"/selected/{place}"
        raise Invalid.at(at, code, f"{name} {wrong} {relation['name']}.")


def _lacks(one: str, other: str, before: set[str], after: set[str], offered: set[str]) -> bool:
    """Whether a product is there without the one that it requires, which it was not sent without."""
    was_so = one in before and other not in before
    return one in after and other in offered - after and not was_so


def products_in(lines: Iterable[Content]) -> set[str]:
    """The products of the lines that count, and those in their bundles."""
    return {id for line in lines if line["counts"] for id in _held(line)}


def _held(line: Content) -> set[str]:
    # Versions from before it was kept say less of what is in a bundle, or nothing.
    inside = set(held_in(line))
    return inside if line["product_id"] is None else inside | {line["product_id"]}


def _check(content: Content, selected: Collection[str]) -> None:
    options, faults = set(options_of(content)), list[Fault]()
    groups = {one["key"] for one in content["sections"] if one["kind"] == "alternatives"}
    lines = {line["id"]: line for line in content["lines"]}
    taken: set[str] = set()
    for place, id in enumerate(selected):
        at = f"/selected/{place}"
        if id not in options:
            faults.append(Fault("unknown_option", "There is no such option.", at))
        elif (section := lines[id]["section"]) in groups:
            if section in taken:
                faults.append(Fault("two_alternatives", "Of alternatives one is selected.", at))
            taken.add(section)
    if not faults and not any(_is_counted(lines[id], selected, options) for id in lines):
        faults.append(Fault("nothing_selected", "Nothing would be left.", "/selected"))
    if faults:
        raise Invalid("The options do not fit together.", faults=faults)


def _is_counted(line: Content, selected: Collection[str], options: Collection[str]) -> bool:
    if line["id"] in options:
        return line["id"] in selected
    return line["counts"]


@exactly
def _comes_out(content: Content, rules: Arithmetic) -> bool:
    shared = any(
        one["stage"] in _SHARED and one["promotion_id"] is not None
        for line in content["lines"]
        for one in line["deductions"]
    )
    # Of versions from before it was kept, nobody knows whether one tax is due on another.
    unclear = any(
        len(line["taxes"]) > 1 and "compound" not in line["taxes"][0] for line in content["lines"]
    )
    if shared or unclear or content["coupon_codes"]:
        return False
    again = _choice(content, (), selected_in(content), rules)
    names = (*_AMOUNTS, "counts", "taxes", "deductions")
    pairs = zip(content["lines"], again.lines, strict=True)
    same = all(one[name] == other[name] for one, other in pairs for name in names)
    return same and _due(content["totals"]) == _due(again.totals)


def _due(totals: Iterable[Content]) -> list[Content]:
    """Without what taxes are of: once that was the net amount also of those upon others."""
    return [{**one, "taxes": [{**tax, "taxable": None} for tax in one["taxes"]]} for one in totals]


@exactly
def _choice(
    content: Content, costs: Sequence[Content], selected: Collection[str], rules: Arithmetic
) -> Choice:
    options = set(options_of(content))
    unit_costs = {one["line_id"]: one["unit_cost"] for one in costs}
    parts = [_Part(line, _is_counted(line, selected, options)) for line in content["lines"]]
    groups: dict[str | None, Calculated] = {}
    for interval in INTERVALS:
        own = [part for part in parts if part.interval == interval]
        if own:
            groups[interval] = found = calculate(
                Document(
                    rules,
                    [_line(part, unit_costs.get(part.stored["id"]), rules) for part in own],
                    list(_shared(content, interval)),
                )
            )
            for part, done in zip(own, found.lines, strict=True):
                part.done = done
    taxes = taxes_named(content["lines"])
    return Choice(
        [
            _shown(part, content, taxes)
            | ({"is_selected": part.counts} if part.stored["id"] in options else {})
            for part in parts
        ],
        [_totals(interval, found, taxes) for interval, found in groups.items()],
        [
            _cost(part, unit_costs[part.stored["id"]])
            for part in parts
            if part.stored["id"] in unit_costs
        ],
        sums_of(parts, rules.currency),
    )


def _line(part: _Part, unit_cost: str | None, rules: Arithmetic) -> Line:
    line = part.stored
    is_text = line["kind"] == "text"
    quantity = ZERO if is_text else Decimal(line["quantity"])
    price, listed = Decimal(line["price"] or 0), Decimal(line["list_amount"])
    plain = rounded(quantity * price, rules.currency, rules.rounding) == listed
    return Line(
        quantity=quantity,
        unit_price=price,
        # Slices and packages do not cost so many times the unit price.
        amount=None if plain else listed,
        discounts=tuple(_own(line)),
        taxes=tuple(map(tax_of, line["taxes"])),
        tax_included=line["tax_included"],
        section=line["section"],
        counts=part.counts,
        unit_cost=None if unit_cost is None else Decimal(unit_cost),
    )


def _own(line: Content) -> Iterable[Discount]:
    for place, one in enumerate(line["deductions"]):
        if one["stage"] not in _SHARED:
            percent = None if one["percent"] is None else Decimal(one["percent"])
            amount = Decimal(one["amount"]) if percent is None else None
            yield Discount(one["stage"], percent, amount, f"own:{place}")


def _shared(content: Content, interval: str | None) -> Iterable[SharedDiscount]:
    for place, one in enumerate(content["discounts"]):
        percent = None if one["percent"] is None else Decimal(one["percent"])
        if percent is None and one["interval"] != interval:
            continue
        yield SharedDiscount(
            "document" if one["section"] is None else "section",
            percent,
            None if one["amount"] is None else Decimal(one["amount"]),
            f"shared:{place}",
            section=one["section"],
        )


def _shown(part: _Part, content: Content, taxes: Mapping[str, Content]) -> dict[str, Any]:
    done = part.result
    return {
        **part.stored,
        "counts": part.counts,
        **{name: shown_amount(getattr(done, name)) for name in _AMOUNTS},
        "deductions": [_deduction(part.stored, content, one) for one in done.discounts],
        "discount_percent": shown_quantity(done.discount_percent),
        "taxes": [{**taxes[tax.name], "amount": shown_amount(due)} for tax, due in done.taxes],
    }


def _deduction(line: Content, content: Content, one: Any) -> dict[str, Any]:
    kind, _, place = one.source.partition(":")
    if kind == "own":
        return {**line["deductions"][int(place)], "amount": shown_amount(one.amount)}
    return {
        "stage": one.stage,
        "promotion_id": None,
        "reason": content["discounts"][int(place)]["reason"],
        "percent": None if one.percent is None else shown_quantity(one.percent),
        "amount": shown_amount(one.amount),
    }


def _totals(
    interval: str | None, found: Calculated, taxes: Mapping[str, Content]
) -> dict[str, Any]:
    return {
        "interval": interval,
        **{name: shown_amount(getattr(found.totals, name)) for name in _SUMS},
        "taxes": [
            {
                **taxes[due.tax.name],
                "taxable": shown_amount(due.taxable),
                "amount": shown_amount(due.amount),
            }
            for due in found.taxes
        ],
    }


def _cost(part: _Part, unit_cost: str | None) -> dict[str, Any]:
    done = part.result
    percent = done.margin_percent
    return {
        "line_id": part.stored["id"],
        "unit_cost": unit_cost,
        "cost": None if done.cost is None else shown_amount(done.cost),
        "margin": None if done.margin is None else shown_amount(done.margin),
        "margin_percent": None if percent is None else shown_quantity(percent),
    }
