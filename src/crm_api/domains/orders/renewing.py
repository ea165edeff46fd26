"""What is done with contracts: made of orders, begun, renewed, ended; each as one step."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal
from uuid import UUID

from crm_api.domains.deals.schemas import DealCreate
from crm_api.domains.deals.service import DealService
from crm_api.domains.deals.winning import Win
from crm_api.domains.orders.contract_schemas import ContractEnd, ContractOfOrder
from crm_api.domains.orders.contracts import ContractService, stored_lines, worth
from crm_api.domains.orders.models import Contract, ContractStatus, Order
from crm_api.domains.orders.repository import CONTRACTS_AREA, Orders
from crm_api.domains.orders.service import OrderService
from crm_api.domains.orders.settings import settings_of
from crm_api.domains.quotes.showing import storable
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.plain import columns_of, values_of
from crm_api.kit.crud.transitions import Way, blocked, need_way, told, way, ways_from
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid, WrongState
from crm_api.kit.pricing.recurring import MONTHS

ContractVerb = Literal["activate", "renew", "cancel"]
CONTRACT_WAYS: Mapping[ContractVerb, Way[ContractStatus]] = {
    "activate": way("draft", "active", "activated"),
    "renew": way("active", "active", "renewal_begun"),
    "cancel": way("draft active", "cancelled", "cancelled"),
}
_TERMS = (
    *("name", "kind", "company_id", "contact_id", "order_id", "currency", "term_months"),
    *("auto_renew", "notice_days", "tags", "source", "description", "owner_id"),
)
_YEAR = 12


class ContractActions:
    """The actions of contracts; whoever acts holds the lock of the contract, so that one does."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.contracts = ContractService(tx)

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """What may be done with a contract where it stands, and what stands in the way of it."""
        self.contracts.need("read")
        shown = await self.contracts.get(id)
        allowed = [
            {"verb": verb, "status": one.after, "blockers": told(_faults(shown, verb))}
            for verb, one in ways_from(CONTRACT_WAYS, shown.status).items()
        ]
        return {"status": shown.status, "allowed": allowed}

    async def make(self, order_id: UUID, data: ContractOfOrder) -> tuple[Any, bool]:
        """The contract of what recurs in an order, a draft, and whether it is new."""
        self.contracts.need("create")
        orders = OrderService(self.tx)
        orders.need("read")
        # Locked: of two requests at once one makes it.
        order = await orders.records.get(order_id, lock=True)
        if order.status in {"draft", "cancelled"}:
            message = f"The order is {order.status}: a contract is of one that is confirmed."
            raise WrongState(message, code="order_not_open")
        found = await self.contracts.records.of_order(order_id)
        if found is not None:
            return await self.contracts.told(self.contracts.shown_of(found)), False
        lines = recurring(order)
        if not lines:
            message = "Nothing of the order falls due again."
            raise WrongState(message, code="nothing_recurs")
        values = {
            **self.contracts.begins_with,
            **data.model_dump(),
            "name": data.name or order.name or order.number or "",
            "term_months": data.term_months or _term_of(order),
            "starts_on": data.starts_on or today_of(self.tx),
            **{n: getattr(order, n) for n in ("company_id", "contact_id", "currency", "owner_id")},
            "order_id": order_id,
            "renewal_deal_id": None,
            "lines": lines,
            "tags": [],
            "source": "order",
            "description": None,
            "external_ids": {},
            "custom": self.contracts.fields.with_defaults({}),
        }
        if values["auto_renew"] and values["term_months"] is None:
            raise Invalid.at("/auto_renew", "no_term", "What has no term goes on by itself.")
        values = self.contracts.derive({**values, **worth(values)}, None)
        return await self.contracts.told(self.contracts.add(values), new=True), True

    async def activate(self, id: UUID, expected: int | None = None) -> Any:
        """Have it run; from here on it stays as it was agreed."""
        current = await self._begun(id, "activate", expected)
        values = {"status": "active", "activated_at": self.tx.now}
        return await self.contracts.told(
            await self.contracts.change(current, values, verb="activated")
        )

    async def renew(self, id: UUID, expected: int | None = None) -> Any:
        """Have a deal that is to renew it: one for each term, however often it is asked for."""
        current = await self._begun(id, "renew", expected)
        return await self.contracts.told(await self.with_deal(current))

    async def with_deal(self, current: Contract) -> Any:
        """The same for one that is locked; a deal that is in the bin by now counts no more."""
        deal_id = current.renewal_deal_id
        # Also one that the actor does not see: a second one would take its place.
        if deal_id is not None and await self.contracts.records.deal_status(deal_id):
            return self.contracts.shown_of(current)
        amount = current.mrr * (current.term_months or _YEAR)
        closes_on = current.ends_on or today_of(self.tx)
        values = {
            "name": f"Renewal: {current.name}"[:200],
            "company_id": current.company_id,
            "contact_id": current.contact_id,
            **storable({"amount": amount}, "/lines"),
            "currency": current.currency,
            "closes_on": closes_on,
            "next_step": "Renewal",
            "next_step_on": closes_on,
            "source": "renewal",
            "owner_id": current.owner_id,
        }
        deals = DealService(self.tx)
        deals.need("create")
        begun = values_of(DealCreate.model_validate(values))
        # What a deal must have is not to stop it from being made in the background.
        begun["custom"] = deals.fields.with_defaults({})
        made = deals.add({**await deals.prepare(begun, None), **deals.begins_with})
        return await self.contracts.change(
            current, {"renewal_deal_id": made.id}, verb="renewal_begun"
        )

    async def cancel(self, id: UUID, data: ContractEnd, expected: int | None = None) -> Any:
        """End it on a day; up to that it counts."""
        current = await self._begun(id, "cancel", expected)
        ends_on = data.ends_on or today_of(self.tx)
        if current.ends_on is not None and ends_on > current.ends_on:
            raise Invalid.at("/ends_on", "after_end", "It is over before that.")
        values = {
            "status": "cancelled",
            "ends_on": ends_on,
            "ended_at": self.tx.now,
            "end_comment": data.comment,
        }
        return await self.contracts.told(
            await self.contracts.change(current, values, verb="cancelled")
        )

    async def end(self, current: Contract) -> None:
        """Have it run out by its last day, since something else goes on."""
        ended: dict[str, Any] = {"status": "renewed", "ended_at": self.tx.now}
        if current.ends_on is None:
            ended["ends_on"] = max(today_of(self.tx), current.starts_on)
        await self.contracts.change(current, ended, verb="renewed")

    async def succeed(self, current: Contract, agreed: Mapping[str, Any]) -> Any:
        """Have the next term follow, as a contract of its own that begins the day after.

        `agreed` is what was agreed anew; all else stays.
        """
        last = current.ends_on or max(today_of(self.tx), current.starts_on)
        await self.end(current)
        known = columns_of(current)
        values: dict[str, Any] = {
            **self.contracts.begins_with,
            **{name: known[name] for name in _TERMS},
            "custom": self.contracts.custom_of(current),
            "lines": current.lines,
            "renewal_deal_id": None,
            **agreed,
            "previous_id": current.id,
            "external_ids": {},
            "starts_on": last + timedelta(days=1),
            "status": "active",
            "activated_at": self.tx.now,
        }
        return self.contracts.add(self.contracts.derive({**values, **worth(values)}, None))

    async def _begun(self, id: UUID, verb: ContractVerb, expected: int | None) -> Contract:
        self.contracts.need("update")
        current = await self.contracts.locked(id, expected)
        need_way("contract", CONTRACT_WAYS, current.status, verb)
        if faults := _faults(current, verb):
            raise blocked(faults)
        return current


