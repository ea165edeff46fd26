"""The rules of orders."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.orders.agreeing import agreed
from crm_api.domains.orders.models import Order
from crm_api.domains.orders.repository import AREA, VALUES, Orders
from crm_api.domains.orders.schemas import LINE, OrderCreate, OrderUpdate
from crm_api.domains.orders.settings import settings_of
from crm_api.domains.prices.asking import PriceQuestion
from crm_api.domains.prices.settings import arithmetic_of, tax_rounding_of
from crm_api.domains.quotes.before import Before, counted_in
from crm_api.domains.quotes.lines import SoldLine
from crm_api.domains.quotes.pricing import NEW, QuotePricing
from crm_api.domains.quotes.schemas import QuoteContent
from crm_api.domains.quotes.service import QuoteService, with_ids
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked, Fault, Invalid, WrongState
from crm_api.kit.pricing.documents import Arithmetic
from crm_api.kit.values.names import sort_key

SUMS = frozenset({"lines", "totals", *VALUES})
FROZEN = SUMS | {"lines", "currency", "tax_rounding", "company_id", "quote_id", "due_on"}
"""What changes by change requests alone once an order is confirmed."""
_AGREED = FROZEN - {"due_on"}
CutCheck = Callable[[Tx, Order, Sequence[Mapping[str, Any]]], Awaitable[Sequence[Fault]]]
"""Takes an order, whose lock is held, and the lines that it is to have."""
_PRICED = frozenset({"lines", "currency", "tax_rounding"})
_LAW = "A letter of business, which the law wants kept; erased people are not named by it anew."


class OrderService(CrudService[Order]):
    """What was agreed with customers, and how far it is delivered."""

    repository = Orders
    area = AREA
    plural = "orders"
    personal = About(("contact_id",), end="kept", reason=_LAW)
    create_shape = OrderCreate
    update_shape = OrderUpdate
    beside = CrudService.beside | {"tags", "source", "description", "promises", "handover"}
    begins_with: ClassVar[Mapping[str, Any]] = {
        "number": None,
        "revision": 1,
        "status": "draft",
        "quote_version_id": None,
        "confirmed_at": None,
        "fulfilled_at": None,
        "closed_at": None,
        "end_comment": None,
    }
    cuts: ClassVar[list[CutCheck]] = []
    """What those above have against other lines of a draft, such as deliveries."""
    records: Orders

    @classmethod
    def derive(cls, values: dict[str, Any], current: Order | None) -> dict[str, Any]:
        """The sort key follows the name, where there is one."""
        if "name" in values:
            values["sort_name"] = None if values["name"] is None else sort_key(values["name"])
        if values.get("handover") is not None:
            before = () if current is None else current.handover
            values["handover"] = begun(values["handover"], before)
        elif "handover" in values and current is not None:
            values["handover"] = []
        return values

    async def prepare(self, values: dict[str, Any], current: Order | None) -> dict[str, Any]:
        """What is agreed is calculated anew while it is a draft by hand; else it stays."""
        values = await super().prepare(values, current)
        before = {} if current is None else columns_of(current)
        await QuoteService(self.tx).check_deal(values, before)
        await self._check_quote(values, before)
        if "tax_rounding" in values and values["tax_rounding"] is None:
            values["tax_rounding"] = tax_rounding_of(self.tx)
        if current is None:
            if values["handover"] is None:
                template = settings_of(self.tx).model_dump()["handover"]
                values["handover"] = begun(template, ())
            return {**values, **await self._priced(values, values["lines"])}
        if "lines" in values:
            values = _with_lines(values, current)
        changed = [n for n, v in values.items() if n in FROZEN and v != before[n]]
        _need_free(current, changed)
        if _PRICED.isdisjoint(changed):
            return values
        lines = values.get("lines", current.lines)
        if "lines" in changed:
            await self._check_cut(current, lines)
        kept = Before(counted=counted_in(current.lines))
        return {**values, **await self._priced({**before, **values}, lines, kept)}

    async def _check_cut(self, current: Order, lines: Sequence[Mapping[str, Any]]) -> None:
        """Raises `WrongState` where something else needs more than would be left."""
        found = [fault for ask in self.cuts for fault in await ask(self.tx, current, lines)]
        if found:
            message = " ".join(fault.message for fault in found[:5])
            raise WrongState(message, code="delivered", faults=found)

    async def _check_quote(self, values: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        """Raises `Invalid` for a quote that no order by hand goes back to."""
        quote_id = values.get("quote_id")
        if quote_id is None or quote_id == before.get("quote_id"):
            return
        found = await self.records.quote_named(quote_id)
        if found is None:
            raise Invalid.at("/quote_id", "unknown_reference", "There is no such quote.")
        status, its_company = found
        if status == "accepted":
            message = "An accepted quote is ordered by POST /v1/quotes/{id}/order."
            raise Invalid.at("/quote_id", "quote_accepted", message)
        if its_company not in {None, {**before, **values}["company_id"]}:
            raise Invalid.at("/quote_id", "other_company", "The quote is of another company.")

    async def _priced(
        self,
        order: Mapping[str, Any],
        lines: Sequence[Mapping[str, Any]],
        before: Before = NEW,
    ) -> dict[str, Any]:
        found = agreed(await self.lines_of(order, lines, before), rules_of(self.tx, order))
        return {"lines": found.lines, "totals": found.totals, **found.values}

    async def lines_of(
        self,
        order: Mapping[str, Any],
        lines: Sequence[Mapping[str, Any]],
        before: Before = NEW,
    ) -> list[dict[str, Any]]:
        """Lines with their prices, taxes and texts; raises `Invalid`."""
        own = [given_of(line) for line in lines]
        names = ("company_id", "contact_id", "currency", "tax_rounding")
        content = QuoteContent.model_validate({**{n: order[n] for n in names}, "lines": own})
        shown = await QuotePricing(self.tx).calculate(content, before)
        wrong = [one for one in shown["warnings"] if one["blocks"]]
        faults = [Fault(one["code"], one["message"], one["pointer"]) for one in wrong]
        if faults:
            raise Invalid("An order has lines whose prices are known.", faults=faults)
        return [line_of(line) for line in shown["lines"]]

    async def put_back(self, record: Order, values: dict[str, Any]) -> Any:
        """What an undo takes back is nothing that was agreed."""
        if record.status == "draft" and record.quote_version_id is None:
            return await super().put_back(record, values)
        kept = FROZEN | self.begins_with.keys()
        return await super().put_back(record, {n: v for n, v in values.items() if n not in kept})

    async def remove(self, records: Sequence[Order]) -> None:
        """What is agreed is cancelled before it goes."""
        for record in records:
            if record.status not in {"draft", "cancelled"}:
                message = f"An order that is {record.status} is cancelled first."
                raise Blocked(message, code="order_confirmed")
        await super().remove(records)

    async def check_purge(self, current: Order) -> None:
        """A number that was given stays taken."""
        if current.number is not None:
            message = "An order that was confirmed has a number, which would be missing."
            raise Blocked(message, code="numbered")
        await super().check_purge(current)


def line_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a quote as one that was agreed."""
    own = {name: line.get(name) for name in LINE}
    return {**own, "components": own["components"] or [], "price": line["price"] or "0.00"}


