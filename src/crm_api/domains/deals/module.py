"""Deals as a part of the product."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.deals.graphql import MUTATIONS, QUERIES
from crm_api.domains.deals.importer import DealImporter
from crm_api.domains.deals.partied import forget_competitors
from crm_api.domains.deals.people import DealContactService
from crm_api.domains.deals.pipelines import LossReasonService, PipelineService, StageService
from crm_api.domains.deals.repository import AREA
from crm_api.domains.deals.rest import ROUTERS
from crm_api.domains.deals.service import DealMoveService, DealService
from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.db.tx import Tx
from crm_api.kit.module import Module


async def _follow(tx: Tx, stage: Mapping[str, Any]) -> None:
    await DealService(tx).follow(stage)


StageService.followers.append(_follow)
DealService.purged.append(forget_competitors(DealService))
MODULE = Module(
    key="deals",
    title="Deals",
    description="What may be sold, and the pipelines that it goes through.",
    depends_on=["companies", "contacts"],
    routers=ROUTERS,
    queries=QUERIES,
    mutations=MUTATIONS,
    importers=[DealImporter()],
    appliers=[
        CollectionApplier(PipelineService, by=["key"]),
        CollectionApplier(LossReasonService, by=["key"]),
    ],
    managed={AREA: Managed("manage_settings")},
    events=[*(f"deal.{verb}" for verb in ("moved", "won", "lost", "reopened", "ranked", "split"))],
    services=[
        PipelineService,
        StageService,
        LossReasonService,
        DealService,
        DealContactService,
        DealMoveService,
    ],
)
