"""Create, change, bin and restore: every write of every record goes through here."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import Uuid

from crm_api.kit.access import Action
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.index import IndexRows
from crm_api.kit.crud.plain import columns_of, merged_in, patched, values_of
from crm_api.kit.crud.purges import Purge
from crm_api.kit.crud.reads import Reads
from crm_api.kit.crud.upserts import Expected, External, Upsert, Upserted
from crm_api.kit.custom.catalogue import CustomFields
from crm_api.kit.db.base import Entity, Json
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Merged, Stale
from crm_api.kit.ids import new_id
from crm_api.kit.query.selection import Selection
from crm_api.kit.query.shown import ready, show
from crm_api.kit.schema import Create, Schema, Update, pascal, upsert_of

E = TypeVar("E", bound=Entity)
_ANY = Expected()


class CrudService(Reads, Guarded, Generic[E]):
    """The use cases of a plain collection; a domain overrides `prepare` and `keys`."""

    create_shape: ClassVar[type[Create]]
    update_shape: ClassVar[type[Update]]
    upserts: ClassVar[bool] = True
    """Whether a record may be created or changed by one and the same call."""
    begins_with: ClassVar[Mapping[str, Any]] = {}
    """Columns of a new record that the client does not set."""
    plain: ClassVar[bool] = True
    """Whether it has the routes of `crud_router`, which the generic tests then try."""
    governed: ClassVar[bool] = False
    """Whether roles hide fields of its records, and files are beside these, although it is not
    plain."""
    begins: ClassVar[str] = "created"
    """The verb of a record's first event."""
    beside: ClassVar[frozenset[str]] = frozenset({"owner_id", "external_ids"})
    """Settable fields that say nothing of what is approved with a record."""
    among: ClassVar[frozenset[str]] = frozenset()
    """Columns that are approved with a record, and no fields that are set."""
    stale: ClassVar[frozenset[str]] = frozenset()
    """What every process asks again about when a record changes (`Tx.stale`)."""

    def __init__(self, tx: Tx) -> None:
        super().__init__(tx)
        self.model: type[E] = self.repository.model

    @property
    def is_keyed(self) -> bool:
        """Whether its records have look-up keys of their own kind."""
        return self.keys.__func__ is not CrudService[Any].keys.__func__

    @property
    def index(self) -> IndexRows:
        """What its records are found by."""
        # Not kept: each would hold the other, and all of the request with it, until the
        # collector of garbage comes.
        return IndexRows(self)

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

    @classmethod
    def upsert_shape(cls) -> type[Update]:
        """What creates or changes a record."""
        return upsert_of(f"{pascal(cls.repository.listing.entity)}Upsert", cls.create_shape)

    # Writing

    async def ready(self, ids: Sequence[UUID]) -> None:
        """Have at hand, for all at once, what changing these records takes; it locks them.

        A domain whose changes look something up for each record reads it here.
        """
        await self.records.hold(ids)
        await self.guard.prepare(ids)

    async def create(self, data: Create) -> Any:
        """A new record; returns its representation."""
        self.need("create")
        values = await self.prepare(await self.given(data), None)
        await self.admit(values, None)
        return await self.told(self.add({**values, **self.begins_with}), new=True)

    @property
    def fields(self) -> CustomFields:
        """The custom fields of these records."""
        return self.tx.catalogue.of(self.records.listing.entity)

    def custom_of(self, current: E) -> dict[str, Any]:
        """The custom values of a record for a copy: but for those that one record alone may have."""
        known = self.fields.by_name
        return {
            name: value
            for name, value in current.custom.items()
            if name not in known or not known[name].unique
        }

    async def given(self, data: Create) -> dict[str, Any]:
        """Everything a creation shape holds, as plain values, its custom fields checked."""
        await self._may_set(data, "create")
        values = values_of(data)
        await self.guard.refer(values)
        values["custom"] = self.fields.completed(values["custom"], self.tx.actor)
        await self.records.check_custom(values["custom"])
        return values

    async def told(self, shown: Any, *, new: bool = False) -> Any:
        """A representation as its reader may see it; of a new record, its maker knows it all."""
        listing, showing = self.records.listing, ready if new else show
        await showing(self.tx, listing, Selection(listing.shown), [shown], [shown.id])
        return shown

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
        self.guard.own(record)
        if self.fields.formulas:
            record["custom"] = self.fields.computed(record)
        listing = self.records.listing
        told = self._shown_values(record)
        tx.insert(self.model, record)
        tx.stale |= self.stale
        self.index.add(record)
        tx.record(
            f"{listing.entity}.{self.begins}",
            entity=listing.entity,
            record_id=record["id"],
            version=1,
            data=listing.event_shape(*told),
        )
        return listing.row_shape(listing.shown)(*told)

    async def update(self, id: UUID, data: Update, *, expected_version: int | None = None) -> Any:
        """Apply a merge patch; returns the representation after it."""
        self.need("update")
        current = await self.locked(id, expected_version, data.model_fields_set)
        await self._may_set(data, "update")
        given = {n: v for n, v in data.model_dump().items() if n in data.model_fields_set}
        changed = {n: v for n, v in given.items() if v != getattr(current, n, None)}
        await self.guard.owner_of(changed, "update", current.owner_id)
        await self.guard.refer(changed)
        for name in merged_in(self.create_shape) & given.keys():
            given[name] = patched(getattr(current, name), given[name])
        if "custom" in given:
            given["custom"] = await self._patched(current, given["custom"])
        return await self.told(await self.apply(current, given))

    async def _may_set(self, data: Schema, action: Action) -> None:
        custom: Mapping[str, Any] = getattr(data, "custom", None) or {}
        self.guard.fields([*data.model_fields_set, *(f"custom.{name}" for name in custom)])
        if action == "create":
            await self.guard.owner_of({"owner_id": getattr(data, "owner_id", None)}, action)

    async def _patched(self, current: E, patch: dict[str, Any] | None) -> dict[str, Any]:
        after = self.fields.patched(current.custom, patch, self.tx.actor)
        new = {name: v for name, v in after.items() if current.custom.get(name) != v}
        await self.records.check_custom(new)
        return after

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
        values = await self.prepare(given, current)
        await self.admit(values, current)
        return await self.change(current, values)

    async def put_back(self, record: E, values: dict[str, Any]) -> Any:
        """Have a record say again what it said before, for an undo."""
        return await self.change(record, values)

    async def delete(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Put a record in the bin."""
        self.need("delete")
        await self.remove([await self.locked(id, expected_version, action="delete")])

    async def purge(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Destroy a record and its parts for good, in the bin or not; raises `Blocked`."""
        self.tx.actor.require(f"{self.area}:purge")
        await Purge(self).run(id, expected_version)

    async def check_purge(self, current: E) -> None:
        """What a collection has against the end of a record beside references; raises `Blocked`."""

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a record out of the bin; one that is not there stays as it is."""
        self.need("delete")
        current = await self.locked(id, expected_version, deleted=True, action="delete")
        if current.deleted_at is None:
            return await self.told(self.shown_of(current))
        absence = await self.records.absence(id)
        if isinstance(absence, Merged):
            raise absence
        await self.admit({"deleted_at": None}, current)
        back = {"deleted_at": None, "deleted_by": None}
        return await self.told(await self.change(current, back, verb="restored"))

    async def locked(
        self,
        id: UUID,
        expected_version: int | None = None,
        wanted: Collection[str] | None = None,
        *,
        deleted: bool = False,
        action: Action = "update",
    ) -> E:
        """A record to change, at the version the client has seen; raises `Stale`, `Forbidden`.

        `wanted` are the fields that the client sets: of what has changed since, only they are in
        conflict. None stands for all of them.
        """
        current = await self.records.get(id, lock=True, deleted=deleted)
        await self.guard.permit([id], action)
        await self.need_version(current, expected_version, wanted)
        return current

    async def need_version(
        self, current: E, expected_version: int | None, wanted: Collection[str] | None = None
    ) -> None:
        """Raise `Stale` where a record is not at the version that the client has seen."""
        if expected_version is not None and current.version != expected_version:
            changed = await self.records.changed_since(current.id, expected_version)
            seen = (n for n in changed if n not in self.guard.hidden)
            conflicts = [n for n in seen if wanted is None or n in wanted]
            raise Stale(
                f"The record is at version {current.version}.",
                faults=[
                    Fault("conflict", "changed since that version", pointer=f"/{name}")
                    for name in (() if wanted is None else conflicts)
                ],
                details={
                    "current": msgspec.to_builtins(await self.told(self.shown_of(current))),
                    "conflicts": conflicts,
                },
                headers={"ETag": f'"{current.version}"'},
            )

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
        await self.amend(current, values, verb=verb, told=told)
        return self.shown_of(current)

    async def amend(
        self,
        current: E,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """As `change`, for whoever needs no representation.

        It is enough that those columns are loaded that it is about, with what is told and stamped
        (`kit/db/taken.py`); formulas, and what is found by what changes, take all of them.
        """
        before = self._set(current, values, verb, told)
        if before:
            self.tx.stale |= self.stale
            if self.index.follows(before, current):
                after = columns_of(current)
                await self.index.move({**after, **before}, after)

    async def remove(self, records: Sequence[E]) -> None:
        """Put loaded records in the bin, however many, by a few statements."""
        gone = {"deleted_at": self.tx.now, "deleted_by": self.tx.actor.id}
        for record in records:
            await self.change(record, gone, verb="deleted")

    async def make_way(self, column: str, merged: Sequence[UUID]) -> None:
        """Take away what cannot stay once all that refers to these by a column refers to the first.

        A merge is about to move it there; what refers to an earlier one is to be kept.
        """

    async def reindex(self, after: UUID | None, limit: int) -> list[UUID]:
        """Write anew what the next records are found by, words and custom fields; their ids."""
        found = await self.records.batch(after, limit)
        for record in found if self.fields.formulas else ():
            self._set(record, {}, "updated", None)
        await self.index.renew([columns_of(record) for record in found])
        return [record.id for record in found]

    def _set(
        self, current: E, values: Mapping[str, Any], verb: str, told: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Set what differs and write it down; returns what it was."""
        if self.fields.formulas:
            after = {**columns_of(current), **values}
            values = {**values, "custom": self.fields.computed(after)}
        # Where they are loaded they are there, faster than by the ORM's attributes.
        loaded = vars(current)
        now = {n: loaded[n] if n in loaded else getattr(current, n) for n in values}
        before = {n: value for n, value in now.items() if value != values[n]}
        if not before:
            return {}
        changed = {name: values[name] for name in before}
        version, listing, told = current.version + 1, self.records.listing, dict(told or {})
        stamps = {"version": version, "updated_at": self.tx.now, "updated_by": self.tx.actor.id}
        self.tx.change(current, {**changed, **stamps})
        shown, told_value = listing.known, self._told_value
        # What is told beyond the changes was so before.
        was = {name: getattr(current, name) for name in told if name in shown} | before
        self.tx.record(
            f"{listing.entity}.{verb}",
            entity=listing.entity,
            record_id=current.id,
            version=version,
            data={n: told_value(n, value) for n, value in changed.items() if n in shown} | told,
            previous={n: told_value(n, value) for n, value in was.items() if n in shown},
        )
        return before

    def _told_value(self, name: str, value: Any) -> Any:
        """A column value as an event holds it."""
        return self.records.listing.decimals[name](value) if isinstance(value, Decimal) else value

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
