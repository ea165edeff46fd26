"""What of an event somebody may see, by what they may read of the record that it is about."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.custom.catalogue import OBJECTS
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.page import passing
from crm_api.kit.query.visibility import hidden_among
from crm_api.kit.query.watching import note, write_down

Services = Mapping[str, type[CrudService[Any]]]
Told = tuple[str, UUID, Any, Any]
"""What an event is about, and what it says: the values after and before."""


class EventSight:
    """The eyes of an actor for events about these collections and about custom objects."""

    def __init__(self, tx: Tx, services: Services) -> None:
        self.tx, self.services = tx, services

    def service(self, entity: str) -> CrudService[Any] | None:
        """What is in charge of a kind of record; None of what is no collection."""
        if entity in self.services:
            return self.services[entity](self.tx)
        return service_of(self.tx, entity) if entity in self.tx.catalogue.objects else None

    def readable(self) -> list[str] | None:
        """The collections whose records the actor may read; None for everything there is."""
        if self.tx.actor.holds("*:read"):
            return None
        return [one for one in (*self.services, *self.tx.catalogue.objects) if self.reads(one)]

    def reads(self, entity: str) -> bool:
        """Whether the actor may read records of a kind."""
        # Whatever is switched off: a feed with holes would not be one to rely on.
        holds = self.tx.actor.holds
        if entity in self.services:
            return holds(f"{self.services[entity].area}:read") or holds("*:read")
        return holds("*:read") or (entity in self.tx.catalogue.objects and holds(f"{OBJECTS}:read"))

    async def unseen(self, records: Iterable[tuple[str, UUID]]) -> set[UUID]:
        """Those of some records that the actor does not see now, whatever became of them since."""
        found: set[UUID] = set()
        for service, ids in self._grouped(records):
            listing, sight = service.records.listing, service.records.sight
            found |= await hidden_among(self.tx, listing, sight, ids)
        return found

    async def passing(self, records: Iterable[tuple[str, UUID]], filter: Filter) -> set[UUID]:
        """Those of some records of one kind that the actor sees and that pass its filter."""
        found: set[UUID] = set()
        for service, ids in self._grouped(records):
            listing, sight = service.records.listing, service.records.sight
            found |= await passing(self.tx, listing, sight, ids, filter)
        return found

    def _grouped(
        self, records: Iterable[tuple[str, UUID]]
    ) -> Iterator[tuple[CrudService[Any], list[UUID]]]:
        grouped: dict[str, set[UUID]] = {}
        for entity, id in records:
            grouped.setdefault(entity, set()).add(id)
        for entity, ids in grouped.items():
            service = self.service(entity)
            if service is not None:
                yield service, list(ids)

    def values(self, entity: str, data: Any) -> Any:
        """The values of an event without the fields that are not for the reader."""
        fields, hidden = self.tx.catalogue.of(entity), self.tx.actor.hidden(entity)
        if data is None or not (hidden or fields.hidden_from(self.tx.actor)):
            return data
        values = {name: value for name, value in decode(data).items() if name not in hidden}
        if "custom" in values:
            values["custom"] = fields.shown(values["custom"], self.tx.actor)
        return values

    async def note(self, told: Iterable[Told]) -> None:
        """Have it written down where events tell of watched fields."""
        watched = self.tx.catalogue.watched
        for entity, record_id, data, previous in told if watched else ():
            if entity in watched:
                note(self.tx, entity, {**_members(data), **_members(previous)}, [record_id])
        await write_down(self.tx)


def _members(data: Any) -> dict[str, Any]:
    found = decode(data) if isinstance(data, msgspec.Raw) else data
    return found or {}
