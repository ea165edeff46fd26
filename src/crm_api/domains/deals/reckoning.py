"""What the lines of a deal come to, by the prices of the day on which they are written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.sold import sold
from crm_api.domains.deals.lines import DealLine
from crm_api.domains.deals.models import Deal
from crm_api.domains.prices.asking import PriceLineInput, PriceQuestion
from crm_api.domains.prices.items import Priced
from crm_api.domains.prices.proposing import Proposal
from crm_api.domains.prices.resolving import Kept, PriceService, at_places
from crm_api.domains.prices.settings import arithmetic_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.discounts import Discount
from crm_api.kit.pricing.documents import Document, Line, calculate
from crm_api.kit.pricing.recurring import times, worth
from crm_api.kit.pricing.rounding import exactly

_MOST = Decimal(10) ** 14
"""Amounts are below: the digits that columns have."""
_NOTHING: Mapping[str, Any] = {"lines": [], "one_time": None, "mrr": None, "tcv": None}
_MADE_OF = frozenset({"lines", "currency", "company_id", "amount_mode", "amount"})
_GONE = frozenset({"product_gone", "no_price", "no_rate"})
Stored = Mapping[str, Any]


async def reckoned(tx: Tx, values: dict[str, Any], current: Deal | None) -> dict[str, Any]:
    """The same values of a deal, with what its lines come to; raises `Invalid`.

    They are reckoned anew when the lines, the currency, or the customer of lines that price lists
    say the price of are others. In the mode `lines` that is the amount, and none is to be given.
    """
    if current is not None and not (_MADE_OF & values.keys()):
        return values
    mode = values.get("amount_mode") or (None if current is None else current.amount_mode)
    _check_amount(values, current, by_lines=mode == "lines")
    before = () if current is None else current.lines
    lines = (values["lines"] or ()) if "lines" in values else map(given_of, before)
    given = [_as_read(line, before) for line in lines]
    done: dict[str, Any] = {}
    if current is None or _is_new(values, current, given):
        done = await Reckoning(tx, {**_ground(current), **values}, current).of(given)
    if mode == "lines":
        own = None if current is None else current.tcv
        done["amount"] = done.get("tcv", own)
    kept = {name: value for name, value in values.items() if name != "lines"}
    return {**kept, **done}


def given_of(line: Stored) -> dict[str, Any]:
    """What was given of a stored line."""
    given = {name: line[name] for name in DealLine.model_fields}
    return given if line["is_name_given"] else {**given, "name": None}


def _check_amount(values: Mapping[str, Any], current: Deal | None, *, by_lines: bool) -> None:
    given = values.get("amount")
    was = None if current is None or current.amount_mode != "lines" else current.amount
    if by_lines and given is not None and given != was:
        message = "The amount is what the lines come to; give lines, or `amount_mode` `manual`."
        raise Invalid.at("/amount", "amount_of_lines", message)


def _ground(current: Deal | None) -> dict[str, Any]:
    if current is None:
        return {}
    return {"currency": current.currency, "company_id": current.company_id}


def _is_new(values: Mapping[str, Any], current: Deal, given: Sequence[DealLine]) -> bool:
    if values.get("currency", current.currency) != current.currency:
        return bool(given)
    listed = any(line.is_of_product and line.unit_price is None for line in given)
    if listed and values.get("company_id", current.company_id) != current.company_id:
        return True
    if "lines" not in values:
        return False
    return [_as_given(line) for line in current.lines] != [line.model_dump() for line in given]


def _as_given(line: Stored) -> dict[str, Any]:
    return DealLine.model_validate(given_of(line)).model_dump()


def _as_read(line: Mapping[str, Any], before: Sequence[Stored]) -> DealLine:
    """A line without the name of its product, where that only was read and is written back."""
    looked_up = {(_key(old), old["name"]) for old in before if not old["is_name_given"]}
    if (_key(line), line["name"]) in looked_up:
        line = {**line, "name": None}
    return DealLine.model_validate(line)


@dataclass
class _Work:
    """A line on its way."""

    given: DealLine
    name: str
    line: Line


class Reckoning:
    """What lines come to for the customer of one deal, in its currency, today."""

    def __init__(
        self,
        tx: Tx,
        deal: Mapping[str, Any],
        before: Deal | None,
        proposal: Proposal | None = None,
    ) -> None:
        self._tx, self._deal, self._before, self._proposal = tx, deal, before, proposal
        self._known = {_key(line): line for line in (before.lines if before else ())}

    async def of(self, given: Sequence[DealLine]) -> dict[str, Any]:
        """The lines as they are stored, with `one_time`, `mrr` and `tcv`."""
        if not given:
            return dict(_NOTHING)
        places = [n for n, line in enumerate(given) if line.is_of_product]
        question = self._question([given[n] for n in places])
        try:
            found = await self._found(question, [given[n] for n in places])
        except Invalid as error:
            raise at_places(error, places) from None
        names = await self._names([given[n] for n in places])
        priced = dict(zip(places, found, strict=True))
        works: dict[int, _Work | Stored] = {}
        faults: list[Fault] = []
        for place, line in enumerate(given):
            name = line.name or names.get(line.variant_id or line.product_id) or ""
            work = self._work(line, name, priced.get(place))
            if isinstance(work, Fault):
                faults.append(replace(work, pointer=f"/lines/{place}"))
            else:
                works[place] = work
        if faults:
            raise Invalid("Nothing says what a line costs.", faults=faults)
        rules = replace(arithmetic_of(self._tx, question), tax_rounding="line", cash_step=None)
        return self._sums(given, [works[n] for n in range(len(given))], rules)

    def _question(self, lines: Sequence[DealLine]) -> PriceQuestion:
        # What stands in it was validated as a part of the deal; there may be no line of a product.
        return PriceQuestion.model_construct(
            lines=[
                PriceLineInput.model_construct(
                    product_id=line.product_id,
                    variant_id=line.variant_id,
                    quantity=line.quantity,
                    unit_id=line.unit_id,
                    discount_percent=None,
                )
                for line in lines
            ],
            currency=self._deal["currency"],
            company_id=self._deal["company_id"],
            date=None,
        )

    async def _found(
        self, question: PriceQuestion, lines: Sequence[DealLine]
    ) -> Sequence[Priced | Invalid | Conflict]:
        if not lines:
            return ()
        known = {n for n, line in enumerate(lines) if _key(line.model_dump()) in self._known}
        same = self._before is not None and self._before.company_id == question.company_id
        kept = Kept(known, same, known)
        return (await PriceService(self._tx, self._proposal).find(question, kept)).lines

    async def _names(self, lines: Sequence[DealLine]) -> dict[UUID | None, str]:
        nameless = [line for line in lines if line.name is None]
        if not nameless:
            return {}
        products = [line.product_id for line in nameless if line.product_id is not None]
        variants = [line.variant_id for line in nameless if line.variant_id is not None]
        known = await sold(self._tx, products, variants, ())
        old = {UUID(key): line["name"] for (key, _), line in self._known.items() if key}
        rows = {**known["products"], **known["variants"]}
        return {**old, **{id: row["name"] for id, row in rows.items()}}

    def _work(
        self, given: DealLine, name: str, found: Priced | Invalid | Conflict | None
    ) -> _Work | Stored | Fault:
        """A line to be reckoned, one that stays as it is, or what is wrong with it."""
        off = given.discount_percent
        discounts = (Discount("manual", percent=off),) if off else ()
        if isinstance(found, Priced):
            own, by_hand = found.line, given.unit_price
            line = replace(
                own,
                unit_price=own.unit_price if by_hand is None else by_hand,
                amount=own.amount if by_hand is None else None,
                discounts=(*own.discounts, *discounts),
            )
            return _Work(given, name, line)
        fault = None if found is None else found.faults[0]
        if given.unit_price is not None and (fault is None or fault.code in _GONE):
            return _Work(given, name, Line(given.quantity, given.unit_price, discounts=discounts))
        assert fault is not None
        same = self._before is not None and self._before.currency == self._deal["currency"]
        old = self._known.get(_key(given.model_dump()))
        # What has no price any more stays as it was.
        if same and old is not None and _as_given(old) == given.model_dump():
            return old
        return fault

    @exactly
    def _sums(
        self, given: Sequence[DealLine], works: Sequence[_Work | Stored], rules: Any
    ) -> dict[str, Any]:
        reckoned = [work for work in works if isinstance(work, _Work)]
        done = iter(calculate(Document(rules, [work.line for work in reckoned])).lines)
        lines: list[Stored] = [
            _stored(work, next(done).net) if isinstance(work, _Work) else work for work in works
        ]
        due = zip((Decimal(line["net"]) for line in lines), given, strict=True)
        found = worth(due, rules.currency)
        for place, line in enumerate(lines):
            if Decimal(line["total"]) >= _MOST:
                raise _too_large(f"/lines/{place}")
        if found["tcv"] >= _MOST:
            raise _too_large("/lines")
        return {"lines": lines, **{name: found[name] for name in ("one_time", "mrr", "tcv")}}


def _stored(work: _Work, net: Decimal) -> dict[str, Any]:
    given, line = work.given, work.line
    return {
        "product_id": _text(given.product_id),
        "variant_id": _text(given.variant_id),
        "name": work.name,
        "is_name_given": given.name is not None,
        "quantity": shown_quantity(given.quantity),
        "unit_id": _text(given.unit_id),
        "unit_price": None if given.unit_price is None else shown_amount(given.unit_price),
        "discount_percent": shown_quantity(given.discount_percent),
        "interval": given.interval,
        "term": given.term,
        "price": shown_amount(line.unit_price),
        "tax_included": line.tax_included,
        "net": shown_amount(net),
        "total": shown_amount(net * times(given)),
    }


def _too_large(pointer: str) -> Invalid:
    return Invalid.at(pointer, "too_large", "The amount has more digits than can be stored.")


def _key(line: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """What a line is of, and by which unit."""
    return _text(line["variant_id"] or line["product_id"]), _text(line["unit_id"])


def _text(id: Any) -> str | None:
    return None if id is None else str(id)
