"""Projects of orders: by hand, and by themselves with the win of a deal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.deals.winning import Win
from crm_api.domains.orders.models import Order
from crm_api.domains.orders.service import OrderService
from crm_api.domains.orders.states import Verb
from crm_api.domains.projects.promising import promise, quantities
from crm_api.domains.projects.repository import Projects, ProjectTasks, ProjectTemplates
from crm_api.domains.projects.schemas import OrderProject, ProjectCreate
from crm_api.domains.projects.service import ProjectService
from crm_api.domains.projects.states import need_ordered, unbilled
from crm_api.domains.projects.work_repository import Deliverables
from crm_api.kit.crud.plain import values_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, NotFound

_NAMELESS = "Order"


class OrderProjects:
    """Makes the project of an order, of which there is one."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.projects, self.orders = ProjectService(tx), OrderService(tx)

    async def of(self, order_id: UUID) -> Any:
        """The project of an order; raises `NotFound`."""
        self.projects.need("read")
        await self.orders.get(order_id)
        found = await self.projects.records.id_of_order(order_id)
        if found is None:
            raise NotFound(f"The order {order_id} has no project.", code="no_project")
        return await self.projects.get(found)

    async def make(self, order_id: UUID, data: OrderProject) -> tuple[Any, bool]:
        """The project of an order, and whether it is new; the order is locked till the commit."""
        self.projects.need("create")
        self.orders.need("read")
        await self.orders.records.get(order_id)
        (order,) = await self.orders.records.locked([order_id], everywhere=True)
        need_ordered(order.status)
        if (found := await self._found(order_id)) is not None:
            return found, False
        templates = data.template_ids
        if templates is None:
            templates = await self.templates_of(order)
        return await self._made(order, data, templates), True

    async def follow(self, order_id: UUID) -> UUID | None:
        """The project of an order that has just been made, where its products have templates."""
        (order,) = await self.orders.records.locked([order_id], everywhere=True)
        need_ordered(order.status)
        if (found := await self._found(order_id)) is not None:
            return found.id
        templates = await self.templates_of(order)
        if not templates:
            return None
        self.projects.need("create")
        return (await self._made(order, OrderProject.model_validate({}), templates)).id

    async def templates_of(self, order: Order) -> list[UUID]:
        """The templates of its products, in the order of its lines."""
        products = [UUID(line["product_id"]) for line in order.lines if line["product_id"]]
        return await ProjectTemplates(self.tx).of_products(products) if products else []

    async def _found(self, order_id: UUID) -> Any:
        # An order that is new is not there for statements yet.
        await self.tx.flush()
        found = await self.projects.records.of_order(order_id)
        return None if found is None else await self.projects.told(self.projects.shown_of(found))

    async def _made(self, order: Order, data: OrderProject, templates: Sequence[UUID]) -> Any:
        cost, deal_name = await self.projects.records.quoted(order.quote_id)
        body = {
            "name": data.name or order.name or deal_name or order.number or _NAMELESS,
            "company_id": order.company_id,
            "deal_id": order.deal_id,
            "order_id": order.id,
            "currency": order.currency,
            "revenue": order.one_time,
            "cost_budget": cost,
            "starts_on": data.starts_on,
            "template_ids": list(templates),
            "owner_id": order.owner_id,
            "source": "order",
        }
        begun = values_of(ProjectCreate.model_validate(body))
        # What a project must have is not to stop the deal from being won.
        begun["custom"] = self.projects.fields.with_defaults({})
        values = await self.projects.prepare(begun, None)
        shown = await self.projects.told(self.projects.add(values), new=True)
        promise(self.tx, order, shown.id, quantities(order.lines))
        return shown


class ProjectOfOrder:
    """A step of winning a deal: the project of its order."""

    async def blockers(self, win: Win) -> Sequence[Fault]:
        """Nothing."""
        del win
        return ()

    async def follow(self, win: Win) -> None:
        """Make it where an order was made, and the organization has projects at all."""
        order_id = win.made.get("order_id")
        if order_id is None or ProjectService.area in win.tx.actor.closed:
            return
        await win.tx.flush()
        made = await OrderProjects(win.tx).follow(order_id)
        if made is not None:
            win.made["project_id"] = made


async def no_open_billing(tx: Tx, order: Order, verb: Verb) -> Sequence[Fault]:
    """What keeps an order from being closed: milestones whose shares are due and not billed.

    A cancelled order leaves what fell due before as it is, and that is still billed.
    """
    if verb != "close" or ProjectService.area in tx.actor.closed:
        return ()
    project = await Projects(tx).of_order(order.id)
    tasks = [] if project is None else await ProjectTasks(tx).planned(project.id)
    return [replace(fault, pointer="/status") for fault in unbilled(tasks)]


async def keep_lines(tx: Tx, order: Order, lines: Sequence[Mapping[str, Any]]) -> Sequence[Fault]:
    """What lines of a draft would leave less than was delivered of it."""
    delivered = await Deliverables(tx).delivered_of(order.id)
    there = {str(line["id"]): (place, line) for place, line in enumerate(lines)}
    found: list[Fault] = []
    for id, done in delivered.items():
        place, line = there.get(str(id), (None, None))
        if done and (line is None or Decimal(line["quantity"]) < done):
            at = "/lines" if place is None else f"/lines/{place}/quantity"
            found.append(Fault("delivered", "More of it is delivered already.", at))
    return found


async def keep_delivered(
    tx: Tx, order: Order, changes: Sequence[Mapping[str, Any]]
) -> Sequence[Fault]:
    """What of some changes would leave less of a line than was delivered of it.

    Whoever delivers waits for the lock of the order, or has delivered by now.
    """
    delivered = await Deliverables(tx).delivered_of(order.id)
    found: list[Fault] = []
    for place, change in enumerate(changes):
        done = delivered.get(UUID(change["line_id"])) if change["line_id"] else None
        is_removed = change["action"] == "remove"
        if not done or not (is_removed or change["quantity"]):
            continue
        if is_removed or Decimal(change["quantity"]) < done:
            at = f"/changes/{place}/{'line_id' if is_removed else 'quantity'}"
            found.append(Fault("delivered", "More of it is delivered already.", at))
    return found
