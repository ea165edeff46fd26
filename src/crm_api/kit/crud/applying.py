"""How a pack sets up a part of the product, and how that is undone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec
from sqlalchemy import select

from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked, Conflict

Action = Literal["created", "restored", "switched", "kept"]


class Step(msgspec.Struct, frozen=True):
    """One thing that a pack did, or found to be there already."""

    section: str
    name: str
    action: Action
    record_id: UUID | None = None
    version: int | None = None
    """What it was left at: at another one somebody has changed it since."""
    before: str | None = None
    after: str | None = None


class Applier(Protocol):
    """Carries out one section of packs."""

    @property
    def section(self) -> str:
        """The name of the section."""
        ...

    async def apply(self, tx: Tx, wanted: Any) -> list[Step]:
        """Set up what a pack wants; what is there already is kept as it is."""
        ...

    async def undo(self, tx: Tx, step: Step, *, force: bool) -> None:
        """Put back what a step changed; raises `Conflict` where it was changed or used since."""
        ...


@dataclass(frozen=True)
class CollectionApplier:
    """Makes records of a plain collection, told from others by the fields `by`."""

    service: type[CrudService[Any]]
    by: Sequence[str]
    fill: Callable[[Tx], Mapping[str, Any]] = lambda _: {}
    """What a body has beside what the pack says, such as the organization's time zone."""

    @property
    def section(self) -> str:
        """The collection's name on the wire."""
        return self.service.plural

    async def apply(self, tx: Tx, wanted: Sequence[Mapping[str, Any]]) -> list[Step]:
        """Create what is missing, and take out of the bin what is there."""
        return [await self._one(tx, {**self.fill(tx), **body}) for body in wanted]

    def begun(self, tx: Tx, body: Mapping[str, Any]) -> tuple[CrudService[Any], Mapping[str, Any]]:
        """What makes a record, and of what: without what a pack says beside its own fields."""
        return self.service(tx), body

    async def need_unused(self, service: CrudService[Any], current: Any, step: Step) -> None:
        """Raise `Blocked` or `Conflict` where a record has come to more than it was made with."""
        del current
        await _need_no_parts(service, step)

    async def _one(self, tx: Tx, body: Mapping[str, Any]) -> Step:
        service, body = self.begun(tx, body)
        name = ".".join(str(body[part]) for part in self.by)
        current = await self._found(service, body)
        if current is not None and current.deleted_at is None:
            return Step(self.section, name, "kept", current.id, current.version)
        if current is not None:
            shown, action = await service.restore(current.id), "restored"
        else:
            data = service.create_shape.model_validate(dict(body))
            shown, action = await service.create(data), "created"
        return Step(self.section, name, action, shown.id, shown.version)

    async def _found(self, service: CrudService[Any], body: Mapping[str, Any]) -> Any:
        model: Any = service.repository.model
        query = service.records.select().where(*(getattr(model, n) == body[n] for n in self.by))
        query = query.order_by(model.deleted_at.desc().nulls_first(), model.id).limit(1)
        return (await service.tx.run(query)).scalar_one_or_none()

    async def undo(self, tx: Tx, step: Step, *, force: bool) -> None:
        """Destroy what was created; by force, what is in use goes to the bin."""
        assert step.record_id is not None
        service = self.service(tx)
        current = await service.records.find(step.record_id, lock=True, deleted=True)
        if current is None or current.deleted_at is not None:
            return
        if current.version != step.version and not force:
            raise Conflict(f"{step.name} was changed since.", code="changed_since")
        if step.action == "restored":
            await service.delete(step.record_id)
            return
        try:
            await self.need_unused(service, current, step)
            async with tx.atomic():
                await service.purge(step.record_id)
        except (Blocked, Conflict):
            if not force:
                raise
            await service.delete(step.record_id)


async def _need_no_parts(service: CrudService[Any], step: Step) -> None:
    """Raise `Blocked` where something would be destroyed along with a record."""
    for relation in service.repository.listing.relations:
        if relation.part:
            model: Any = relation.target().model
            query = select(model.id).where(
                model.organization_id == service.tx.organization_id,
                getattr(model, relation.remote.key) == step.record_id,
                model.deleted_at.is_(None),
            )
            if (await service.tx.run(query.limit(1))).first() is not None:
                raise Blocked(f"{step.name} has {relation.name}.", code="in_use")
