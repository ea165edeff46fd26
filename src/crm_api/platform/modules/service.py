"""The rules of switching modules."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from crm_api.kit.db.states import hold_state, publish_state
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked, Conflict, NotFound
from crm_api.kit.parts import Part
from crm_api.kit.switches import State
from crm_api.platform.modules.repository import Switchboard

AREA = "modules"
VERBS: Mapping[State, str] = {
    "enabled": "enabled",
    "read_only": "made_read_only",
    "disabled": "disabled",
}
"""What the events of a switch are called."""


class ModuleService:
    """The modules of the product, as an organization has them."""

    modules: ClassVar[dict[str, Part]] = {}
    """All of them by their keys, lower first."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.board = Switchboard(tx)

    async def all(self) -> dict[str, Any]:
        """Every module with its state and its place in the graph."""
        self.tx.actor.require(f"{AREA}:read")
        return {"data": await self._shown(list(self.modules.values()))}

    async def get(self, key: str) -> dict[str, Any]:
        """One module; raises `NotFound`."""
        self.tx.actor.require(f"{AREA}:read")
        return (await self._shown([self._find(key)]))[0]

    async def switch(self, key: str, state: State, *, cascade: bool = False) -> dict[str, Any]:
        """Set the state of a module, and with `cascade` of those that it takes along.

        To disable takes along what depends on it; to enable, what it depends on. Raises `Blocked`
        where that is not wanted. Without a difference nothing happens.
        """
        self.tx.actor.require(f"{AREA}:write")
        module = self._find(key)
        if not module.switchable:
            message = f"{module.title} belongs to the core, which is always on."
            raise Conflict(message, code="module_not_switchable", details={"module": key})
        await hold_state(self.tx)
        rows = await self.board.rows()
        states: dict[str, State] = {name: row["state"] for name, row in rows.items()}
        others = self._others(key, state, states)
        if others and not cascade:
            raise _stands_in_the_way(key, state, others)
        changing = [k for k in (*others, key) if states.get(k, "enabled") != state]
        impact = await self._impact(changing)
        changes = [await self._set(k, states.get(k, "enabled"), state) for k in changing]
        if changes:
            after = {**states, **dict.fromkeys(changing, state)}
            closed = {k: s for k, s in after.items() if s != "enabled"}
            await publish_state(self.tx, modules=closed)
        return {"key": key, "state": state, "changes": changes, "impact": impact}

    async def _set(self, key: str, before: State, after: State) -> dict[str, Any]:
        id, version = await self.board.store(key, after)
        self.tx.record(
            f"module.{VERBS[after]}",
            entity="module",
            record_id=id,
            version=version,
            data={"key": key, "state": after},
            previous={"state": before},
        )
        return {"key": key, "before": before, "after": after}

    def _others(self, key: str, state: State, states: Mapping[str, State]) -> list[str]:
        """The other modules that have to change for it, in the order in which they do."""
        if state == "disabled":
            return [k for k in self._above(key) if states.get(k) != "disabled"]
        return [k for k in self._below(key) if states.get(k) == "disabled"]

    def _above(self, key: str) -> list[str]:
        """What depends on it, the highest first."""
        found = {key}
        for module in self.modules.values():
            if not found.isdisjoint(module.depends_on):
                found.add(module.key)
        return [k for k in reversed(list(self.modules)) if k in found - {key}]

    def _below(self, key: str) -> list[str]:
        """What it depends on, the lowest first."""
        found = {key}
        for module in reversed(list(self.modules.values())):
            if module.key in found:
                found.update(module.depends_on)
        return [k for k in self.modules if k in found - {key}]

    async def _impact(self, keys: Sequence[str]) -> dict[str, Any]:
        modules = [self.modules[key] for key in keys]
        usage = await self.board.usage(modules)
        jobs = await self.board.jobs([r.message.kind for m in modules for r in m.jobs])
        entities = [entity for module in modules for entity in module.entities]
        uses = [use for module in self.modules.values() for use in module.uses]
        return {
            "records": [count for key in keys for count in usage.get(key, ())],
            "queued_jobs": jobs.get("queued", 0),
            "running_jobs": jobs.get("running", 0),
            "uses": await self.board.uses(uses, entities) if entities else [],
        }

    async def _shown(self, modules: Sequence[Part]) -> list[dict[str, Any]]:
        rows, usage = await self.board.rows(), await self.board.usage(modules)
        return [self._one(m, rows.get(m.key), usage.get(m.key, [])) for m in modules]

    def _one(self, module: Part, row: Any, usage: list[Any]) -> dict[str, Any]:
        return {
            "key": module.key,
            "title": module.title,
            "description": module.description,
            "state": row["state"] if row else "enabled",
            "switchable": module.switchable,
            "depends_on": list(module.depends_on),
            "required_by": [m.key for m in self.modules.values() if module.key in m.depends_on],
            "changed_at": row["changed_at"] if row else None,
            "changed_by": row["changed_by"] if row else None,
            "usage": usage,
        }

    def _find(self, key: str) -> Part:
        if key not in self.modules:
            raise NotFound(f"There is no module {key[:60]!r}.")
        return self.modules[key]


def _stands_in_the_way(key: str, state: State, others: Sequence[str]) -> Blocked:
    listed = ", ".join(others)
    if state == "disabled":
        message, code = f"Without {key} these cannot be on: {listed}.", "module_required"
    else:
        message, code = f"{key} needs what is disabled: {listed}.", "module_needs_others"
    return Blocked(f"{message} `cascade` takes them along.", code=code, details={"modules": others})
