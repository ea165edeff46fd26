"""Collections by whose status records of others go."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, TypeVar

from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.base import Entity
from crm_api.kit.db.tx import Tx

E = TypeVar("E", bound=Entity)
Follower = Callable[[Tx, E], Awaitable[None]]
"""Gets a record, which is locked, as it stands now."""


class Followed(CrudService[E]):
    """Tells those above of each record that came to another status, to the bin or out of it.

    In the same transaction, whoever changes it and by whichever route; what they raise undoes the
    change.
    """

    followers: ClassVar[list[Any]] = []
    """A collection has its own."""

    async def change(
        self,
        current: E,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Set what differs, and tell of where it stands now."""
        before = _standing(current)
        shown = await super().change(current, values, verb=verb, told=told)
        if _standing(current) != before:
            for follow in self.followers:
                await follow(self.tx, current)
        return shown


def _standing(record: Any) -> tuple[str, bool]:
    return record.status, record.deleted_at is not None