class RenewalOfContract:
    """A deal that was to renew a contract is won: the next term follows, in one transaction."""

    async def blockers(self, win: Win) -> Sequence[Fault]:
        """Nothing stands in its way."""
        del win
        return ()

    async def follow(self, win: Win) -> None:
        """By the recurring lines of the new order; without any by what it was.

        Of several contracts those lines are all that goes on: they follow the one that ends last.
        """
        if CONTRACTS_AREA in win.tx.actor.closed:
            return
        actions = ContractActions(win.tx)
        order = await _made(win)
        found = await _renewed(actions.contracts, win.deal.id)
        agreed = {} if order is None else _agreed(order)
        if "lines" in agreed:
            found.sort(key=lambda one: (one.ends_on or date.max, one.id))
        for current in found:
            if "lines" in agreed and current is not found[-1]:
                await actions.end(current)
            else:
                await actions.succeed(current, agreed)


async def _renewed(contracts: ContractService, deal_id: UUID) -> list[Contract]:
    """The contracts that a deal is to renew, locked.

    Asked again once they are: meanwhile the term of one may have been followed by the next one,
    which that deal renews then.
    """
    ids: set[UUID] = set()
    while more := set(await contracts.records.renewed_by(deal_id)) - ids:
        ids |= more
        await contracts.records.locked(sorted(more), everywhere=True)
    found = await contracts.records.locked(sorted(ids), everywhere=True)
    return [one for one in found if one.status in {"active", "ended"}]


