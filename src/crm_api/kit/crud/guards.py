"""Who may refuse a write, or an end, that is right in itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol
from uuid import UUID

from crm_api.kit.crud.personal import Personal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Erased

AREA = "duplicates"
"""Switched off, it guards nothing."""


class Guard(Protocol):
    """Has a word before a record is written, once all of its values are known."""

    async def admit(self, service: Any, values: dict[str, Any], current: Any) -> None:
        """Let it pass or raise; `current` is None at creation, when `values` may get an `id`."""
        ...


class Bar(Protocol):
    """Keeps people out who were erased."""

    async def barred(
        self,
        service: Any,
        records: Sequence[Mapping[str, Any]],
        before: Mapping[str, Any],
    ) -> set[int]:
        """The places of those records that would bring somebody back.

        What they were known by `before`, as living records, is no news.
        """
        ...


class Keeper(Protocol):
    """Has a word before records are destroyed or erased."""

    async def release(self, tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
        """Let them go or raise; they are locked."""
        ...


Purged = Callable[[Tx, str, Sequence[UUID]], Awaitable[None]]


class Guarded:
    """A collection whose writes parts of the platform may have a word in."""

    tx: Tx
    model: Any
    personal: ClassVar[Personal | None] = None
    """What its records have to do with people."""
    matched: ClassVar[bool] = False
    """Whether a matcher tells its duplicates, so that writers can insist on one."""
    guards: ClassVar[tuple[Guard, ...]] = ()
    """Set by those parts."""
    bar: ClassVar[Bar | None] = None
    keepers: ClassVar[list[Keeper]] = []
    """Of every collection."""
    purged: ClassVar[list[Purged]] = []
    """Told what records of any collection were destroyed."""

    async def admit(self, values: dict[str, Any], current: Any) -> None:
        """Ask the guards whether prepared values may be written."""
        if self.is_barred:
            whole = {} if current is None else columns_of(current)
            before = {} if current is None or current.deleted_at is not None else whole
            if await self.barred([{**whole, **values}], before):
                raise Erased
        if self._action != "allow":
            for guard in self.guards:
                await guard.admit(self, values, current)

    @property
    def is_barred(self) -> bool:
        """Whether anybody is kept out."""
        return self.bar is not None and bool(self.tx.catalogue.barred)

    async def barred(
        self, records: Sequence[Mapping[str, Any]], before: Mapping[str, Any] | None = None
    ) -> set[int]:
        """The places of those records that would bring an erased person back."""
        if self.bar is None or not self.is_barred:
            return set()
        return await self.bar.barred(self, records, before or {})

    @property
    def blocks(self) -> bool:
        """Whether a record that is there already is refused."""
        return self._action == "block"

    @property
    def _action(self) -> str:
        if AREA in self.tx.actor.closed:
            return "allow"
        return self.tx.catalogue.guarded.get(self.model.entity, "allow")
