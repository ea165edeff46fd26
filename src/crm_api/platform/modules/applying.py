"""How packs switch modules."""

from collections.abc import Mapping

from crm_api.kit.crud.applying import Step
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.kit.switches import State
from crm_api.platform.modules.service import ModuleService


class ModuleApplier:
    """Sets the states of modules, with those that they take along."""

    section = "modules"

    async def apply(self, tx: Tx, wanted: Mapping[str, State]) -> list[Step]:
        """Switch what differs."""
        service, steps = ModuleService(tx), list[Step]()
        for key, state in wanted.items():
            done = await service.switch(key, state, cascade=True)
            rows = await service.board.rows()
            steps += [
                Step(
                    self.section,
                    change["key"],
                    "switched",
                    rows[change["key"]]["id"],
                    rows[change["key"]]["version"],
                    change["before"],
                    change["after"],
                )
                for change in done["changes"]
            ]
            if not done["changes"]:
                steps.append(Step(self.section, key, "kept", after=state))
        return steps

    async def undo(self, tx: Tx, step: Step, *, force: bool) -> None:
        """Switch a module back, unless somebody has switched it since."""
        service = ModuleService(tx)
        row = (await service.board.rows())[step.name]
        if row["version"] != step.version and not force:
            raise Conflict(f"{step.name} was switched since.", code="changed_since")
        before: State = step.before  # pyright: ignore[reportAssignmentType]
        await service.switch(step.name, before, cascade=force)
