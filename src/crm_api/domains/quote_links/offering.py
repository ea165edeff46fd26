"""A version as whoever has a link reads it: nothing that is between those who sell."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from crm_api.domains.quote_links.schemas import OfferedLine
from crm_api.domains.quotes.choosing import VALUES, Choice, options_of, selected_in
from crm_api.domains.quotes.models import Quote, QuoteVersion
from crm_api.kit.money import shown_amount, shown_quantity

Content = Mapping[str, Any]
_MADE = {"is_option", "contents", "deductions", "taxes"}
_PLAIN = [name for name in OfferedLine.model_fields if name not in _MADE]
_SUMS = ("net", "tax", "gross")


def agreed_in(content: Content, choice: Choice | None) -> dict[str, Any]:
    """A content with the options that were chosen, as it would have been sent with them."""
    if choice is None:
        return dict(content)
    sums = {name: _shown(choice.values[name]) for name in VALUES}
    off = choice.values["discount_percent"]
    sums["discount_percent"] = None if off is None else shown_quantity(off)
    return {**content, **sums, "lines": choice.lines, "totals": choice.totals}


def settled_in(content: Content, quote: Quote) -> dict[str, Any]:
    """A content with the options that it was accepted with, as the quote has them."""
    values = {name: getattr(quote, name) for name in (*VALUES, "discount_percent")}
    return agreed_in(content, Choice(quote.lines, quote.totals, [], values))


def terms_of(version: QuoteVersion, agreed: Content) -> dict[str, Any]:
    """What a version comes to, with the options that a content says."""
    options = set(options_of(agreed))
    return {
        "revision": version.revision,
        "currency": version.currency,
        "selected": selected_in(agreed),
        "lines": [_line(line, is_option=line["id"] in options) for line in agreed["lines"]],
        "totals": totals_of(agreed["totals"]),
        **{name: agreed[name] for name in _SUMS},
    }


def offered(version: QuoteVersion, agreed: Content) -> dict[str, Any]:
    """All of a version."""
    seller, customer = agreed["seller"], version.customer
    owner, company, contact = seller["person"], customer["company"], customer["contact"]
    return {
        **terms_of(version, agreed),
        **{
            name: agreed[name]
            for name in (
                "number",
                "name",
                "date",
                "valid_until",
                "language",
                "introduction",
                "closing",
                "sections",
            )
        },
        "seller": {
            "name": seller["organization"]["name"],
            "person": owner and owner["name"],
            "email": owner and owner["email"],
        },
        "customer": {
            "name": (company and (company["legal_name"] or company["name"]))
            or (contact and contact["name"]),
            "person": contact and contact["name"],
            "email": None,
        },
        "clauses": [{name: one[name] for name in ("title", "text")} for one in agreed["clauses"]],
        "content_hash": version.content_hash,
    }


def totals_of(found: Iterable[Content]) -> list[dict[str, Any]]:
    """Sums, without the ids of what those who sell keep about taxes."""
    return [
        {**group, "taxes": list(_some(group["taxes"], "name", "rate", "taxable", "amount"))}
        for group in found
    ]


def questions_of(found: Sequence[Any]) -> list[dict[str, Any]]:
    """What was asked, with the answers."""
    return [
        {
            "id": one.id,
            "at": one.created_at,
            "name": one.name,
            "text": one.text,
            "answer": one.answer,
            "answered_at": one.answered_at,
        }
        for one in found
    ]


def _line(line: Content, *, is_option: bool) -> dict[str, Any]:
    return {
        **{name: line[name] for name in _PLAIN},
        "is_option": is_option,
        # Versions from before it was kept have none.
        "contents": list(_some(line.get("contents") or (), "name", "quantity")),
        "deductions": list(_some(line["deductions"], "reason", "percent", "amount")),
        "taxes": list(_some(line["taxes"], "name", "rate", "amount")),
    }


def _some(found: Iterable[Content], *names: str) -> Iterable[dict[str, Any]]:
    for one in found:
        yield {name: one[name] for name in names}


def _shown(value: Decimal | None) -> str | None:
    return None if value is None else shown_amount(value)
