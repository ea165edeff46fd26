"""Those who go through something that a person is in once at a time, such as a sequence."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.service import CrudService, E
from crm_api.kit.db.queued import due_now


class Partaking(CrudService[E]):
    """Keeps people who are one now in it once, and what was done from being taken back."""

    of: ClassVar[str]
    """The column of what they go through."""
    moved: ClassVar[frozenset[str]]
    """The fields that say how far they are."""
    now: datetime | None = None
    """The moment by the clock of the database, where it is known already."""

    async def moment(self) -> datetime:
        """The moment by the clock of the database, by which the time of each one comes."""
        if self.now is None:
            self.now = await due_now(self.tx)
        return self.now

    async def under_way(self, contact_ids: Sequence[UUID]) -> list[UUID]:
        """What some people are under way in."""
        raise NotImplementedError

    async def leave(self, one: E, detail: str) -> None:
        """Take somebody out; the record is locked."""
        raise NotImplementedError

    async def put_back(self, record: E, values: dict[str, Any]) -> Any:
        """What an undo takes back is nothing that was done."""
        kept = {name: value for name, value in values.items() if name not in self.moved}
        return await super().put_back(record, kept)

    async def make_way(self, column: str, merged: Sequence[UUID]) -> None:
        """People who are one now go through it once: the first of them stays in it."""
        if column != "contact_id":
            return
        places = {id: place for place, id in enumerate(merged)}
        found = await self.records.locked(await self.under_way(merged), everywhere=True)
        taken: set[UUID] = set()
        for one in sorted(found, key=lambda one: places[one.contact_id]):
            through: UUID = getattr(one, self.of)
            if through in taken:
                await self.leave(one, "They were merged.")
            taken.add(through)
        # The unique index must see them go before the others are moved.
        await self.tx.flush()
