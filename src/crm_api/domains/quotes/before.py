"""What stood in a quote before: what it may go on referring to, and which texts it looked up."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.quotes.calculating import Named
from crm_api.domains.quotes.lines import TEXTS, QuoteLine, held_in
from crm_api.domains.quotes.models import Quote

Key = tuple[str | None, str | None, frozenset[tuple[str | None, Decimal | None]]]
"""What a line is of, by which unit, and with which optional components."""


@dataclass(frozen=True)
class Before:
    """What a quote, or the one that it is a copy of, refers to already.

    That it is in the bin by now, or not seen by whoever changes something else, is no mistake of
    theirs.
    """

    contact_id: UUID | None = None
    company_id: UUID | None = None
    coupon_codes: Sequence[str] = ()
    lines: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict[Key, Mapping[str, Any]])
    counted: Collection[tuple[Key, Decimal]] = ()
    """Of each line how much of it there was."""

    @classmethod
    def of(cls, quote: Quote | None) -> "Before":
        """What a stored quote refers to; nothing, of one that is new."""
        if quote is None:
            return cls()
        return cls.kept(quote.lines, quote.contact_id, quote.company_id, quote.coupon_codes)

    @classmethod
    def kept(
        cls,
        lines: Sequence[Mapping[str, Any]],
        contact_id: UUID | None,
        company_id: UUID | None,
        coupon_codes: Sequence[str] = (),
    ) -> "Before":
        """What stored lines of a customer refer to."""
        known = {_stored_key(line): line for line in lines}
        return cls(contact_id, company_id, coupon_codes, known, counted_in(lines))

    def has(self, line: QuoteLine) -> bool:
        """Whether there was a line of the same, by the same unit, with the same components."""
        return _key(line) in self.lines

    def counts(self, line: QuoteLine) -> bool:
        """Whether there was as much of the same."""
        return (_key(line), line.quantity) in self.counted

    def named(self, line: QuoteLine) -> Named | None:
        """What a line said of its product, now that nothing else does."""
        known = self.lines.get(_key(line))
        if known is None:
            return None
        contents = known.get("contents") or ()
        texts = (known[name] for name in TEXTS)
        held = held_in(known)
        return Named(known["kind"], *texts, is_sold=False, contents=contents, held=held)


def counted_in(lines: Iterable[Mapping[str, Any]]) -> set[tuple[Key, Decimal]]:
    """How much there was of each, whose unit may have fewer decimals by now."""
    return {(_stored_key(line), Decimal(line["quantity"])) for line in lines}


def as_looked_up(
    lines: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Lines as they are given, without texts that only were read and are written back."""
    known = {line["id"]: line for line in before}
    return [_without_read(line, known.get(str(line["id"]))) for line in lines]


def _without_read(line: Mapping[str, Any], old: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if old is None or _of(line) != _of(old):
        return line
    read = [name for name in old.get("looked_up", ()) if line[name] == old[name]]
    return {**line, **dict.fromkeys(read)}


def _key(line: QuoteLine) -> Key:
    chosen = frozenset((_text(one.bundle_component_id), one.quantity) for one in line.components)
    return _text(line.variant_id or line.product_id), _text(line.unit_id), chosen


def _stored_key(line: Mapping[str, Any]) -> Key:
    chosen = frozenset(
        (one["bundle_component_id"], None if (n := one["quantity"]) is None else Decimal(n))
        for one in line.get("components") or ()
    )
    return _of(line), _text(line["unit_id"]), chosen


def _of(line: Mapping[str, Any]) -> str | None:
    return _text(line["variant_id"] or line["product_id"])


def _text(id: Any) -> str | None:
    return None if id is None else str(id)
