"""A version as it is printed: its content put in the order of a proposal."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

from babel import Locale, UnknownLocaleError
from pydantic import ValidationError

from crm_api.kit.documents.engine import data_of
from crm_api.kit.documents.errors import Undrawable
from crm_api.kit.documents.languages import Language, language
from crm_api.kit.documents.typefaces import need_drawable
from crm_api.kit.errors import Fault, TooLarge
from crm_api.kit.faults import faults_of
from crm_api.platform.proposals.printing import PACKAGE, printed
from crm_api.platform.proposals.schemas import (
    Clause,
    Deduction,
    Discount,
    Fact,
    Item,
    Party,
    Person,
    Proposal,
    Section,
    Seller,
    Tax,
    Totals,
    Value,
)

Content = Mapping[str, Any]
_MOST_DISCOUNTS, _MOST_DEDUCTIONS = 5, 10
_MOST_CONTENTS, _LONGEST_CONTENT = 50, 300
_SHARED = frozenset({"section", "document", "coupon"})
_ZERO = Decimal(0)


def proposal_of(content: Content, customer: Content, *, is_draft: bool = False) -> Proposal:
    """What is printed of a version; the same one makes the same proposal."""
    mode = _mode(content["lines"])
    party = _customer(customer, content["language"])
    return Proposal.model_validate(
        {
            "language": content["language"],
            "currency": content["currency"],
            "number": content["number"][:60],
            "version": content["revision"],
            "date": content["date"],
            "valid_until": content["valid_until"],
            "is_draft": is_draft,
            "subject": content["name"] or party.name,
            "seller": _seller(content),
            **_brand(content),
            "customer": party,
            "introduction": content["introduction"],
            "prices": "gross" if mode == "gross" else "net",
            "sections": list(_sections(content, mode)),
            "totals": [_totals(content, group, mode) for group in content["totals"]],
            "values": list(_values(content)),
            "terms": [Clause(title=one["title"], text=one["text"]) for one in content["clauses"]],
            "closing": content["closing"],
        }
    )


def unprintable(content: Content, customer: Content) -> list[Fault]:
    """Why no document can be made of a version, by the fields of its quote."""
    try:
        need_drawable(_texts(content, customer))
    except Undrawable as error:
        return [replace(fault, pointer=_field(fault.pointer or "")) for fault in error.faults]
    try:
        data_of(printed(proposal_of(content, customer)))
    except TooLarge as error:
        return [Fault("too_large", error.detail, "/lines")]
    except Undrawable as error:
        return [replace(fault, pointer=None) for fault in error.faults]
    except ValidationError as error:
        found = faults_of(error.errors(include_url=False))
        return [Fault("unprintable", f"It cannot be printed: {f.message}.") for f in found]
    except ValueError as error:
        return [Fault("unprintable", f"It cannot be printed: {error}.")]
    return []


def _texts(content: Content, customer: Content) -> Content:
    """What is printed of texts, each where the quote has it."""

    def some(of: str, *names: str) -> list[Content]:
        return [{name: one.get(name) for name in names} for one in content[of]]

    return {
        **{name: content[name] for name in ("name", "introduction", "closing")},
        "sections": some("sections", "title", "text"),
        "lines": some("lines", "name", "code", "description", "unit", "discounts", "contents"),
        "discounts": some("discounts", "reason"),
        "clauses": some("clauses", "title", "text"),
        "totals": some("totals", "taxes"),
        **{f"{name}_id": customer[name] for name in ("company", "contact")},
        "owner_id": content["seller"]["person"],
    }


def _field(pointer: str) -> str:
    # Of another record the quote has the id alone.
    first = pointer.split("/")[1]
    return f"/{first}" if first.endswith("_id") else pointer


def _mode(lines: Sequence[Content]) -> str:
    """Whether prices are printed as they were given, all with or all without taxes in them."""
    included = {line["tax_included"] for line in lines if line["kind"] != "text"}
    if len(included) > 1:
        return "mixed"
    return "gross" if included == {True} else "net"


def _customer(customer: Content, language: str) -> Party:
    company, contact = customer["company"], customer["contact"]
    person = None if contact is None else _person(contact)
    holder = company or contact
    name = (company and (company["legal_name"] or company["name"])) or (person and person.name)
    tax_id = company and company["tax_id"]
    return Party(
        name=name or "—",
        address=list(_address(holder and holder["address"], language))[:8],
        person=person if company is not None else None,
        facts=[Fact(name="VAT", value=tax_id)] if tax_id else [],
    )


def _person(contact: Content) -> Person | None:
    if not contact["name"]:
        return None
    return Person(name=contact["name"][:200], title=contact["title"])


def _seller(content: Content) -> Seller:
    seller = content["seller"]
    owner = seller["person"]
    person = owner and Person(name=owner["name"][:200], email=owner["email"])
    country = _country(seller["organization"]["country"], content["language"])
    paper = _paper(content)
    return Seller(
        name=seller["organization"]["name"][:200],
        address=paper.get("address") or ([country] if country else []),
        person=person,
        imprint=paper.get("imprint") or [],
        email=paper.get("email"),
        phone=paper.get("phone"),
        website=paper.get("website"),
    )


def _paper(content: Content) -> Content:
    # Versions from before it was kept have none.
    return content["seller"].get("letterhead") or {}


def _brand(content: Content) -> dict[str, Any]:
    color = _paper(content).get("color")
    return {"brand": {"color": color}} if color else {}


def _address(found: Content | None, language: str) -> Iterable[str]:
    if found is None:
        return
    if found["street"]:
        yield from (line[:200] for line in found["street"].splitlines() if line.strip())
    city = " ".join(filter(None, [found["postal_code"], found["city"]]))
    for line in (city, found["region"], _country(found["country"], language)):
        if line:
            yield line[:200]


def _country(code: str | None, language: str) -> str | None:
    if code is None:
        return None
    try:
        locale = Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        locale = Locale("en")
    known: Mapping[str, str] = cast("Any", locale).territories
    return known.get(code, code)


def _sections(content: Content, mode: str) -> Iterable[Section]:
    words = language(PACKAGE, content["language"])
    groups: dict[str | None, list[Content]] = {}
    for line in content["lines"]:
        groups.setdefault(line["section"], []).append(line)
    known = {one["key"]: one for one in content["sections"]}
    for key in (None, *known):
        lines = groups.get(key)
        if not lines:
            continue
        section: Content = known.get(key or "", {})
        kind = section.get("kind", "standard")
        yield Section(
            title=section.get("title"),
            text=section.get("text"),
            items=[_item(line, kind, mode, words) for line in lines],
        )


def _item(line: Content, kind: str, mode: str, words: Language) -> Item:
    if line["kind"] == "text":
        return Item.model_validate({name: line[name] for name in ("name", "description")})
    # Versions from before it was kept have none.
    contents = [_content(one, words) for one in line.get("contents") or ()][:_MOST_CONTENTS]
    choice = "included"
    if not line["counts"]:
        choice = "alternative" if kind == "alternatives" else "optional"
    price, net = line["price"] or "0", _net(line, mode)
    if mode == "mixed":
        price = line["unit_net"]
    return Item.model_validate(
        {
            "position": None,
            "name": line["name"],
            "code": line["code"],
            "description": line["description"],
            "contents": contents,
            "quantity": Decimal(line["quantity"]),
            "unit": line["unit"],
            "unit_price": Decimal(price),
            "discounts": [] if mode == "mixed" else list(_discounts(line)),
            "net": net,
            "interval": line["interval"],
            "choice": choice,
        }
    )


def _content(one: Content, words: Language) -> str:
    return f"{words.quantity(Decimal(one['quantity']))} × {one['name']}"[:_LONGEST_CONTENT]


def _net(line: Content, mode: str) -> Decimal:
    """A line after its own discounts, and before those that are off many lines."""
    if mode == "mixed":
        return Decimal(line["net"])
    return Decimal(line["amount"]) + sum(
        (Decimal(one["amount"]) for one in line["deductions"] if one["stage"] in _SHARED), _ZERO
    )


def _discounts(line: Content) -> Iterable[Discount]:
    own = [one for one in line["deductions"] if one["stage"] not in _SHARED]
    if len(own) > _MOST_DISCOUNTS:
        yield Discount(amount=sum((Decimal(one["amount"]) for one in own), _ZERO))
        return
    for one in own:
        if one["percent"] is not None:
            yield Discount(name=one["reason"], percent=_percent(one["percent"]))
        else:
            yield Discount(name=one["reason"], amount=Decimal(one["amount"]))


def _totals(content: Content, group: Content, mode: str) -> Totals:
    unnamed = language(PACKAGE, content["language"]).label("discount")
    lines = [
        line
        for line in content["lines"]
        if line["counts"] and line["interval"] == group["interval"]
    ]
    return Totals(
        interval=group["interval"],
        subtotal=sum((_net(line, mode) for line in lines), _ZERO),
        deductions=[] if mode == "mixed" else list(_deductions(lines, unnamed)),
        taxes=[
            Tax(
                name=tax["name"],
                rate=_percent(tax["rate"]),
                base=Decimal(tax["taxable"]),
                amount=Decimal(tax["amount"]),
                note=None,
            )
            for tax in group["taxes"]
        ],
        rounding=_ZERO,
        total=Decimal(group["gross"]),
    )


def _deductions(lines: Sequence[Content], unnamed: str) -> Iterable[Deduction]:
    """What is off many lines: of each the sum of what it took of them."""
    found: dict[tuple[Any, ...], Decimal] = {}
    for line in lines:
        for one in line["deductions"]:
            if one["stage"] in _SHARED:
                key = (one["stage"], one["promotion_id"], one["reason"], one["percent"])
                found[key] = found.get(key, _ZERO) + Decimal(one["amount"])
    kept = [(key, amount) for key, amount in found.items() if amount]
    for n, ((_, _, reason, percent), amount) in enumerate(kept[:_MOST_DEDUCTIONS]):
        rest = kept[_MOST_DEDUCTIONS:] if n == _MOST_DEDUCTIONS - 1 else []
        whole = amount + sum((more for _, more in rest), _ZERO)
        shown = None if percent is None or rest else _percent(percent)
        yield Deduction(name=reason or unnamed, percent=shown, amount=whole)


def _percent(value: str) -> Decimal:
    # As fine as it is printed.
    return round(Decimal(value), 4)


def _values(content: Content) -> Iterable[Value]:
    if any(group["interval"] for group in content["totals"]):
        for kind in ("mrr", "acv", "tcv"):
            yield Value(kind=kind, amount=Decimal(content[kind]))
