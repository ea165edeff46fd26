"""The rules of change requests."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.orders.agreeing import Agreed, agreed, changed, misfits
from crm_api.domains.orders.granting import granted
from crm_api.domains.orders.models import ChangeRequest, Order
from crm_api.domains.orders.repository import AREA, ChangeRequests
from crm_api.domains.orders.schemas import ChangeRequestCreate, ChangeRequestUpdate
from crm_api.domains.orders.service import OrderService, rules_of
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.json import decode, encode
from crm_api.kit.errors import Blocked, Fault, Invalid, WrongState
from crm_api.kit.money import shown_amount, shown_quantity

_SUMS = ("net", "tax", "gross", "one_time", "mrr", "tcv")
_CONTENT = ("changes", "due_on")


class ChangeRequestService(NamedService[ChangeRequest]):
    """What is to be different about orders that were confirmed."""

    repository = ChangeRequests
    area = AREA
    plural = "change_requests"
    personal = Impersonal("What is to be delivered; the order says to whom.")
    create_shape = ChangeRequestCreate
    update_shape = ChangeRequestUpdate
    # The same changes of another order are not what was approved.
    among = frozenset({"net_change"})
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "draft",
        "revision": None,
        "submitted_at": None,
        "decided_at": None,
        "decision_comment": None,
    }
    records: ChangeRequests

    async def prepare(
        self, values: dict[str, Any], current: ChangeRequest | None
    ) -> dict[str, Any]:
        """What it comes to follows from the order as it is now; only a draft is another one."""
        values = await super().prepare(values, current)
        before = {} if current is None else columns_of(current)
        new = [n for n in _CONTENT if n in values and values[n] != before.get(n, values)]
        if current is not None and current.status != "draft" and new:
            message = f"A change request that is {current.status} stays as it is."
            faults = [Fault("change_submitted", message, f"/{name}") for name in new]
            raise WrongState(message, code="change_submitted", faults=faults)
        if current is not None and not new:
            return values
        whole = {**before, **values}
        order = await self._order(whole["order_id"])
        if "changes" in values:
            values["changes"] = await self._stored(order, values["changes"], before)
        whole = {**before, **values}
        if faults := list(misfits(order.lines, whole["changes"])):
            raise Invalid("A change does not fit the order.", faults=faults)
        return {**values, **self.compared(order, whole)[1]}

    async def _order(self, id: UUID) -> Order:
        (found,) = await OrderService(self.tx).records.some([id]) or [None]
        if found is None:
            raise Invalid.at("/order_id", "unknown_reference", "There is no such order.")
        return found

    async def _stored(
        self, order: Order, changes: Sequence[Mapping[str, Any]], before: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Changes with what is added calculated, and what is given by hand, as they are stored."""
        del before
        added = [(n, one["line"]) for n, one in enumerate(changes) if one["action"] == "add"]
        orders, known = OrderService(self.tx), columns_of(order)
        places = [place for place, _ in added]
        lines: dict[int, dict[str, Any]] = {}
        if added:
            try:
                found = await orders.lines_of(known, [line for _, line in added])
            except Invalid as error:
                raise _at_changes(error, places) from None
            calculated = agreed(found, rules_of(self.tx, known)).lines
            lines = dict(zip(places, calculated, strict=True))
        given = await granted(self.tx, order, changes)
        return decode(
            encode(
                [
                    {
                        **one,
                        "manual_percent": None,
                        "below_floor": None,
                        **given.get(place, {}),
                        "quantity": one["quantity"] and shown_quantity(one["quantity"]),
                        "unit_price": _money(one["unit_price"]),
                        "line": lines.get(place),
                    }
                    for place, one in enumerate(changes)
                ]
            )
        )

    def compared(self, order: Order, request: Mapping[str, Any]) -> tuple[Agreed, dict[str, Any]]:
        """The order with some changes that fit, and what is told of both."""
        known = columns_of(order)
        rules = rules_of(self.tx, known)
        found = agreed(changed(order.lines, request["changes"], rules), rules)
        due_on = request["due_on"] or order.due_on
        return found, {
            "before": _sums(known, order.revision, order.due_on),
            "after": _sums(found.values, order.revision + 1, due_on),
            "net_change": found.values["net"] - order.net,
        }

    async def put_back(self, record: ChangeRequest, values: dict[str, Any]) -> Any:
        """What an undo takes back is nothing that was decided."""
        if record.status == "draft":
            return await super().put_back(record, values)
        kept = {*_CONTENT, "before", "after", "net_change", *self.begins_with}
        return await super().put_back(record, {n: v for n, v in values.items() if n not in kept})

    async def remove(self, records: Sequence[ChangeRequest]) -> None:
        """What made a revision of an order stays, and what is asked for is withdrawn first."""
        for record in records:
            if record.status in {"submitted", "approved", "applied"}:
                message = f"A change request that is {record.status} stays."
                raise Blocked(message, code="change_submitted")
        await super().remove(records)


def _at_changes(error: Invalid, places: Sequence[int]) -> Invalid:
    """The same mistakes of lines that are added, where the changes that add them stand."""
    faults: list[Fault] = []
    for fault in error.faults:
        _, part, *rest = *(fault.pointer or "").split("/"), ""
        pointer = fault.pointer
        if part == "lines" and rest[0].isdigit():
            place, *below = rest[:-1]
            pointer = "/".join(["/changes", str(places[int(place)]), "line", *below])
        faults.append(Fault(fault.code, fault.message, pointer))
    return Invalid(error.detail, code=error.own_code, faults=faults)


def _sums(values: Mapping[str, Any], revision: int, due_on: Any) -> dict[str, Any]:
    shown = {name: shown_amount(values[name]) for name in _SUMS}
    due = None if due_on is None else due_on.isoformat()
    return {"revision": revision, **shown, "due_on": due}


def _money(value: Any) -> str | None:
    return None if value is None else shown_amount(value)


def unfit(order: Order, request: Mapping[str, Any]) -> Iterable[Fault]:
    """What stands in the way of a request, as its order is now."""
    if order.status not in {"confirmed", "in_fulfilment"}:
        message = f"The order is {order.status}."
        yield Fault("order_not_open", message, "/order_id")
    if not request["changes"] and request["due_on"] in {None, order.due_on}:
        yield Fault("empty", "Nothing would be different.", "/changes")
    yield from misfits(order.lines, request["changes"])
