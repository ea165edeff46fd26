"""What is done with change requests: submitted, applied, rejected; each as one step."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal
from uuid import UUID

from crm_api.domains.orders.changes import ChangeRequestService, unfit
from crm_api.domains.orders.granting import TARGET, not_granted
from crm_api.domains.orders.models import ChangeRequest, ChangeStatus, Order
from crm_api.domains.orders.repository import ChangeRequests
from crm_api.domains.orders.schemas import ChangeDecision
from crm_api.domains.orders.service import OrderService
from crm_api.domains.orders.states import Verb
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.transitions import Way, blocked, need_way, told, way, ways_from
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Fault
from crm_api.kit.money import shown_amount
from crm_api.platform.approvals.asking import ask_all, take_back_all
from crm_api.platform.approvals.standing import standing
from crm_api.platform.approvals.voiding import void_changed

ChangeVerb = Literal["submit", "apply", "reject", "withdraw"]
ChangeCheck = Callable[[Tx, Order, Sequence[Mapping[str, Any]]], Awaitable[Sequence[Fault]]]
"""Takes the order, whose lock is held where it is to change, and the changes of a request."""
ChangeHold = Callable[[Tx, UUID], Awaitable[object]]
"""Takes the id of an order that is about to be locked, and to change."""
ChangeStep = Callable[[Tx, Order, Sequence[Mapping[str, Any]]], Awaitable[None]]
"""Takes the order as a request has made it, and the lines that it had."""


CHANGE_WAYS: Mapping[ChangeVerb, Way[ChangeStatus]] = {
    # Also anew: what it comes to may be another thing by now than what was approved.
    "submit": way("draft approved", "submitted", "submitted"),
    "apply": way("approved", "applied", "applied"),
    "reject": way("submitted approved", "rejected", "rejected"),
    "withdraw": way("draft submitted approved", "withdrawn", "withdrawn"),
}


class ChangeActions:
    """The actions of change requests; whoever acts holds the lock of the order, then its own."""

    checks: ClassVar[list[ChangeCheck]] = []
    """What those above have against changes, such as deliveries; pointers lead into the request."""
    holds: ClassVar[list[ChangeHold]] = []
    """What those above lock before an order, such as its project, so that none wait in a ring."""
    steps: ClassVar[list[ChangeStep]] = []
    """What those above do in the same transaction once a request is applied."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.requests = ChangeRequestService(tx)
        self.orders = OrderService(tx)

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """What may be done with a request where it stands, and what stands in the way of it."""
        self.requests.need("read")
        async with at_one_moment(self.tx) as reader:
            request = await ChangeRequestService(reader).records.get(id)
            (order,) = await OrderService(reader).records.some([request.order_id]) or [None]
            allowed = [
                {
                    "verb": verb,
                    "status": one.after,
                    "blockers": told(await _faults(reader, order, request, verb)),
                }
                for verb, one in ways_from(CHANGE_WAYS, request.status).items()
            ]
        return {"status": request.status, "allowed": allowed}

    async def submit(self, id: UUID, data: ChangeDecision, expected: int | None = None) -> Any:
        """Ask for every approval that policies want; without any it is approved.

        One that is approved is asked for anew, by what the order comes to by now.
        """
        order, current = await self._begun(id, "submit", expected)
        # By the order as it is now, which is what is approved.
        compared = self.requests.compared(order, columns_of(current))[1]
        at = {"status": "submitted", "submitted_at": self.tx.now, "decided_at": None}
        shown = await self.requests.change(current, {**compared, **at}, verb="submitted")
        # What was approved of it as it was would be in the way of asking anew.
        await self.tx.flush()
        await void_changed(self.tx, TARGET, [id])
        # Asked again: by what it comes to now, other policies may want an approval.
        if faults := await not_granted(self.tx, current):
            raise blocked(faults)
        if await ask_all(self.tx, TARGET, id, data.comment):
            values = {"status": "approved", "decided_at": self.tx.now}
            shown = await self.requests.change(current, values, verb="approved")
        return await self.requests.told(shown)

    async def apply(self, id: UUID, expected: int | None = None) -> Any:
        """Have the order be as it says: its next revision, and nothing else changes its sums."""
        order, current = await self._begun(id, "apply", expected)
        found, compared = self.requests.compared(order, columns_of(current))
        revision = order.revision + 1
        values = {
            "lines": found.lines,
            "totals": found.totals,
            **found.values,
            "due_on": current.due_on or order.due_on,
            "revision": revision,
        }
        of = {"change_request_id": str(id)}
        before = order.lines
        await self.orders.change(order, values, verb="changed", told=of)
        for follow in self.steps:
            await follow(self.tx, order, before)
        applied = {"status": "applied", "revision": revision, **compared}
        return await self._moved(current, "apply", applied)

    async def end(
        self, id: UUID, verb: ChangeVerb, data: ChangeDecision, expected: int | None = None
    ) -> Any:
        """Reject or withdraw it, and with it what was asked for and not decided."""
        _, current = await self._begun(id, verb, expected)
        values = {"status": CHANGE_WAYS[verb].after, "decided_at": self.tx.now}
        comment = {"decision_comment": data.comment}
        shown = await self.requests.change(
            current, {**values, **comment}, verb=CHANGE_WAYS[verb].event
        )
        await take_back_all(self.tx, TARGET, id)
        return await self.requests.told(shown)

    async def _begun(
        self, id: UUID, verb: ChangeVerb, expected: int | None
    ) -> tuple[Order, ChangeRequest]:
        """Both, locked, at a state that the action is for, and with nothing in its way."""
        self.requests.need("update")
        order_id = await self.requests.records.order_of(id)
        found = [] if order_id is None else [order_id]
        if order_id is not None and verb == "apply":
            for hold in self.holds:
                await hold(self.tx, order_id)
        (order,) = await self.orders.records.locked(found, everywhere=True) or [None]
        current = await self.requests.locked(id, expected)
        need_way("change_request", CHANGE_WAYS, current.status, verb)
        if faults := await _faults(self.tx, order, current, verb):
            raise blocked(faults)
        assert order is not None
        return order, current

    async def _moved(
        self, current: ChangeRequest, verb: ChangeVerb, values: Mapping[str, Any]
    ) -> Any:
        shown = await self.requests.change(current, values, verb=CHANGE_WAYS[verb].event)
        return await self.requests.told(shown)