def _agreed(order: Order) -> dict[str, Any]:
    """What an order says of the contracts that are renewed by it."""
    lines = recurring(order)
    if not lines:
        return {"order_id": order.id}
    term = _term_of(order)
    terms = {} if term is None else {"term_months": term}
    return {"order_id": order.id, "lines": lines, "currency": order.currency, **terms}


async def _made(win: Win) -> Order | None:
    if (order_id := win.made.get("order_id")) is None:
        return None
    query = Orders(win.tx).select_all().where(Order.id == order_id)
    return (await win.tx.run(query)).scalar_one()


async def move_on(service: ContractService, contract: Contract, today: date) -> None:
    """Tell that a contract ends soon, with the deal that is to renew it; or end it, which is over."""
    if contract.status != "active" or contract.ends_on is None:
        return
    actions, left = ContractActions(service.tx), (contract.ends_on - today).days
    if left < 0:
        if contract.auto_renew:
            # Waiting for a deal that is open would tell of churn meanwhile, although the contract
            # goes on as it was agreed; what is won later follows the term that has begun.
            deal_id = contract.renewal_deal_id
            is_open = deal_id and await service.records.deal_status(deal_id) == "open"
            await actions.succeed(contract, {"renewal_deal_id": deal_id if is_open else None})
        else:
            values = {"status": "ended", "ended_at": service.tx.now}
            await service.change(contract, values, verb="ended")
        return
    mark = min(
        (days for days in settings_of(service.tx).renewal_days if days >= left), default=None
    )
    if mark is None or (contract.renewal_mark is not None and contract.renewal_mark <= mark):
        return
    if not contract.auto_renew:
        await actions.with_deal(contract)
    await service.change(
        contract, {"renewal_mark": mark}, verb="renewal_due", told={"days_left": left}
    )


def recurring(order: Order) -> list[dict[str, Any]]:
    """What of an order falls due again and again, as lines of a contract."""
    found: list[dict[str, Any]] = []
    for line in order.lines:
        if line["interval"] is None or line["kind"] == "text":
            continue
        (stored,) = stored_lines([{**line, "unit_price": line["unit_net"]}], order.currency)
        # To the cent what was agreed, whatever one unit of it comes to.
        found.append({**stored, "net": line["net"]})
    return found


def _term_of(order: Order) -> int | None:
    """The term that all recurring lines have, in months."""
    terms = {
        None if line["term"] is None else line["term"] * MONTHS[line["interval"]]
        for line in order.lines
        if line["interval"] is not None
    }
    return terms.pop() if len(terms) == 1 else None


def _faults(contract: Any, verb: ContractVerb) -> list[Fault]:
    if verb != "activate":
        return []
    found: list[Fault] = []
    if not contract.lines:
        found.append(Fault("empty", "It has no lines.", "/lines"))
    if contract.company_id is None and contract.contact_id is None:
        found.append(Fault("customer_needed", "It is of nobody.", "/company_id"))
    return found
