"""How packs set up pipelines, with the stages that deals go through."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.deals.pipelines import PipelineService, StageService
from crm_api.kit.crud.applying import CollectionApplier, Step
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict


class PipelineApplier(CollectionApplier):
    """Makes pipelines; `stages` of a pack are their open ones, in their order."""

    def begun(self, tx: Tx, body: Mapping[str, Any]) -> tuple[CrudService[Any], Mapping[str, Any]]:
        """The service that makes these stages."""
        service = PipelineService(tx)
        service.opens = body["stages"]
        return service, {name: value for name, value in body.items() if name != "stages"}

    async def need_unused(self, service: CrudService[Any], current: Any, step: Step) -> None:
        """Its stages are those that it was made with; deals keep it from being destroyed."""
        stages = StageService(service.tx).records
        rows = (
            await service.tx.run(
                stages.select_all().where(
                    stages.model.pipeline_id == current.id, stages.model.deleted_at.is_(None)
                )
            )
        ).scalars()
        if any(stage.version > 1 or stage.created_at > current.created_at for stage in rows):
            raise Conflict(f"{step.name} has other stages now.", code="changed_since")
