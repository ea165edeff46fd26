"""The use cases of packs."""

from typing import Any, ClassVar
from uuid import UUID

import msgspec

from crm_api.kit.crud.applying import Applier, Step
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.states import hold_state
from crm_api.kit.errors import Conflict, CrmError, NotFound, WrongState
from crm_api.platform.packs.models import PackApplication
from crm_api.platform.packs.reading import Pack
from crm_api.platform.packs.repository import PackApplications


class PackService(CrudService[PackApplication]):
    """Presets, and what was made of them."""

    repository = PackApplications
    area = "packs"
    plural = "pack_applications"
    personal = Impersonal("What packs have set up.")
    plain = False
    records: PackApplications
    packs: ClassVar[dict[str, Pack]] = {}
    appliers: ClassVar[dict[str, Applier]] = {}
    """What carries out each section, in the order in which they are carried out."""

    async def all(self) -> list[dict[str, Any]]:
        """Every pack, and whether it is applied."""
        self.tx.actor.require(f"{self.area}:read")
        active = await self.records.active()
        return [_shown(pack, active) for pack in self.packs.values()]

    async def one(self, key: str) -> dict[str, Any]:
        """One pack; raises `NotFound`."""
        self.tx.actor.require(f"{self.area}:read")
        return _shown(self._find(key), await self.records.active())

    async def set_up(self, key: str) -> dict[str, Any]:
        """Set up what a pack says and is not there, by the rights of whoever asks."""
        self.tx.actor.require(f"{self.area}:write")
        pack = self._find(key)
        # One at a time, so that two who apply the same do not both create.
        await hold_state(self.tx)
        steps: list[Step] = []
        for section, applier in self.appliers.items():
            if section in pack.contents:
                steps += await self._section(applier, pack.contents[section])
        shown = [msgspec.to_builtins(step) for step in steps]
        earlier = (await self.records.active()).get(key)
        if earlier is not None and all(step.action == "kept" for step in steps):
            application = await self.records.row(earlier)
            return {"result": "unchanged", "application": application, "steps": shown}
        application = self.add(
            {
                "pack": pack.key,
                "pack_version": pack.version,
                "status": "applied",
                "steps": shown,
                "custom": {},
                "external_ids": {},
            }
        )
        return {"result": "applied", "application": application, "steps": shown}

    async def _section(self, applier: Applier, wanted: Any) -> list[Step]:
        try:
            return await applier.apply(self.tx, wanted)
        except CrmError as error:
            raise error.under(f"/{applier.section}") from error

    async def roll_back(self, id: UUID, *, force: bool = False) -> dict[str, Any]:
        """Put back what an application changed.

        Raises `Conflict` naming what was changed or used since; by `force` that goes too, and what
        cannot go is told.
        """
        self.tx.actor.require(f"{self.area}:write")
        await hold_state(self.tx)
        current = await self.locked(id)
        if current.status != "applied":
            raise WrongState("The pack was taken back already.", code="rolled_back")
        steps = msgspec.convert(current.steps, list[Step], strict=False)
        left = [
            found
            for step in reversed(steps)
            if step.action != "kept" and (found := await self._undo(step, force=force))
        ]
        if left and not force:
            names = ", ".join(f"{one['section']} {one['name']}" for one in left)
            raise Conflict(
                f"Changed or used since: {names}. `force` puts them back all the same.",
                code="pack_in_use",
                details={"obstacles": left},
            )
        done = {"status": "rolled_back", "rolled_back_at": self.tx.now}
        # A step that could not be undone has made the session forget what it had read.
        shown = await self.change(await self.locked(id), done, verb="rolled_back")
        return {"application": shown, "left": left}

    async def _undo(self, step: Step, *, force: bool) -> dict[str, Any] | None:
        try:
            async with self.tx.atomic():
                await self.appliers[step.section].undo(self.tx, step, force=force)
        except CrmError as error:
            if error.status not in {404, 409}:
                raise
            named = {"section": step.section, "name": step.name, "record_id": step.record_id}
            return {**named, "code": error.own_code, "detail": error.detail}
        return None

    def _find(self, key: str) -> Pack:
        if key not in self.packs:
            raise NotFound(f"There is no pack {key[:60]!r}.")
        return self.packs[key]


def _shown(pack: Pack, active: dict[str, UUID]) -> dict[str, Any]:
    return {**msgspec.structs.asdict(pack), "application_id": active.get(pack.key)}
