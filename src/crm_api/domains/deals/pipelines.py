"""The rules of pipelines, and of the reasons why deals are lost."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from crm_api.domains.deals.criteria import CRITERIA, check_criteria
from crm_api.domains.deals.models import LossReason, Pipeline, Stage
from crm_api.domains.deals.pipeline_schemas import (
    LossReasonCreate,
    LossReasonUpdate,
    PipelineCreate,
    PipelineUpdate,
    StageCreate,
    StageUpdate,
)
from crm_api.domains.deals.policies import check_artefacts
from crm_api.domains.deals.repository import AREA, LossReasons, Pipelines, Stages
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of, values_of
from crm_api.kit.db.json import decode, encode
from crm_api.kit.errors import Blocked, Fault, Invalid

_PERSONAL = Impersonal("How the organization sells.")
# At the end, however many open stages come before them.
_WON, _LOST = 900_000, 900_001
_NEW: Mapping[str, Any] = {"name": "New", "probability": 10}
_LAST: Sequence[Mapping[str, Any]] = (
    {"name": "Won", "kind": "won", "position": _WON, "probability": 100},
    {"name": "Lost", "kind": "lost", "position": _LOST, "probability": 0},
)
_CLOSED: Mapping[str, tuple[int, str]] = {"won": (100, "closed"), "lost": (0, "omitted")}


class PipelineService(NamedService[Pipeline]):
    """The ways that deals go."""

    repository = Pipelines
    area = AREA
    plural = "pipelines"
    personal = _PERSONAL
    create_shape = PipelineCreate
    update_shape = PipelineUpdate
    records: Pipelines
    opens: Sequence[Mapping[str, Any]] = (_NEW,)
    """The open stages that new pipelines begin with, in their order."""

    async def prepare(self, values: dict[str, Any], current: Pipeline | None) -> dict[str, Any]:
        """One pipeline is the default one: the last that was said to be."""
        values = await super().prepare(values, current)
        whole = {**(columns_of(current) if current else {}), **values}
        if values.get("win_needs", "nothing") != "nothing":
            check_artefacts([values["win_needs"]], "/win_needs")
        if whole["is_default"] and whole["is_archived"]:
            message = "Deals begin in the default pipeline; an archived one takes none."
            raise Invalid.at("/is_archived", "default_pipeline", message)
        if values.get("is_default") and not (current and current.is_default):
            await self.records.lock_default()
            other = await self.records.default(lock=True)
            if other is not None:
                await self.change(other, {"is_default": False})
                await self.tx.flush()  # the unique index must see one go before the other comes
        return values

    def add(self, values: dict[str, Any]) -> Any:
        """A new pipeline with its first stages."""
        shown = super().add(values)
        stages = StageService(self.tx)
        opens = [
            {"kind": "open", "position": place, **first}
            for place, first in enumerate(self.opens, start=1)
        ]
        for first in (*opens, *_LAST):
            begun = StageCreate.model_validate({"name": first["name"], "pipeline_id": shown.id})
            stages.add(stages.normalise({**values_of(begun), **first}, None, None))
        return shown

    async def begin(self) -> None:
        """Make a default pipeline where there is none."""
        await self.records.lock_default()
        if await self.records.default() is None:
            first = PipelineCreate.model_validate({"name": "Sales", "is_default": True})
            self.add(self.normalise(values_of(first), None, None))

    async def remove(self, records: Sequence[Pipeline]) -> None:
        """What has deals stays."""
        ids = [record.id for record in records]
        await self.records.sealed(ids, everywhere=True)
        if count := await self.records.in_use(ids):
            message = f"{count} deals are in it; move them, or archive it."
            raise Blocked(message, code="has_deals", details={"deals": count})
        for record in records:
            await self.change(record, {"is_default": False})
        await super().remove(records)


class StageService(NamedService[Stage]):
    """Where deals stand on their way, and what that takes."""

    repository = Stages
    area = AREA
    plural = "stages"
    personal = _PERSONAL
    create_shape = StageCreate
    update_shape = StageUpdate
    records: Stages
    followers: ClassVar[list[Any]] = []
    """Told in the same transaction that a stage is more or less probable, or deals rot otherwise."""

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Stage | None, country: str | None
    ) -> dict[str, Any]:
        """What is won or lost is so for sure."""
        del country
        kind = values["kind"] if current is None else current.kind
        if kind in _CLOSED:
            _close(values, *_CLOSED[kind])
            if values.get("wip_limit") is not None:
                message = "Only open stages take no more than so many deals."
                raise Invalid.at("/wip_limit", "not_allowed", message)
        else:
            if values.get("forecast_category") == "closed":
                message = "An open stage is not closed."
                raise Invalid.at("/forecast_category", "not_allowed", message)
            if current is None:
                values["probability"] = values["probability"] or 0
                values["forecast_category"] = values["forecast_category"] or "pipeline"
        return cls.derive(values, current)

    async def prepare(self, values: dict[str, Any], current: Stage | None) -> dict[str, Any]:
        """It comes last unless it says where; what it asks for can be asked for."""
        values = await super().prepare(values, current)
        check_criteria(self.tx, values)
        check_artefacts(values.get("required_artefacts") or (), "/required_artefacts/{}")
        for name in {*CRITERIA, "checklist"} & values.keys():
            # As it is stored, so that what is equal is no change.
            values[name] = decode(encode(values[name]))
        if current is None and values["position"] is None:
            pipeline_id, kind = values["pipeline_id"], values["kind"]
            values["position"] = await self.records.next_position(pipeline_id, kind)
        return values

    async def apply(self, current: Stage, given: dict[str, Any]) -> Any:
        """Its deals follow where they say nothing else by hand."""
        before = _standing(current)
        shown = await super().apply(current, given)
        if before != _standing(current):
            for follow in self.followers:
                await follow(self.tx, columns_of(current))
        return shown

    async def remove(self, records: Sequence[Stage]) -> None:
        """A stage with deals stays, and so does the last one of its kind."""
        ids = [record.id for record in records]
        pipelines = sorted({record.pipeline_id for record in records})
        await self.records.lock_pipelines(pipelines)
        await self.records.sealed(ids, everywhere=True)
        if count := await self.records.in_use(ids):
            message = f"{count} deals stand in it, perhaps in the bin: say where they go."
            fault = Fault("has_deals", message, "/move_to")
            raise Blocked(message, code="has_deals", faults=[fault], details={"deals": count})
        for pipeline_id in pipelines:
            left = await self.records.left(pipeline_id, ids)
            gone = {record.kind for record in records if record.pipeline_id == pipeline_id}
            if last := sorted(kind for kind in gone if not left.get(kind)):
                message = f"A pipeline needs a stage of the kind {last[0]}."
                raise Blocked(message, code="last_of_its_kind")
        await super().remove(records)


class LossReasonService(NamedService[LossReason]):
    """Why deals are lost."""

    repository = LossReasons
    area = AREA
    plural = "loss_reasons"
    personal = _PERSONAL
    create_shape = LossReasonCreate
    update_shape = LossReasonUpdate
    records: LossReasons


def _standing(stage: Stage) -> tuple[Any, ...]:
    """What deals have of their stage."""
    return stage.probability, stage.forecast_category, stage.rotting_days


def _close(values: dict[str, Any], probability: int, category: str) -> None:
    """Set what a closed stage has; raises `Invalid` where it says something else."""
    for name, value in (("probability", probability), ("forecast_category", category)):
        if values.get(name, value) not in {None, value}:
            raise Invalid.at(f"/{name}", "not_allowed", f"Of this kind of stage it is {value}.")
        if name in values:
            values[name] = value
