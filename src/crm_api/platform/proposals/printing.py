"""Proposals made into documents: every figure becomes text here, in the customer's language."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from crm_api.kit.documents.directions import isolated
from crm_api.kit.documents.engine import Document, Template, render
from crm_api.kit.documents.languages import Language, is_leftward, language
from crm_api.kit.documents.pictures import Picture
from crm_api.kit.documents.typefaces import need_drawable
from crm_api.platform.proposals.schemas import (
    Discount,
    Item,
    Party,
    Proposal,
    Section,
    Seller,
    Totals,
)

PACKAGE = "crm_api.platform.proposals"
PROPOSAL = Template(PACKAGE, "proposal")


async def document_of(proposal: Proposal, logo: Picture | None = None) -> Document:
    """The proposal as a PDF; raises `Undrawable`, whose pointers lead into the proposal."""
    need_drawable(proposal.model_dump(mode="json"))
    pictures = {"logo": logo} if logo else {}
    return await render(PROPOSAL, printed(proposal), dated=proposal.date, pictures=pictures)


def printed(proposal: Proposal) -> dict[str, Any]:
    """What the template is given: texts alone, in the order in which they stand."""
    words = language(PACKAGE, proposal.language)
    leftward = is_leftward(words.tag)
    return {
        **isolated(_Printing(proposal, words).whole(), within_leftward=leftward),
        **_tag(words.tag),
        "is_leftward": leftward,
        "color": proposal.brand.color,
    }


class _Printing:
    def __init__(self, proposal: Proposal, words: Language) -> None:
        self.proposal = proposal
        self.words = words
        self.currency = proposal.currency

    def whole(self) -> dict[str, Any]:
        proposal, words = self.proposal, self.words
        until = proposal.valid_until
        sections = [self._section(*numbered) for numbered in enumerate(proposal.sections, 1)]
        items = [item for section in proposal.sections for item in section.items]
        return {
            "labels": {
                name: words.label(name)
                for name in words.labels
                if "{" not in words.labels[name] and not name.startswith("per_")
            },
            "heading": f"{words.label('title')} {proposal.number}",
            "version": words.label("version", version=str(proposal.version)),
            "amount": words.label("amount", currency=words.sign(self.currency)),
            "is_draft": proposal.is_draft,
            "subject": proposal.subject,
            "facts": list(self._facts()),
            "seller": self._seller(proposal.seller),
            "customer": self._party(proposal.customer),
            "introduction": proposal.introduction,
            "sections": sections,
            "has_discounts": any(item.discounts for item in items),
            "notes": list(self._notes(items)),
            "totals": [self._totals(group) for group in proposal.totals],
            "values": [
                {"name": words.label(one.kind), "amount": self._money(one.amount)}
                for one in proposal.values
            ],
            "terms": [{"title": one.title, "text": one.text} for one in proposal.terms],
            "closing": proposal.closing,
            "acceptance": (
                (
                    words.label("accept_until", day=words.day(until))
                    if until
                    else words.label("accept")
                )
                if proposal.signatures
                else None
            ),
        }

    def _facts(self) -> Iterator[dict[str, str]]:
        words, proposal = self.words, self.proposal
        yield {"name": words.label("number"), "value": proposal.number}
        yield {"name": words.label("date"), "value": words.day(proposal.date)}
        if proposal.valid_until:
            yield {"name": words.label("valid_until"), "value": words.day(proposal.valid_until)}
        for fact in proposal.facts:
            yield {"name": fact.name, "value": fact.value}

    def _party(self, party: Party) -> dict[str, Any]:
        person = party.person
        return {
            "name": party.name,
            "address": party.address,
            "attention": self.words.label("attention", name=person.name) if person else None,
            "signs": ", ".join(filter(None, [person.name, person.title])) if person else None,
            "facts": [{"name": fact.name, "value": fact.value} for fact in party.facts],
        }

    def _seller(self, seller: Seller) -> dict[str, Any]:
        return {
            **self._party(seller),
            "reached": [one for one in (seller.phone, seller.email, seller.website) if one],
            "person": seller.person.model_dump() if seller.person else None,
            "imprint": seller.imprint,
        }

    def _section(self, number: int, section: Section) -> dict[str, Any]:
        named = section.title is not None
        counted = 0
        items: list[dict[str, Any]] = []
        for item in section.items:
            position = item.position
            if position is None and item.net is not None:
                counted += 1
                position = (
                    f"{number}.{counted}" if len(self.proposal.sections) > 1 else f"{counted}"
                )
            items.append(self._item(item, position or ""))
        words, subtotal = self.words, section.subtotal
        return {
            "title": f"{number}  {section.title}" if named else None,
            "text": section.text,
            "items": items,
            "subtotal": None
            if subtotal is None
            else {
                "name": words.label("section_total", section=section.title or str(number)),
                "amount": words.amount(subtotal, self.currency),
            },
        }

    def _item(self, item: Item, position: str) -> dict[str, Any]:
        words = self.words
        made: dict[str, Any] = {
            "position": position,
            "name": item.name,
            "mark": self._mark(item),
            "code": words.label("code", code=item.code) if item.code else None,
            "description": item.description,
            "contents": item.contents,
            "is_counted": item.choice == "included",
            "net": None,
        }
        if item.quantity is not None and item.unit_price is not None and item.net is not None:
            made |= {
                "quantity": " ".join(filter(None, [words.quantity(item.quantity), item.unit])),
                "price": words.price(item.unit_price, self.currency),
                "discounts": [self._discount(one) for one in item.discounts],
                "net": words.amount(item.net, self.currency),
                "interval": words.label(f"per_{item.interval}") if item.interval else None,
            }
        return made

    def _mark(self, item: Item) -> str | None:
        if item.alternative_to:
            return self.words.label("alternative_to", position=item.alternative_to)
        return None if item.choice == "included" else self.words.label(item.choice)

    def _discount(self, discount: Discount) -> dict[str, str | None]:
        if discount.percent is not None:
            shown = f"−{self.words.percent(discount.percent)}"
        else:
            shown = f"−{self.words.amount(discount.amount or Decimal(0), self.currency)}"
        return {"name": discount.name, "shown": shown}

    def _notes(self, items: list[Item]) -> Iterator[str]:
        if any(item.choice != "included" for item in items):
            yield self.words.label("not_in_totals")
        yield self.words.label(f"prices_{self.proposal.prices}")
        for group in self.proposal.totals:
            yield from (tax.note for tax in group.taxes if tax.note)

    def _totals(self, group: Totals) -> dict[str, Any]:
        words = self.words
        taxed = "tax" if self.proposal.prices == "net" else "tax_included"
        rows = [(words.label("subtotal"), self._money(group.subtotal))]
        for one in group.deductions:
            percent = f" {words.percent(one.percent)}" if one.percent is not None else ""
            rows.append((f"{one.name}{percent}", self._money(-one.amount)))
        if group.deductions and self.proposal.prices == "net":
            net = group.subtotal - sum(one.amount for one in group.deductions)
            rows.append((words.label("net"), self._money(net)))
        taxes = [
            (
                words.label(
                    taxed,
                    name=tax.name,
                    rate=words.percent(tax.rate),
                    base=self._money(tax.base),
                ),
                self._money(tax.amount),
            )
            for tax in group.taxes
        ]
        if self.proposal.prices == "net":
            rows, taxes = rows + taxes, []
        if group.rounding:
            rows.append((words.label("rounding"), self._money(group.rounding)))
        return {
            "title": words.label(group.interval or "once"),
            "rows": [{"name": name, "amount": amount} for name, amount in rows],
            "total": self._money(group.total),
            "included": [{"name": name, "amount": amount} for name, amount in taxes],
        }

    def _money(self, value: Decimal) -> str:
        return self.words.money(value, self.currency)


def _tag(tag: str) -> dict[str, str | None]:
    # `zh-Hant` has no region, by which the forms of its characters are chosen.
    parts = tag.replace("Hant", "TW").replace("Hans", "CN").split("-")
    region = next((part for part in parts[1:] if len(part) == 2), None)
    return {"language": parts[0].lower(), "region": region.upper() if region else None}
