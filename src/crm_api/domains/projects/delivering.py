"""The rules of deliverables, each of which is written under the lock of its project."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.projects.models import Deliverable, Project
from crm_api.domains.projects.repository import Projects
from crm_api.domains.projects.states import need_open, need_ordered
from crm_api.domains.projects.work_repository import Deliverables
from crm_api.domains.projects.work_schemas import (
    Acceptance,
    DeliverableCreate,
    DeliverableUpdate,
    Delivery,
    Rejection,
)
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.transitions import not_for
from crm_api.kit.errors import Blocked, Conflict, Fault, Invalid, WrongState
from crm_api.kit.money import shown_quantity

_VERBS: Mapping[str, Sequence[str]] = {
    "draft": ("submit",),
    "submitted": ("accept", "reject"),
    "rejected": ("submit",),
    "accepted": (),
}


class DeliverableService(NamedService[Deliverable]):
    """What was promised of projects, and what became of it."""

    repository = Deliverables
    area = "projects"
    plural = "deliverables"
    personal = Impersonal("What a company gets.")
    create_shape = DeliverableCreate
    update_shape = DeliverableUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "draft",
        "delivered_quantity": Decimal(0),
        "delivered_on": None,
        "decided_at": None,
        "decided_by": None,
        "rejection_reasons": [],
    }
    records: Deliverables

    async def prepare(self, values: dict[str, Any], current: Deliverable | None) -> dict[str, Any]:
        """It belongs to a project that is open, and to a milestone of it."""
        values = await super().prepare(values, current)
        project_id = values["project_id"] if current is None else current.project_id
        await self.project(project_id)
        if current is None and values["quantity"] is None:
            values["quantity"] = Decimal(1)
        if current is not None and current.status == "accepted":
            fixed = {"quantity", "line_id", "milestone_id", "is_mandatory"} & values.keys()
            if any(values[name] != getattr(current, name) for name in fixed):
                raise WrongState("What was accepted stays as it is.", code="accepted")
        line_id = values.get("line_id")
        if line_id is not None:
            delivered = Decimal(0) if current is None else _counted(current)
            id = None if current is None else current.id
            await self._check_ordered(project_id, line_id, id, delivered)
        milestone_id = values.get("milestone_id")
        if milestone_id is not None:
            found = await self.records.milestone(milestone_id, project_id)
            if found is None or found["accepted_at"] is not None:
                message = "The project has no such milestone that is open."
                raise Invalid.at("/milestone_id", "unknown_reference", message)
        return values

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take one out of the bin, where what was delivered of it is still within the order."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None:
            await self.project(current.project_id)
            if current.line_id is not None:
                counted = _counted(current)
                await self._check_ordered(current.project_id, current.line_id, id, counted)
        return await super().restore(id, expected_version=expected_version)

    async def put_back(self, record: Deliverable, values: dict[str, Any]) -> Any:
        """What an undo takes back goes by the same rules, and nothing that was done is undone."""
        kept = self.update_shape.model_fields.keys()
        return await self.apply(record, {n: v for n, v in values.items() if n in kept})

    async def remove(self, records: Sequence[Deliverable]) -> None:
        """What was accepted stays, and all of a project that is closed."""
        for id in sorted({record.project_id for record in records}):
            await self.project(id)
        if any(record.status == "accepted" for record in records):
            raise Blocked("What was accepted stays.", code="accepted")
        await super().remove(records)

    async def project(self, id: UUID) -> Project:
        """An open project, locked; raises `Invalid`, `WrongState`."""
        found = await Projects(self.tx).locked([id], everywhere=True)
        if not found:
            raise Invalid.at("/project_id", "unknown_reference", "There is no such project.")
        need_open(found[0])
        return found[0]

    async def submit(self, id: UUID, data: Delivery, expected: int | None = None) -> Any:
        """Hand it over, to be accepted; no more of a line than was ordered."""
        current = await self._begun(id, "submit", expected)
        quantity = current.quantity if data.quantity is None else data.quantity
        if current.line_id is not None:
            await self._check_ordered(current.project_id, current.line_id, id, quantity)
        values: dict[str, Any] = {
            "status": "submitted",
            "delivered_quantity": quantity,
            "delivered_on": data.delivered_on or today_of(self.tx),
            "decided_at": None,
            "decided_by": None,
            "rejection_reasons": [],
        }
        return await self.told(await self.change(current, values, verb="submitted"))

    async def accept(self, id: UUID, data: Acceptance, expected: int | None = None) -> Any:
        """Once, and all of it."""
        current = await self._begun(id, "accept", expected)
        if current.delivered_quantity < current.quantity:
            message = "Less is delivered than was promised: submit the rest, or promise less."
            raise WrongState(
                message,
                code="blocked_transition",
                faults=[Fault("not_delivered", message, "/delivered_quantity")],
            )
        return await self._decided(current, "accepted", data.decided_by, [])

    async def reject(self, id: UUID, data: Rejection, expected: int | None = None) -> Any:
        """For reasons; it may be submitted again."""
        current = await self._begun(id, "reject", expected)
        return await self._decided(current, "rejected", data.decided_by, data.reasons)

    async def _decided(
        self, current: Deliverable, status: str, by: str | None, reasons: Sequence[str]
    ) -> Any:
        values = {
            "status": status,
            "decided_at": self.tx.now,
            "decided_by": by,
            "rejection_reasons": list(reasons),
        }
        return await self.told(await self.change(current, values, verb=status))

    async def _begun(self, id: UUID, verb: str, expected: int | None) -> Deliverable:
        self.need("update")
        current = await self.locked(id, expected)
        if verb not in _VERBS[current.status]:
            raise not_for("deliverable", current.status, verb, _VERBS[current.status])
        await self.project(current.project_id)
        if verb != "reject":
            need_ordered(await self.records.order_status(current.project_id))
        return current

    async def _check_ordered(
        self, project_id: UUID, line_id: UUID, id: UUID | None, quantity: Decimal
    ) -> None:
        """Raise `Conflict` where more of a line would be delivered than was ordered."""
        ordered = await self.records.ordered(project_id, line_id)
        if ordered is None:
            raise _no_line()
        if not quantity:
            return
        others = await self.records.delivered(project_id, line_id, id)
        if others + quantity > ordered:
            left = shown_quantity(ordered - others)
            message = f"{shown_quantity(ordered)} are ordered, {left} of it are left."
            raise Conflict(
                message,
                code="more_than_ordered",
                faults=[Fault("more_than_ordered", message, "/quantity")],
                details={"ordered": shown_quantity(ordered), "left": left},
            )


def _counted(current: Deliverable) -> Decimal:
    """How much of its line it takes."""
    return Decimal(0) if current.status == "rejected" else current.delivered_quantity


def _no_line() -> Invalid:
    return Invalid.at("/line_id", "unknown_reference", "The order has no such line.")
