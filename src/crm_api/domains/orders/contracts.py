"""The rules of contracts."""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.catalogue.repository import LISTING as PRODUCTS
from crm_api.domains.catalogue.repository import VARIANTS
from crm_api.domains.orders.contract_schemas import ContractCreate, ContractUpdate
from crm_api.domains.orders.models import Contract
from crm_api.domains.orders.repository import CONTRACTS_AREA, Contracts
from crm_api.domains.orders.revenue import Running, monthly, revenue
from crm_api.domains.quotes.showing import storable
from crm_api.kit.actor import hidden_field
from crm_api.kit.crud.mentions import absent
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import at_one_moment
from crm_api.kit.errors import Blocked, Fault, Invalid, WrongState
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.rounding import rounded
from crm_api.kit.schema import LATEST

_AGREED = ("lines", "currency", "company_id", "starts_on", "term_months")
_SOLD = {"product_id": PRODUCTS, "variant_id": VARIANTS}
_DERIVED = ("ends_on", "notice_by", "mrr", "arr")
_LAW = "A letter of business, which the law wants kept; erased people are not named by it anew."
_READ = ("customer", "currency", "mrr", "starts_on", "ends_on")


class ContractService(NamedService[Contract]):
    """What falls due again and again; a subscription is a contract."""

    repository = Contracts
    area = CONTRACTS_AREA
    plural = "contracts"
    personal = About(("contact_id",), end="kept", reason=_LAW)
    create_shape = ContractCreate
    update_shape = ContractUpdate
    beside = NamedService.beside | {"tags", "source", "description"}
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "draft",
        "previous_id": None,
        "renewal_mark": None,
        "activated_at": None,
        "ended_at": None,
        "end_comment": None,
    }
    records: Contracts

    async def prepare(self, values: dict[str, Any], current: Contract | None) -> dict[str, Any]:
        """What is agreed stays once it is active; what follows from it is calculated."""
        values = await super().prepare(values, current)
        before = {} if current is None else columns_of(current)
        values |= _lines_of(values, before)
        if "lines" in values:
            await self._need_sold(values["lines"], before.get("lines", ()))
        if current is not None and current.status != "draft":
            changed = [n for n in _AGREED if n in values and values[n] != before[n]]
            if changed:
                message = f"A contract that is {current.status} stays as it was agreed."
                faults = [Fault("contract_active", message, f"/{name}") for name in changed]
                raise WrongState(message, code="contract_active", faults=faults)
        whole = {**before, **values}
        need_term(whole)
        if current is not None and current.status != "draft":
            return {**values, "notice_by": notice_by(whole)}
        return {**values, **worth(whole)}

    async def revenue(self, as_of: date, since: date | None) -> dict[str, Any]:
        """Recurring revenue on a day, and since another; of the contracts that are seen."""
        self.need("read")
        if "mrr" in self.guard.hidden:
            raise hidden_field("contract.mrr", "/mrr")
        if since is not None and since > as_of:
            raise Invalid.at("/since", "after_as_of", "It is not later than `as_of`.")
        async with at_one_moment(self.tx) as reader:
            rows = await Contracts(reader).running()
        running = [Running(**dict(zip(_READ, row, strict=True))) for row in rows]
        return {"as_of": as_of, "since": since, "data": revenue(running, as_of, since)}

    async def _need_sold(
        self, lines: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]
    ) -> None:
        """Products and variants that lines name are there; what was named before may have gone."""
        known = {line[name] for line in before for name in _SOLD}
        new = {
            f"/lines/{place}/{name}": (listing, UUID(line[name]))
            for place, line in enumerate(lines)
            for name, listing in _SOLD.items()
            if line[name] is not None and line[name] not in known
        }
        if faults := await absent(self.tx, new):
            raise Invalid(faults[0].message, faults=faults)

    async def put_back(self, record: Contract, values: dict[str, Any]) -> Any:
        """What an undo takes back is nothing that was agreed."""
        if record.status == "draft":
            return await super().put_back(record, values)
        kept = {*_AGREED, *_DERIVED, *self.begins_with}
        return await super().put_back(record, {n: v for n, v in values.items() if n not in kept})

    async def remove(self, records: Sequence[Contract]) -> None:
        """What runs is cancelled before it goes, and what ran stays."""
        for record in records:
            if record.status != "draft":
                message = f"A contract that is {record.status} is not put in the bin."
                raise Blocked(message, code="contract_active")
        await super().remove(records)


def _lines_of(values: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Lines as they are stored, where they follow from what is set."""
    known = {**before, **values}
    if known["currency"] != before.get("currency", known["currency"]):
        # In another currency what falls due is rounded otherwise.
        is_free = before["status"] == "draft"
        lines = stored_lines(known["lines"], known["currency"])
        return {"lines": lines} if is_free or "lines" in values else {}
    if "lines" not in values:
        return {}
    # What is written back as it was read falls due as it was agreed, to the cent.
    agreed = {_said(line): line for line in before.get("lines", ())}
    lines = stored_lines(values["lines"], known["currency"])
    return {"lines": [agreed.get(_said(line), line) for line in lines]}


def _said(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(value for name, value in sorted(line.items()) if name != "net")


def stored_lines(lines: Sequence[Mapping[str, Any]], currency: str) -> list[dict[str, Any]]:
    """Lines as they are stored, with what falls due in each interval."""
    return [
        {
            **decode(encode({n: line[n] for n in ("name", "product_id", "variant_id")})),
            "quantity": shown_quantity(Decimal(line["quantity"])),
            "unit_price": shown_amount(Decimal(line["unit_price"])),
            "interval": line["interval"],
            "net": shown_amount(
                rounded(Decimal(line["quantity"]) * Decimal(line["unit_price"]), currency)
            ),
        }
        for line in lines
    ]


def need_term(contract: Mapping[str, Any]) -> None:
    """Raise `Invalid` where what has no last day were to go on after it."""
    if contract["auto_renew"] and contract["term_months"] is None:
        raise Invalid.at("/auto_renew", "no_term", "What has no term goes on by itself.")


def worth(contract: Mapping[str, Any]) -> dict[str, Any]:
    """What follows from what was agreed: the last day, and what falls due for a month."""
    mrr = monthly(contract["lines"], contract["currency"])
    values = storable({"mrr": mrr, "arr": mrr * 12}, "/lines")
    months = contract["term_months"]
    ends_on = None if months is None else last_day(contract["starts_on"], months)
    if ends_on is not None and ends_on >= LATEST.date():
        raise Invalid.at("/term_months", "too_long", "It ends before the year 2200.")
    return {**values, "ends_on": ends_on, "notice_by": notice_by({**contract, "ends_on": ends_on})}


def last_day(starts_on: date, months: int) -> date:
    """The last day of so many months from a day on."""
    whole = starts_on.year * 12 + starts_on.month - 1 + months
    year, month = divmod(whole, 12)
    day = min(starts_on.day, monthrange(year, month + 1)[1])
    return date(year, month + 1, day) - timedelta(days=1)


def notice_by(contract: Mapping[str, Any]) -> date | None:
    """By when notice is given, where it has a last day."""
    ends_on = contract["ends_on"]
    return None if ends_on is None else ends_on - timedelta(days=contract["notice_days"])
