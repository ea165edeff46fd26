"""What a domain says about merging its records; the service does the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.service import CrudService
from crm_api.platform.merging.survivorship import Survivors


@dataclass(frozen=True)
class Fold:
    """A merge that is about to happen: the records are locked, nothing is changed yet."""

    winner: Any
    losers: Sequence[Any]
    survivors: Survivors

    @property
    def records(self) -> list[Any]:
        """All of them, the winner first."""
        return [self.winner, *self.losers]


class Merger:
    """How records of one kind become one."""

    service: ClassVar[type[CrudService[Any]]]
    together: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Fields that only make sense side by side, so that they come from one record."""
    derived: ClassVar[frozenset[str]] = frozenset()
    """Fields that the service computes from others."""

    @property
    def entity(self) -> str:
        """The record's word, such as `contact`."""
        return self.service.repository.listing.entity

    @property
    def fields(self) -> tuple[str, ...]:
        """What survives field by field."""
        left_out = {*_OWN, *self.derived}
        return tuple(n for n in self.service.repository.listing.shown if n not in left_out)

    async def settle(self, service: Any, fold: Fold) -> None:
        """Clear the way: change what could not stand beside what is about to be moved."""
        del service, fold

    async def store(self, service: Any, record: Any, values: Mapping[str, Any]) -> Any:
        """Change a record of the merge, here or back; its representation."""
        return await service.change(record, values)

    async def check(self, service: Any, ids: Sequence[UUID]) -> None:
        """Refuse an undoing after which records would not fit what was changed since."""
        del service, ids


_OWN = frozenset({"id", "created_at", "updated_at", "created_by", "version", "deleted_at"})
