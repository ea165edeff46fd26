"""The rules of pools, and of the rules that lead to them."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.leads.events import ask_for_distribution
from crm_api.domains.leads.models import LeadPool, LeadRule
from crm_api.domains.leads.pool_schemas import (
    LeadPoolCreate,
    LeadPoolUpdate,
    LeadRuleCreate,
    LeadRuleUpdate,
)
from crm_api.domains.leads.repository import LEADS, Pools, Rules
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.states import have_derived
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.conditions import check
from crm_api.platform.calendars.repository import WorkingCalendars

_POOL = frozenset(
    (
        *("is_active", "strategy", "members", "calendar_id", "manager_id", "fallback_pool_id"),
        "deleted_at",
    )
)
_RULE = frozenset(("position", "is_active", "filter", "target", "pool_id", "user_id", "deleted_at"))


class LeadPoolService(NamedService[LeadPool]):
    """Representatives who share leads."""

    repository = Pools
    area = "lead_pools"
    plural = "lead_pools"
    personal = Impersonal("How the organization works; its members are users.")
    create_shape = LeadPoolCreate
    update_shape = LeadPoolUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {"turns": {}}
    records: Pools

    async def prepare(self, values: dict[str, Any], current: LeadPool | None) -> dict[str, Any]:
        """Its members are users, and its fallbacks lead back to none."""
        values = await super().prepare(values, current)
        if "members" in values:
            values["members"] = decode(encode(values["members"] or []))
            await self._need_members(values["members"])
        if values.get("fallback_pool_id") is not None and current is not None:
            await self._need_end(current.id, values["fallback_pool_id"])
        if values.get("response_minutes") is not None:
            # Who reaches a lead by an activity has responded.
            await have_derived(self.tx, frozenset({"activity", "lead"}))
        return values

    async def _need_members(self, members: list[dict[str, Any]]) -> None:
        if not members:
            return
        users = await self.records.active([UUID(one["user_id"]) for one in members])
        wanted = {UUID(one["calendar_id"]) for one in members if one["calendar_id"] is not None}
        there = {row["id"] for row in await WorkingCalendars(self.tx).whatever(wanted)}
        faults = [
            Fault("unknown_reference", "There is no such user.", f"/members/{place}/user_id")
            for place, one in enumerate(members)
            if UUID(one["user_id"]) not in users
        ]
        faults += [
            Fault("unknown_reference", "There is no such calendar.", f"/members/{n}/calendar_id")
            for n, one in enumerate(members)
            if one["calendar_id"] is not None and UUID(one["calendar_id"]) not in there
        ]
        if faults:
            raise Invalid(faults[0].message, faults=faults)

    async def _need_end(self, id: UUID, fallback: UUID) -> None:
        """Raise `Invalid` where the way of fallbacks comes back to the pool."""
        known = await self.records.fallbacks()
        seen = {id}
        step: UUID | None = fallback
        while step is not None:
            if step in seen:
                message = "A pool cannot fall back on itself, by whatever way."
                raise Invalid.at("/fallback_pool_id", "hierarchy_cycle", message)
            seen.add(step)
            step = known.get(step)

    async def change(
        self,
        current: LeadPool,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Leads that nobody could take may be taken now."""
        if any(getattr(current, name) != values[name] for name in _POOL & values.keys()):
            ask_for_distribution(self.tx, anew=True)
        return await super().change(current, values, verb=verb, told=told)


class LeadRuleService(NamedService[LeadRule]):
    """Where certain leads go."""

    repository = Rules
    area = "lead_rules"
    plural = "lead_rules"
    personal = Impersonal("How the organization works.")
    create_shape = LeadRuleCreate
    update_shape = LeadRuleUpdate
    records: Rules

    async def prepare(self, values: dict[str, Any], current: LeadRule | None) -> dict[str, Any]:
        """A rule fits leads, and leads to what its target says."""
        values = await super().prepare(values, current)
        if "filter" in values:
            check(self.tx, LEADS, values["filter"])

        def after(name: str) -> Any:
            return values[name] if name in values else getattr(current, name)

        for target, name in (("pool", "pool_id"), ("user", "user_id")):
            is_one, is_given = after("target") == target, after(name) is not None
            if is_one and not is_given:
                raise Invalid.at(f"/{name}", "required", f"A rule of this target has a {target}.")
            if is_given and not is_one:
                raise Invalid.at(f"/{name}", "not_for_its_target", "Its target is another.")
        minutes = after("response_minutes") if current or "response_minutes" in values else None
        if minutes is not None and after("target") == "pool":
            message = "A pool has its own."
            raise Invalid.at("/response_minutes", "not_for_its_target", message)
        kinds = {"lead"} if current is None else set[str]()
        # Who reaches a lead by an activity has responded.
        kinds |= {"activity", "lead"} if minutes is not None else set()
        await have_derived(self.tx, frozenset(kinds))
        return values

    def add(self, values: dict[str, Any]) -> Any:
        """What waits may go by it."""
        ask_for_distribution(self.tx, anew=True)
        return super().add(values)

    async def change(
        self,
        current: LeadRule,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """What waits may go by it."""
        if any(getattr(current, name) != values[name] for name in _RULE & values.keys()):
            ask_for_distribution(self.tx, anew=True)
        return await super().change(current, values, verb=verb, told=told)
