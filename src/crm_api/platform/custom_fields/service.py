"""The use cases of definitions."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import Blocked, Conflict, Fault, Invalid
from crm_api.kit.schema import Create, Update
from crm_api.platform.custom_fields.definitions import (
    computed_faults,
    default_of,
    definition_faults,
    rollups_over,
    users_of,
)
from crm_api.platform.custom_fields.events import IndexRecords
from crm_api.platform.custom_fields.models import CustomFieldRow, CustomObjectRow
from crm_api.platform.custom_fields.repository import CustomFieldRows, CustomObjectRows, Schema
from crm_api.platform.custom_fields.reserved import RESERVED
from crm_api.platform.custom_fields.schemas import (
    CustomFieldCreate,
    CustomFieldUpdate,
    CustomObjectCreate,
    CustomObjectUpdate,
)

MAX_FIELDS = 200
"""Of one kind of record, as many as a body may name."""
MAX_OBJECTS = 100
_FOUND_BY = ("unique", "indexed", "searchable")


class CustomFieldService(CrudService[CustomFieldRow]):
    """Fields of your own; a change is known to all writers within a second."""

    repository = CustomFieldRows
    area = "custom_fields"
    plural = "custom_fields"
    personal = Impersonal("The organization's own definitions.")
    create_shape = CustomFieldCreate
    update_shape = CustomFieldUpdate
    records: CustomFieldRows
    targets: ClassVar[frozenset[str]] = frozenset()
    """The collections whose records may have custom fields, by entity."""

    async def create(self, data: Create) -> Any:
        """A new definition; no record has a value yet, so its index is complete."""
        assert isinstance(data, CustomFieldCreate)
        self.tx.actor.require(f"{self.area}:write")
        await Schema(self.tx).lock()
        self._need_room(data.target)
        values = await self.prepare(await self.given(data), None)
        has_values = values["formula"] is not None
        values["indexed_at"] = self.tx.now if values["indexed"] and not has_values else None
        shown = self.add(values)
        await Schema(self.tx).publish()
        if has_values:
            self._have_indexed(data.target, shown.id)
        return await self.told(shown)

    async def update(self, id: UUID, data: Update, *, expected_version: int | None = None) -> Any:
        """Change a definition, as far as its records allow."""
        self.tx.actor.require(f"{self.area}:write")
        await Schema(self.tx).lock()
        return await super().update(id, data, expected_version=expected_version)

    async def delete(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Put a definition in the bin: its values are kept, and shown to nobody."""
        self.tx.actor.require(f"{self.area}:write")
        await Schema(self.tx).lock()
        current = await self.records.get(id)
        self._need_no_users(current)
        await super().delete(id, expected_version=expected_version)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a definition out of the bin, if what it computes from is there."""
        self.tx.actor.require(f"{self.area}:write")
        await Schema(self.tx).lock()
        current = await self.records.get(id, deleted=True)
        fields = self.tx.catalogue.of(current.target)
        faults = computed_faults(columns_of(current), fields, self.tx)
        if faults:
            raise Blocked(faults[0].message, code="broken", faults=faults)
        if current.deleted_at is not None:
            self._need_room(current.target)
        return await super().restore(id, expected_version=expected_version)

    async def prepare(
        self, values: dict[str, Any], current: CustomFieldRow | None
    ) -> dict[str, Any]:
        """Check a definition as it would be, and what the records say to it."""
        after = {name: getattr(current, name, None) for name in _COLUMNS} | values
        if not after["label"]:
            shown = str(after["name"]).replace("_", " ").capitalize()
            values["label"] = after["label"] = shown
        if values.get("options") is not None:
            values["options"] = after["options"] = [
                {**option, "label": option["label"] or option["value"]}
                for option in values["options"]
            ]
        fields = self.tx.catalogue.of(str(after["target"]))
        faults = definition_faults(after, self._targets()) or computed_faults(
            after, fields, self.tx
        )
        if faults:
            raise Invalid(faults[0].message, faults=faults)
        values["uses"], values["result_type"] = after["uses"], after["result_type"]
        is_relation = after["type"] == "relation"
        values["reverse"] = f"{after['target']}.{after['name']}" if is_relation else None
        if values.get("default") is not None:
            values["default"] = default_of(after)
        if current is not None:
            await self._need_fit(current, after)
        return values

    def _need_room(self, target: str) -> None:
        if len(self.tx.catalogue.of(target).by_name) >= MAX_FIELDS:
            message = f"A {target} has at most {MAX_FIELDS} fields."
            raise Invalid.at("/target", "too_many_fields", message)

    def _targets(self) -> frozenset[str]:
        """What may have custom fields, custom objects too."""
        return self.targets | self.tx.catalogue.objects.keys()

    async def _need_fit(self, current: CustomFieldRow, after: Mapping[str, Any]) -> None:
        """Refuse what some records contradict, and say how many."""
        records = self.records
        if after["required"] and not current.required and (n := await records.lacking(current)):
            raise _contradicted("required", n, "have no value")
        if after["unique"] and not current.unique and (n := await records.repeated(current)):
            raise _contradicted("unique", n, "share their value with another one")
        gains_key = any(
            after[name] and not getattr(current, name) for name in ("unique", "indexed")
        )
        if gains_key and (n := await records.too_long(current)):
            raise _contradicted("indexed", n, "have a text that is too long for an index")
        kept = {option["value"] for option in after["options"]}
        removed = [o["value"] for o in current.options if o["value"] not in kept]
        if removed and (n := await records.choosing(current, removed)):
            raise _contradicted("options", n, "have an option that would go; archive it")

    async def change(
        self,
        current: CustomFieldRow,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Set what differs, publish it, and have records be indexed if that takes it."""
        was = [name for name in _FOUND_BY if getattr(current, name)]
        will = [name for name in _FOUND_BY if values.get(name, getattr(current, name))]
        if "indexed" in values and values["indexed"] != current.indexed:
            values = {**values, "indexed_at": None}
        recomputed = "formula" in values and values["formula"] != current.formula
        if recomputed or (verb == "restored" and current.formula):
            values = {**values, "indexed_at": None}
        shown = await super().change(current, values, verb=verb, told=told)
        await Schema(self.tx).publish()
        back = verb == "restored" and (will or current.formula)
        if was != will or recomputed or back or "archived" in values:
            self._have_indexed(current.target, current.id)
        return shown

    async def purge(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Destroy a definition that no record has a value of; its name may mean another type."""
        await Schema(self.tx).lock()
        await super().purge(id, expected_version=expected_version)
        await Schema(self.tx).publish()

    async def check_purge(self, current: CustomFieldRow) -> None:
        """Raise `Blocked` while any record has a value, in the bin or not."""
        self._need_no_users(current)
        if n := await self.records.holding(current):
            raise Blocked(
                f"{n} records, perhaps in the bin, have a value of this field.",
                code="still_referred_to",
                details={"records": n},
            )

    def _need_no_users(self, current: CustomFieldRow) -> None:
        users = users_of(self.tx.catalogue, current.target, current.name)
        if users:
            message = f"{', '.join(users)} would lose what they compute from."
            raise Blocked(message, code="in_use", details={"fields": users})

    def _have_indexed(self, target: str, id: UUID) -> None:
        """Have a job bring the records of a kind in line."""
        version = self.tx.catalogue.version
        self.tx.enqueue(IndexRecords(target, (id,)), dedupe_key=f"{target}:{version}")

    async def complete(self, ids: Sequence[UUID]) -> None:
        """Let filters use the indexes of some fields, which hold every record by now."""
        await Schema(self.tx).lock()
        for row in await self.records.locked(ids):
            if row.indexed and row.indexed_at is None:
                await self.change(row, {"indexed_at": self.tx.now}, verb="indexed")

    async def give_up_unique(self, ids: Sequence[UUID]) -> None:
        """Have some fields not be unique, since records contradict it."""
        await Schema(self.tx).lock()
        for row in await self.records.locked(ids):
            await self.change(row, {"unique": False})


_COLUMNS = tuple(column.key for column in CustomFieldRow.__mapper__.column_attrs)


def _contradicted(name: str, count: int, what: str) -> Conflict:
    return Conflict(
        f"{count} records {what}.",
        code="contradicted",
        faults=[Fault("contradicted", f"{count} records {what}", pointer=f"/{name}")],
        details={"records": count},
    )


class CustomObjectService(CrudService[CustomObjectRow]):
    """Kinds of records of your own."""

    repository = CustomObjectRows
    area = "custom_objects"
    plural = "custom_objects"
    personal = Impersonal("The organization's own definitions.")
    create_shape = CustomObjectCreate
    update_shape = CustomObjectUpdate
    records: CustomObjectRows

    async def create(self, data: Create) -> Any:
        """A new kind of record, which is there at once."""
        assert isinstance(data, CustomObjectCreate)
        self.tx.actor.require(f"{self.area}:write")
        await Schema(self.tx).lock()
        if data.key in CustomFieldService.targets | RESERVED:
            raise Invalid.at("/key", "reserved", f"{data.key!r} is a word of the service itself.")
        self._need_room()
        shown = await super().create(data)
        await Schema(self.tx).publish()
        return shown

    async def purge(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Destroy an object that has neither records nor fields; its key may mean another one."""
        await Schema(self.tx).lock()
        await super().purge(id, expected_version=expected_version)
        await Schema(self.tx).publish()

    async def check_purge(self, current: CustomObjectRow) -> None:
        """Raise `Blocked` while there are records or fields of it, in the bin or not."""
        if n := await self.records.holding(current):
            raise Blocked(
                f"{n} records and fields, perhaps in the bin, are of this object.",
                code="still_referred_to",
                details={"records": n},
            )

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take an object out of the bin, and with it its records."""
        self.tx.actor.require(f"{self.area}:write")
        await Schema(self.tx).lock()
        if (await self.records.get(id, deleted=True)).deleted_at is not None:
            self._need_room()
        return await super().restore(id, expected_version=expected_version)

    def _need_room(self) -> None:
        if len(self.tx.catalogue.objects) >= MAX_OBJECTS:
            message = f"There are at most {MAX_OBJECTS} custom objects."
            raise Invalid.at("/key", "too_many_objects", message)

    async def delete(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Put an object in the bin: its records are kept, and are not there for anybody."""
        self.tx.actor.require(f"{self.area}:write")
        await Schema(self.tx).lock()
        current = await self.records.get(id)
        leading = [f"{f.target}.{f.name}" for f in self.tx.catalogue.relations_to(current.key)]
        if leading:
            message = f"{', '.join(leading)} would lead nowhere."
            raise Blocked(message, code="in_use", details={"fields": leading})
        if rollups := rollups_over(self.tx.catalogue, current.key):
            message = f"{', '.join(rollups)} would lose what they compute from."
            raise Blocked(message, code="in_use", details={"fields": rollups})
        await super().delete(id, expected_version=expected_version)

    async def change(
        self,
        current: CustomObjectRow,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Set what differs, and publish it."""
        await Schema(self.tx).lock()
        shown = await super().change(current, values, verb=verb, told=told)
        await Schema(self.tx).publish()
        return shown
