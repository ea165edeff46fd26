"""What a project promises of its order: what was sold once, line by line."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.orders.models import Order
from crm_api.domains.projects.delivering import DeliverableService
from crm_api.domains.projects.repository import Projects
from crm_api.domains.projects.states import CLOSED
from crm_api.domains.projects.work_repository import Deliverables
from crm_api.domains.projects.work_schemas import DeliverableCreate
from crm_api.kit.crud.plain import values_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.money import shown_quantity

_NOTHING = Decimal(0)


def quantities(lines: Sequence[Mapping[str, Any]]) -> dict[UUID, Decimal]:
    """How much of which lines is to be delivered; texts and what recurs are not."""
    return {
        UUID(line["id"]): Decimal(line["quantity"])
        for line in lines
        if line["kind"] != "text" and line["interval"] is None
    }


def promise(tx: Tx, order: Order, project_id: UUID, wanted: Mapping[UUID, Decimal]) -> None:
    """A deliverable for each line of which something is wanted."""
    service = DeliverableService(tx)
    for line in order.lines:
        quantity = wanted.get(UUID(line["id"]), _NOTHING)
        if quantity <= 0:
            continue
        body = {
            "name": line["name"][:200],
            "project_id": project_id,
            "line_id": line["id"],
            "quantity": shown_quantity(quantity),
        }
        values = values_of(DeliverableCreate.model_validate(body))
        values["due_on"] = order.due_on
        values["custom"] = service.fields.with_defaults({})
        service.add({**service.normalise(values, None, None), **service.begins_with})


async def hold_project(tx: Tx, order_id: UUID) -> None:
    """Lock the project of an order, as whoever delivers does before the order."""
    await Projects(tx).of_order(order_id, lock=True)


async def promise_more(tx: Tx, order: Order, before: Sequence[Mapping[str, Any]]) -> None:
    """What a change of an order added to it is promised as well, unless it is by now.

    What is promised stays as it is, since it may be delivered and accepted: of a line that grew
    the rest is a deliverable of its own. A project that is closed promises nothing any more.
    """
    if DeliverableService.area in tx.actor.closed:
        return
    project = await Projects(tx).of_order(order.id, lock=True)
    if project is None or project.status in CLOSED:
        return
    had, promised = quantities(before), await Deliverables(tx).promised(project.id)
    wanted = {
        id: whole - max(had.get(id, _NOTHING), promised.get(id, _NOTHING))
        for id, whole in quantities(order.lines).items()
    }
    promise(tx, order, project.id, wanted)
