"""Where an order may go from where it stands, and what stands in the way."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import ClassVar, Literal

from crm_api.domains.orders.models import Order, OrderStatus
from crm_api.domains.quotes.permitting import by_pointer, given_away, not_approved
from crm_api.kit.crud.transitions import Way, way
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault
from crm_api.platform.approvals.standing import standing

Verb = Literal["confirm", "start", "fulfil", "close", "cancel"]


WAYS: Mapping[Verb, Way[OrderStatus]] = {
    "confirm": way("draft", "confirmed", "confirmed"),
    "start": way("confirmed", "in_fulfilment", "started"),
    "fulfil": way("in_fulfilment", "fulfilled", "fulfilled"),
    "close": way("fulfilled", "closed", "closed"),
    "cancel": way("draft confirmed in_fulfilment", "cancelled", "cancelled"),
}
Check = Callable[[Tx, Order, Verb], Awaitable[Sequence[Fault]]]


class Blockers:
    """What stands in the way of the actions of one order, as things are in this transaction."""

    checks: ClassVar[list[Check]] = []
    """What those above have against an action, such as billing that is open."""

    def __init__(self, tx: Tx, order: Order) -> None:
        self._tx, self._order = tx, order

    async def of(self, verb: Verb) -> list[Fault]:
        """Empty where it may be done."""
        found: list[Fault] = []
        if verb == "confirm":
            found += _of_confirming(self._order)
            if self._order.quote_version_id is None:
                # What a customer accepted was asked about when it was sent.
                found += await self._of_approvals()
        elif verb == "start":
            found += _of_handover(self._order)
        return [*found, *[fault for ask in self.checks for fault in await self._of(ask, verb)]]

    async def _of_approvals(self) -> list[Fault]:
        found = await standing(self._tx, "order", self._order.id)
        given = await given_away(self._tx, found, by_pointer(self._order.lines))
        return [*not_approved(found), *given]

    async def _of(self, ask: Check, verb: Verb) -> Sequence[Fault]:
        return await ask(self._tx, self._order, verb)


def _of_confirming(order: Order) -> Iterable[Fault]:
    if not any(line["kind"] != "text" for line in order.lines):
        yield Fault("empty", "It has no lines.", "/lines")
    if order.company_id is None and order.contact_id is None:
        yield Fault("customer_needed", "It is of nobody.", "/company_id")


def _of_handover(order: Order) -> Iterable[Fault]:
    for place, item in enumerate(order.handover):
        if item["is_required"] and item["done_at"] is None:
            yield Fault(
                "not_handed_over", f"It is not done: {item['title']}.", f"/handover/{place}"
            )
