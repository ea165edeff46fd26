"""Where a quote may go from where it stands, and what stands in the way."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, Literal
from uuid import UUID

from crm_api.domains.catalogue.sold import sold
from crm_api.domains.promotions.redeeming import Redeeming, Sale
from crm_api.domains.quotes.models import QuoteStatus
from crm_api.domains.quotes.permitting import by_pointer, given_away, grants, not_approved
from crm_api.domains.quotes.printing import unprintable
from crm_api.domains.quotes.repository import Quotes
from crm_api.domains.quotes.versions import Letter, letter_of
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.transitions import Way, way
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault
from crm_api.platform.approvals.standing import Standing, standing

Verb = Literal[
    "submit", "recall", "send", "view", "accept", "decline", "expire", "withdraw", "revise"
]


WAYS: Mapping[Verb, Way[QuoteStatus]] = {
    "submit": way("draft", "in_approval", "submitted"),
    "recall": way("in_approval approved", "draft", "recalled"),
    "send": way("draft in_approval approved", "sent", "sent"),
    "view": way("sent", "viewed", "viewed"),
    "accept": way("sent viewed", "accepted", "accepted"),
    "decline": way("sent viewed", "declined", "declined"),
    "expire": way("sent viewed", "expired", "expired"),
    "withdraw": way("sent viewed", "withdrawn", "withdrawn"),
    "revise": way("sent viewed declined expired withdrawn", "draft", "revised"),
}
_LEAVING = frozenset({"submit", "send"})
_COUNTING = _LEAVING | {"accept"}
_NOT_SOLD = "not_sold"
_LONGEST = "0" * 60


class Blockers:
    """What stands in the way of the actions of one quote, as things are in this transaction."""

    def __init__(self, tx: Tx, quote: Mapping[str, Any]) -> None:
        self._tx, self._quote = tx, quote
        self._records = Quotes(tx)
        self._leaving: list[Fault] | None = None
        self._letter: Letter | None = None
        self._standing: Standing | None = None
        self.coupons = Redeeming(tx, _sale(quote)) if quote.get("coupon_codes") else None
        """Those that it is offered by."""

    async def of(self, verb: Verb) -> list[Fault]:
        """Empty where it may be done."""
        found = list(_of_days(self._quote, today_of(self._tx), verb))
        if verb in _COUNTING and self.coupons is not None:
            found += await self._of_coupons(self.coupons)
        if verb in _LEAVING:
            if self._leaving is None:
                self._leaving = await self._of_offer()
            found += self._leaving
            found += await self._of_approvals(verb)
        return found

    async def letter(self) -> Letter:
        """What would be sent; the number, where it has none yet, is as long as any."""
        if self._letter is None:
            number = self._quote["number"] or _LONGEST
            self._letter = await letter_of(self._records, self._quote, number, today_of(self._tx))
        return self._letter

    async def _of_offer(self) -> list[Fault]:
        """What is wrong with what is offered, by now: nothing of it is calculated anew."""
        letter, sold = await self.letter(), await self._of_products()
        gone = (Fault("in_bin", f"The {n} is in the bin.", f"/{n}_id") for n in letter.gone)
        faults = [*_of_content(self._quote), *sold, *gone]
        # In a thread, since so many lines take their time.
        return faults or await asyncio.to_thread(unprintable, letter.content, letter.customer)

    async def _of_coupons(self, coupons: Redeeming) -> list[Fault]:
        """Whether they may be used still; what a draft has told already is told once."""
        known = {one["pointer"] for one in self._quote.get("warnings", ())}
        return [fault for fault in await coupons.faults() if fault.pointer not in known]

    async def _of_products(self) -> list[Fault]:
        lines = self._quote["lines"]
        products, variants = (
            [UUID(line[name]) for line in lines if line[name] is not None]
            for name in ("product_id", "variant_id")
        )
        if not products and not variants:
            return []
        known, enough = await sold(self._tx, products, variants, []), {"active"}
        if grants(await self._approvals(), "lines"):
            # The last pieces, as whoever approves the lines can see.
            enough.add("discontinued")
        gone = {f.pointer for f in _of_content(self._quote) if f.code == "product_gone"}
        return [
            Fault(_NOT_SOLD, "The product is not sold (any more).", f"/lines/{place}")
            for place, line in enumerate(lines)
            if f"/lines/{place}" not in gone and not _is_sold(known, line, enough)
        ]

    async def _of_approvals(self, verb: Verb) -> list[Fault]:
        found = await self._approvals()
        faults = list(not_approved(found)) if verb == "send" else []
        return [*faults, *await given_away(self._tx, found, by_pointer(self._quote["lines"]))]

    async def _approvals(self) -> Standing:
        if self._standing is None:
            self._standing = await standing(self._tx, "quote", self._quote["id"])
        return self._standing


def _sale(quote: Mapping[str, Any]) -> Sale:
    off = [
        (UUID(one["promotion_id"]), one["stage"])
        for line in quote["lines"]
        if line["counts"]
        for one in line["deductions"]
        if one["promotion_id"] is not None
    ]
    return Sale(
        quote["coupon_codes"],
        {id for id, _ in off},
        {id for id, stage in off if stage == "coupon"},
        _id(quote["company_id"]),
        _id(quote["contact_id"]),
        # Of a draft that has none yet nothing was counted.
        quote["number"] or _LONGEST,
    )


def _id(value: Any) -> UUID | None:
    return UUID(value) if isinstance(value, str) else value


def is_over(last: date | None, today: date) -> bool:
    """Whether the last day of a quote is over, by the day that it is for the organization.

    The functions of the database that find what is due say the same.
    """
    return last is not None and last < today


def _of_days(quote: Mapping[str, Any], today: date, verb: Verb) -> Iterable[Fault]:
    last = quote["valid_until"]
    over = is_over(None if last is None else _day(last), today)
    if verb in {"submit", "send", "accept"} and over:
        yield Fault("expired", f"It was valid until {last}.", "/valid_until")
    if verb == "expire" and not over:
        yield Fault("not_expired", "Its last day is not over.", "/valid_until")


def _of_content(quote: Mapping[str, Any]) -> Iterable[Fault]:
    if quote["company_id"] is None and quote["contact_id"] is None:
        yield Fault("no_account", "It is for no company and for no contact.", "/company_id")
    offered = [line for line in quote["lines"] if line["kind"] != "text"]
    if not offered:
        yield Fault("no_lines", "Nothing is offered.", "/lines")
    elif all(line["price"] is not None and not line["counts"] for line in offered):
        yield Fault("nothing_selected", "None of the options is selected.", "/lines")
    for warning in quote["warnings"]:
        # Whether something is sold is asked again, since it changes by itself.
        if warning["blocks"] and warning["code"] != _NOT_SOLD:
            yield Fault(warning["code"], warning["message"], warning["pointer"])


def _is_sold(
    known: Mapping[str, Mapping[UUID, Any]], line: Mapping[str, Any], enough: Collection[str]
) -> bool:
    """Whether what a line is of has one of some statuses; a remark, or what is no product, has."""
    product_id, variant_id = (
        None if line[name] is None else UUID(line[name]) for name in ("product_id", "variant_id")
    )
    found: list[Any] = []
    if variant_id is not None:
        variant = known["variants"].get(variant_id)
        found.append(variant)
        product_id = product_id if variant is None else variant["product_id"]
    if product_id is not None:
        found.append(known["products"].get(product_id))
    return all(one is not None and one["status"] in enough for one in found)


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)