def given_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """What was given of a line; what it had no room for when it was stored is left out."""
    return {n: value for n in SoldLine.model_fields if (value := line.get(n)) is not None}


def begun(
    items: Iterable[Mapping[str, Any]], before: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """A checklist, of which that is done which was."""
    done = {one["key"]: one for one in before}
    nothing = {"done_at": None, "done_by": None}
    return [
        {**item, **{name: done.get(item["key"], nothing)[name] for name in nothing}}
        for item in items
    ]


def rules_of(tx: Tx, order: Mapping[str, Any]) -> Arithmetic:
    """How an order is rounded."""
    question = PriceQuestion.model_construct(
        currency=order["currency"],
        rounding=None,
        tax_rounding=order["tax_rounding"],
        cash_step=None,
        _fields_set={"cash_step"},
    )
    return arithmetic_of(tx, question)


def _with_lines(values: dict[str, Any], current: Order) -> dict[str, Any]:
    """The same with the ids that lines had; what was agreed may be written back as it was read."""
    lines = with_ids(values["lines"], current.lines)
    if current.status != "draft" or current.quote_version_id is not None:
        same = len(lines) == len(current.lines) and all(
            _is_same(line, old) for line, old in zip(lines, current.lines, strict=True)
        )
        if same:
            return {name: value for name, value in values.items() if name != "lines"}
    return {**values, "lines": lines}


def _is_same(line: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether a line says nothing that is not so; what it leaves out stays."""
    known = SoldLine.model_validate(given_of(old)).model_dump()
    said = {name: value for name, value in line.items() if value not in (None, [])}
    return all(said[name] == known[name] for name in said)


def _need_free(current: Order, changed: Sequence[str]) -> None:
    """Raises `WrongState` where what was agreed would change."""
    if not changed:
        return
    if current.status != "draft":
        code, frozen = "order_confirmed", changed
        way = "make a change request (POST /v1/change-requests)"
        message = f"An order that is {current.status} stays as it was agreed: {way}."
    elif current.quote_version_id is not None:
        code, message = "order_agreed", "It is what the customer accepted: its quote says so."
        frozen = [name for name in changed if name in _AGREED]
    else:
        return
    if frozen:
        faults = [Fault(code, message, f"/{name}") for name in sorted(frozen)]
        raise WrongState(message, code=code, faults=faults)


def not_accepted(id: UUID, status: str) -> WrongState:
    """The error for a quote that nobody has accepted."""
    message = f"The quote {id} is {status}: an order is made of an accepted one."
    return WrongState(message, code="not_accepted", details={"quote_status": status})