async def _faults(
    tx: Tx, order: Order | None, request: ChangeRequest, verb: ChangeVerb
) -> list[Fault]:
    if order is None:
        return [Fault("in_bin", "The order is in the bin.", "/order_id")]
    if verb not in {"submit", "apply"}:
        return []
    found = list(unfit(order, columns_of(request)))
    for ask in ChangeActions.checks:
        found += await ask(tx, order, request.changes)
    if verb == "apply" and not found:
        found += await _not_approved(tx, order, request)
    elif verb == "submit":
        found += await not_granted(tx, request)
    return found


async def _not_approved(tx: Tx, order: Order, request: ChangeRequest) -> list[Fault]:
    """What was approved is what it came to then: other changes may have been applied since."""
    net = ChangeRequestService(tx).compared(order, columns_of(request))[1]["net_change"]
    if net != request.net_change:
        was, now = shown_amount(request.net_change), shown_amount(net)
        message = f"The order has changed: {now} instead of {was} net; submit the request again."
        return [Fault("order_changed", message, "/net_change")]
    missing = [
        need.policy_name
        for need in (await standing(tx, TARGET, request.id)).policies
        if need.status != "approved"
    ]
    if not missing:
        return []
    message = f"It is not approved as things are: {', '.join(missing)}; submit it again."
    return [Fault("approval_needed", message, "/status")]


async def follow_change(tx: Tx, id: UUID) -> None:
    """Have a request stand where its approvals do, in the transaction that moves one of them."""
    requests = ChangeRequestService(tx)
    current = (await requests.records.locked([id], everywhere=True) or [None])[0]
    if current is None or current.status not in {"submitted", "approved"}:
        return
    found = await standing(tx, TARGET, id)
    status: ChangeStatus = "submitted"
    if any(need.status == "rejected" for need in found.policies):
        status = "rejected"
    elif found.is_approved:
        status = "approved"
    at = None if status == "submitted" else tx.now
    await requests.change(current, {"status": status, "decided_at": at}, verb=status)


async def no_pending_changes(tx: Tx, order: Order, verb: Verb) -> Sequence[Fault]:
    """An order is delivered as it was agreed last, so what is asked for is decided first."""
    if verb not in {"fulfil", "close"}:
        return ()
    count = await ChangeRequests(tx).pending(order.id)
    if not count:
        return ()
    return [Fault("change_pending", f"{count} change requests are not decided.", "/status")]
