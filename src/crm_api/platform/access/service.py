"""The rules of roles and of who has them."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.access import EVERY, permissions, record_areas
from crm_api.kit.actor import CREDENTIALS
from crm_api.kit.crud.collections import service_type
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid, WrongState
from crm_api.platform.access.granting import may_give_all, need_all_of, role_of
from crm_api.platform.access.models import RoleAssignment, RoleRow
from crm_api.platform.access.repository import RoleAssignments, Roles
from crm_api.platform.access.schemas import (
    RoleAssignmentCreate,
    RoleAssignmentUpdate,
    RoleCreate,
    RoleUpdate,
)

_GIVEN = frozenset({"levels", "masks", "permissions"})


class RoleService(NamedService[RoleRow]):
    """What users may do; those that every organization begins with stay as they are."""

    repository = Roles
    personal = Impersonal("The organization's own rules.")
    area = "roles"
    plural = "roles"
    create_shape = RoleCreate
    update_shape = RoleUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {"key": None}
    stale = frozenset({CREDENTIALS})
    targets: ClassVar[Mapping[str, type[CrudService[Any]]]] = {}
    """The collections with fields to mask, by the word for a record."""

    async def prepare(self, values: dict[str, Any], current: RoleRow | None) -> dict[str, Any]:
        """A role names what there is, and holds no more than whoever makes or changes it."""
        values = await super().prepare(values, current)
        if _GIVEN.isdisjoint(values):
            return values
        faults = [*_unknown(values), *self._unfit(values.get("masks", {}))]
        if faults:
            raise Invalid(faults[0].message, faults=faults[:20])
        before = {} if current is None else columns_of(current)
        if any(before.get(name) != values[name] for name in _GIVEN & values.keys()):
            need_all_of(self.tx.actor, role_of({"id": None, **before, **values}))
        return values

    async def change(
        self,
        current: RoleRow,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Set what differs, of the organization's own roles; raises `WrongState`."""
        _need_own(current)
        return await super().change(current, values, verb=verb, told=told)

    async def check_purge(self, current: RoleRow) -> None:
        """What every organization begins with stays."""
        _need_own(current)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a role out of the bin; only for those who could have made it."""
        self.need("update")
        current = await self.records.get(id, lock=True, deleted=True)
        need_all_of(self.tx.actor, role_of(columns_of(current)))
        return await super().restore(id, expected_version=expected_version)

    def _unfit(self, masks: Mapping[str, Mapping[str, list[str]]]) -> list[Fault]:
        faults: list[Fault] = []
        known_kinds = {*self.targets, *self.tx.catalogue.objects}
        for entity, mask in masks.items():
            if entity not in known_kinds:
                message = f"There are fields of: {', '.join(sorted(known_kinds))}."
                faults.append(Fault("not_a_choice", message, pointer=f"/masks/{entity}"))
                continue
            service = service_type(self.tx, entity)
            custom = {f"custom.{name}" for name in self.tx.catalogue.of(entity).by_name}
            hideable = service.repository.listing.maskable
            # What came in or left is changed by nobody.
            settable = service.update_shape.model_fields.keys() if service.plain else ()
            for kind, known in (("hidden", hideable), ("read_only", settable)):
                faults += [
                    Fault("not_a_choice", "Not a field for this.", f"/masks/{entity}/{kind}/{n}")
                    for n, name in enumerate(mask[kind])
                    if name not in known and name not in custom
                ]
        return faults


class RoleAssignmentService(CrudService[RoleAssignment]):
    """Who has which role."""

    repository = RoleAssignments
    personal = Impersonal("Members of the organization.")
    area = "roles"
    plural = "role_assignments"
    create_shape = RoleAssignmentCreate
    update_shape = RoleAssignmentUpdate
    stale = frozenset({CREDENTIALS})

    async def prepare(
        self, values: dict[str, Any], current: RoleAssignment | None
    ) -> dict[str, Any]:
        """A role is given by those alone who have all that it holds."""
        role_id: UUID | None = values.get("role_id")
        if role_id is not None and (current is None or role_id != current.role_id):
            await self._need_all_of(role_id)
        return await super().prepare(values, current)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Give a role back; only for those who could give it anew."""
        self.need("update")
        current = await self.records.get(id, lock=True, deleted=True)
        await self._need_all_of(current.role_id)
        return await super().restore(id, expected_version=expected_version)

    async def assign(self, user_id: UUID, role_ids: list[UUID]) -> None:
        """Give a new user roles; the pointers of mistakes lead into `/role_ids`."""
        self.need("create")
        for place, role_id in enumerate(dict.fromkeys(role_ids)):
            role = await RoleService(self.tx).records.find(role_id)
            if role is None:
                message = "There is no such role."
                raise Invalid.at(f"/role_ids/{place}", "unknown_reference", message)
            need_all_of(self.tx.actor, role_of(columns_of(role)))
            own = {"role_id": role_id, "user_id": user_id, "owner_id": None}
            self.add({**own, "reason": None, "custom": {}, "external_ids": {}})

    async def _need_all_of(self, role_id: UUID) -> None:
        if may_give_all(self.tx.actor):
            # That there is such a role says the database.
            return
        # Locked, so that it is not made to hold more before the commit.
        role = await RoleService(self.tx).records.find(role_id, lock=True)
        if role is None:
            raise Invalid.at("/role_id", "unknown_reference", "There is no such role.")
        need_all_of(self.tx.actor, role_of(columns_of(role)))


def _need_own(role: RoleRow) -> None:
    if role.key is not None:
        message = "Every organization has this role as it is; make another one like it."
        raise WrongState(message, code="built_in")


def _unknown(values: Mapping[str, Any]) -> list[Fault]:
    areas, rights = {EVERY, *record_areas()}, {EVERY, *permissions()}
    faults = [
        Fault("not_a_choice", f"There are: {', '.join(sorted(areas))}.", f"/levels/{area}")
        for area in values.get("levels", {})
        if area not in areas
    ]
    return faults + [
        Fault("not_a_choice", f"There are: {', '.join(sorted(rights))}.", f"/permissions/{n}")
        for n, right in enumerate(values.get("permissions", ()))
        if right not in rights
    ]


async def forget_roles(tx: Tx, user_id: UUID) -> None:
    """Destroy what says that a user who is destroyed had roles."""
    for row in await RoleAssignmentService(tx).records.destroy(user_id):
        entity, version = RoleAssignment.entity, row["version"] + 1
        tx.record(f"{entity}.purged", entity=entity, record_id=row["id"], version=version, data={})


async def assign_roles(tx: Tx, user_id: UUID, role_ids: list[UUID]) -> None:
    """Give a new user roles; raises `Invalid` and `Forbidden` with pointers into `/role_ids`."""
    await RoleAssignmentService(tx).assign(user_id, role_ids)
