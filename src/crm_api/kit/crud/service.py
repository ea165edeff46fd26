"""Create, change, bin and restore: every write of every record goes through here."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import Uuid

from crm_api.kit.crud.index import IndexRows
from crm_api.kit.crud.repository import Repository
from crm_api.kit.crud.upserts import Expected, External, Upsert, Upserted, none_such
from crm_api.kit.db.base import Entity, Json
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Merged, Stale
from crm_api.kit.ids import new_id
from crm_api.kit.money import shown_amount
from crm_api.kit.query.changes import Changes
from crm_api.kit.query.page import Page
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.views import viewed
from crm_api.kit.schema import Create, Update

E = TypeVar("E", bound=Entity)
_ANY = Expected()


class CrudService(Generic[E]):
    """The use cases of a plain collection; a domain overrides `prepare` and `keys`."""

    repository: ClassVar[type[Repository[Any]]]
    # `Any`, so that a domain can say that its repository is a richer one.
    records: Any
    area: ClassVar[str]
    """The first half of its scopes, such as `contacts`."""
    plural: ClassVar[str]
    """The collection's name on the wire, such as `contacts`."""
    create_shape: ClassVar[type[Create]]
    update_shape: ClassVar[type[Update]]
    upserts: ClassVar[bool] = True
    """Whether a record may be created or changed by one and the same call."""
    plain: ClassVar[bool] = True
    """Whether it has the routes of `crud_router`, which the generic tests then try."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.records = self.repository(tx)
        self.model: type[E] = self.repository.model
        self.index = IndexRows(self)

    # What a domain adds

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: E | None, country: str | None
    ) -> dict[str, Any]:
        """Turn what the client gave into column values, by rules that need no look-up.

        `current` is None at creation. Raises `Invalid` with a pointer where a rule is broken.
        """
        del country
        return cls.derive(values, current)

    @classmethod
    def derive(cls, values: dict[str, Any], current: E | None) -> dict[str, Any]:
        """Add what the domain computes from column values, such as a sort key."""
        del current
        return values

    async def prepare(self, values: dict[str, Any], current: E | None) -> dict[str, Any]:
        """`normalise`, and the rules that need a look-up."""
        return self.normalise(values, current, self.tx.actor.country)

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """The look-up keys of a record: pairs of a kind and a normalised value."""
        del record
        return ()

    # Reading

    async def page(self, query: PageQuery) -> Page:
        """A page of representations."""
        self.tx.actor.require(f"{self.area}:read")
        return await self.records.page(await viewed(self.tx, self.records.listing, query))

    async def get(
        self, id: UUID, selection: Selection | None = None, *, at: datetime | None = None
    ) -> Any:
        """One representation, as it is now or was at a moment; raises `NotFound`."""
        self.tx.actor.require(f"{self.area}:read")
        if at is not None:
            return await self.records.row_at(id, at, selection)
        return await self.records.row(id, selection)

    async def id_of(self, external: External) -> UUID:
        """The record with this id in another system; raises `NotFound`."""
        self.tx.actor.require(f"{self.area}:read")
        found = await self.records.by_keys("external", [external.key])
        if not found:
            raise none_such(self.model.entity, external)
        return found[external.key][0]

    async def many(
        self, ids: Iterable[UUID], selection: Selection | None = None
    ) -> dict[UUID, Any]:
        """Representations by id; those that are missing are left out."""
        self.tx.actor.require(f"{self.area}:read")
        return await self.records.rows(list(ids), selection)

    async def changes(
        self, after: str | None, limit: int, selection: Selection | None = None
    ) -> Changes:
        """A stretch of the sync feed: all there is at first, then what changes."""
        self.tx.actor.require(f"{self.area}:read")
        return await self.records.changes(after, limit, selection)

    async def related(self, name: str, ids: Iterable[UUID], query: PageQuery) -> dict[UUID, Page]:
        """A page of a to-many relation for each of these records, read together."""
        self.tx.actor.require(f"{self.area}:read")
        return await self.records.related(name, list(ids), query)

    # Writing

    async def create(self, data: Create) -> Any:
        """A new record; returns its representation."""
        self.tx.actor.require(f"{self.area}:write")
        return self.add(await self.prepare(values_of(data), None))

    def add(self, values: dict[str, Any]) -> Any:
        """Store prepared values as a new record; returns its representation."""
        tx = self.tx
        record: dict[str, Any] = {
            "id": new_id(),
            "version": 1,
            "created_at": tx.now,
            "updated_at": tx.now,
            "created_by": tx.actor.id,
            "deleted_at": None,
            **values,
        }
        listing = self.records.listing
        told = self._shown_values(record)
        tx.insert(self.model, record)
        self.index.add(record)
        tx.record(
            f"{self.model.entity}.created",
            entity=self.model.entity,
            record_id=record["id"],
            version=1,
            data=listing.event_shape(*told),
        )
        return listing.row_shape(listing.shown)(*told)

    async def update(self, id: UUID, data: Update, *, expected_version: int | None = None) -> Any:
        """Apply a merge patch; returns the representation after it."""
        self.tx.actor.require(f"{self.area}:write")
        current = await self.locked(id, expected_version, data.model_fields_set)
        given = {n: v for n, v in data.model_dump().items() if n in data.model_fields_set}
        for name in ("custom", "external_ids"):
            if name in given:
                given[name] = _merged(getattr(current, name), given[name])
        return await self.apply(current, given)

    async def upsert(self, match: str, data: Update, expected: Expected = _ANY) -> Upserted:
        """Create or change the record that has the body's value of a key, such as `email`.

        Raises `Ambiguous` where several have it.
        """
        self.tx.actor.require(f"{self.area}:write")
        return await Upsert(self, data, expected).by_key(match)

    async def upsert_external(
        self, external: External, data: Update, expected: Expected = _ANY
    ) -> Upserted:
        """Create or change the record that has this id in another system."""
        self.tx.actor.require(f"{self.area}:write")
        return await Upsert(self, data, expected).by_external(external)

    async def apply(self, current: E, given: dict[str, Any]) -> Any:
        """Set plain values by the domain's rules; returns the representation after it."""
        return await self.change(current, await self.prepare(given, current))

    async def delete(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Put a record in the bin."""
        self.tx.actor.require(f"{self.area}:write")
        current = await self.locked(id, expected_version)
        await self.change(
            current, {"deleted_at": self.tx.now, "deleted_by": self.tx.actor.id}, verb="deleted"
        )

    async def restore(self, id: UUID) -> Any:
        """Take a record out of the bin; one that is not there stays as it is."""
        self.tx.actor.require(f"{self.area}:write")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is None:
            return self.shown_of(current)
        absence = await self.records.absence(id)
        if isinstance(absence, Merged):
            raise absence
        return await self.change(current, {"deleted_at": None, "deleted_by": None}, verb="restored")

    async def locked(
        self,
        id: UUID,
        expected_version: int | None = None,
        wanted: Collection[str] | None = None,
    ) -> E:
        """A record to change, at the version the client has seen; raises `Stale`.

        `wanted` are the fields that the client sets: of what has changed since, only they are in
        conflict. None stands for all of them.
        """
        current = await self.records.get(id, lock=True)
        if expected_version is not None and current.version != expected_version:
            changed = await self.records.changed_since(id, expected_version)
            conflicts = [n for n in changed if wanted is None or n in wanted]
            raise Stale(
                f"The record is at version {current.version}.",
                faults=[
                    Fault("conflict", "changed since that version", pointer=f"/{name}")
                    for name in (() if wanted is None else conflicts)
                ],
                details={
                    "current": msgspec.to_builtins(self.shown_of(current)),
                    "conflicts": conflicts,
                },
                headers={"ETag": f'"{current.version}"'},
            )
        return current

    async def change(
        self,
        current: E,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Set what differs and write it down; without a difference nothing happens.

        Returns the representation. `verb` names the event: `updated`, `deleted`, `won` …; `told`
        is what it says beyond the changed values.
        """
        before = self._set(current, values, verb, told)
        after = columns_of(current)
        if before:
            await self.index.move({**after, **before}, after)
        return self.shown(after)

    async def remove(self, records: Sequence[E]) -> None:
        """Put loaded records in the bin, however many, by a few statements."""
        if not records:
            return
        gone = {"deleted_at": self.tx.now, "deleted_by": self.tx.actor.id}
        for record in records:
            self._set(record, gone, "deleted", None)
        await self.index.remove([record.id for record in records])

    async def reindex(self, after: UUID | None, limit: int) -> list[UUID]:
        """Write the search words of the next records anew; their ids."""
        found = await self.records.batch(after, limit)
        await self.index.reword([columns_of(record) for record in found])
        return [record.id for record in found]

    def _set(
        self, current: E, values: Mapping[str, Any], verb: str, told: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Set what differs and write it down; returns what it was."""
        changed = {n: v for n, v in values.items() if getattr(current, n) != v}
        if not changed:
            return {}
        before = {name: getattr(current, name) for name in changed}
        for name, value in changed.items():
            setattr(current, name, value)
        current.version += 1
        current.updated_at = self.tx.now
        current.updated_by = self.tx.actor.id
        after = columns_of(current)
        shown = self.records.listing.shown
        self.tx.record(
            f"{self.model.entity}.{verb}",
            entity=self.model.entity,
            record_id=current.id,
            version=current.version,
            data={n: _told(after[n]) for n in changed if n in shown} | dict(told or {}),
            previous={name: _told(before[name]) for name in changed if name in shown},
        )
        return before

    def shown_of(self, record: E) -> Any:
        """The representation of a loaded record."""
        return self.shown(columns_of(record))

    def shown(self, record: Mapping[str, Any]) -> Any:
        """The representation of column values."""
        listing = self.records.listing
        return listing.row_shape(listing.shown)(*self._shown_values(record))

    def _shown_values(self, record: Mapping[str, Any]) -> list[Any]:
        listing = self.records.listing
        values: list[Any] = list(map(record.get, listing.shown))
        for place in listing.amounts:
            if values[place] is not None:
                values[place] = shown_amount(values[place])
        return values

    def unshown(self, shown: Mapping[str, Any], current: E) -> dict[str, Any]:
        """Column values from shown ones, as an event holds them, with what is derived from them."""
        typed = {
            name: msgspec.convert(value, self._python_type(name), strict=False)
            for name, value in shown.items()
        }
        return self.derive(typed, current)

    def _python_type(self, name: str) -> Any:
        kind = getattr(self.model, name).type
        plain = UUID if isinstance(kind, Uuid) else kind.python_type
        return Any if isinstance(kind, Json) else plain | None


def columns_of(record: Entity) -> dict[str, Any]:
    """The column values of a loaded record."""
    return {column.key: getattr(record, column.key) for column in record.__mapper__.column_attrs}


def values_of(data: Create) -> dict[str, Any]:
    """Everything a creation shape holds, as plain values."""
    return data.model_dump()


def _told(value: Any) -> Any:
    return shown_amount(value) if isinstance(value, Decimal) else value


def _merged(current: dict[str, Any], patch: dict[str, Any] | None) -> dict[str, Any]:
    if patch is None:
        return {}
    merged = {**current, **patch}
    return {name: value for name, value in merged.items() if value is not None}
