"""Rules that share whatever passes a filter."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.collections import service_type
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.custom.catalogue import SharingRule
from crm_api.kit.db.states import hold_state, publish_state
from crm_api.kit.db.tables import RecordAccess
from crm_api.kit.errors import Invalid
from crm_api.kit.query.rules import check_rule
from crm_api.kit.query.visibility import ALL, sight_of
from crm_api.kit.schema import Create, Update
from crm_api.platform.access.events import ApplySharingRule
from crm_api.platform.access.granting import exceeds_grantor, need_one_principal, principal_of
from crm_api.platform.access.models import SharingRuleRow
from crm_api.platform.access.repository import SharingRules
from crm_api.platform.access.schemas import SharingRuleCreate, SharingRuleUpdate

_MATTERS = frozenset({"filter", "access", "is_active", "deleted_at"})
"""What of a rule says who sees what."""
MAX_RULES = 50
"""Of one kind of record: each is looked at with every write."""


class SharingRuleService(NamedService[SharingRuleRow]):
    """Rules that share records; a change is known to all writers within a second."""

    repository = SharingRules
    personal = Impersonal("The organization's own rules.")
    area = "sharing_rules"
    plural = "sharing_rules"
    create_shape = SharingRuleCreate
    update_shape = SharingRuleUpdate
    records: SharingRules
    begins_with: ClassVar[Mapping[str, Any]] = {"applied_at": None}
    targets: ClassVar[frozenset[str]] = frozenset()
    """What can be shared, by the word for a record; also records of custom objects can."""

    async def create(self, data: Create) -> Any:
        """A new rule; what is written from now on follows it, what is there by a job."""
        self.need("create")
        await hold_state(self.tx)
        shown = await super().create(data)
        if shown.is_active:
            await self._publish()
            self._have_applied(shown.target, shown.id, shown.version)
        return shown

    async def update(self, id: UUID, data: Update, *, expected_version: int | None = None) -> Any:
        """Change a rule."""
        self.need("update")
        await hold_state(self.tx)
        return await super().update(id, data, expected_version=expected_version)

    async def delete(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Put a rule in the bin: it shares nothing any more."""
        self.need("delete")
        await hold_state(self.tx)
        await super().delete(id, expected_version=expected_version)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Have a rule share again; by whoever could have made it."""
        self.need("delete")
        await hold_state(self.tx)
        current = await self.records.get(id, lock=True, deleted=True)
        self._check(columns_of(current))
        return await super().restore(id, expected_version=expected_version)

    async def purge(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Destroy a rule; what it shared is shared no more."""
        await hold_state(self.tx)
        await super().purge(id, expected_version=expected_version)

    async def prepare(
        self, values: dict[str, Any], current: SharingRuleRow | None
    ) -> dict[str, Any]:
        """A rule is for one principal, and shares what its maker reaches."""
        values = await super().prepare(values, current)
        whole = {**(columns_of(current) if current else {}), **values}
        if current is None:
            need_one_principal(whole)
            self._need_room(whole["target"])
        if not _MATTERS.isdisjoint(values):
            self._check(whole)
        if "filter" in values:
            values["time_zone"] = self.tx.actor.time_zone
        return values

    def _check(self, rule: Mapping[str, Any]) -> None:
        target = rule["target"]
        known = {*self.targets, *self.tx.catalogue.objects}
        if target not in known:
            message = f"There are: {', '.join(sorted(known))}."
            raise Invalid.at("/target", "not_a_choice", message)
        service: type[CrudService[Any]] = service_type(self.tx, target)
        listing, actor = service.repository.listing, self.tx.actor
        actor.need(listing.area, "read")
        check_rule(rule["filter"], listing, self.tx)
        if sight_of(actor, listing) != ALL:
            raise exceeds_grantor("/target", "You do not see all of these records.")
        if rule["access"] == "write":
            actor.need(listing.area, "update")
            if sight_of(actor, listing, "update") != ALL:
                raise exceeds_grantor("/access", "You may not change all of these records.")

    def _need_room(self, target: str) -> None:
        if len(self.tx.catalogue.rules.get(target, ())) >= MAX_RULES:
            message = f"At most {MAX_RULES} rules share records of a kind."
            raise Invalid.at("/target", "too_many_rules", message)

    async def change(
        self,
        current: SharingRuleRow,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Set what differs; what it shared is not shared till it is applied anew."""
        changes = any(getattr(current, n) != v for n, v in values.items() if n in _MATTERS)
        before = columns_of(current)
        matters = changes and (_is_live(before) or _is_live({**before, **values}))
        if matters:
            values = {**values, "applied_at": None}
            self.tx.remove(RecordAccess, source_id=current.id)
        shown = await super().change(current, values, verb=verb, told=told)
        await self._publish()
        if matters:
            self._have_applied(current.target, current.id, current.version)
        return shown

    def _have_applied(self, target: str, id: UUID, version: int) -> None:
        """Have a job bring what is there in line."""
        self.tx.enqueue(ApplySharingRule(target, id, version))

    async def _publish(self) -> None:
        """Have the rules as they stand now be what every writer goes by."""
        await publish_state(
            self.tx,
            rules=tuple(
                SharingRule(
                    id=row.id,
                    version=row.version,
                    target=row.target,
                    principal_id=principal_of(columns_of(row)),
                    writes=row.access == "write",
                    filter=row.filter,
                    time_zone=row.time_zone,
                    country=self.tx.actor.country,
                )
                for row in await self.records.active()
            ),
        )

    async def complete(self, id: UUID, version: int) -> None:
        """Say that a rule holds for all records, unless it was changed since."""
        await hold_state(self.tx)
        found = await self.records.find(id, lock=True)
        if found is not None and found.is_active and found.version == version:
            await self.change(found, {"applied_at": self.tx.now}, verb="applied")


def _is_live(rule: Mapping[str, Any]) -> bool:
    """Whether a rule shares anything."""
    return rule["is_active"] and rule["deleted_at"] is None
