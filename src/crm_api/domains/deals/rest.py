"""Deals and their pipelines over REST."""

from crm_api.domains.deals.pipelines import LossReasonService, PipelineService, StageService
from crm_api.domains.deals.service import DealService
from crm_api.kit.rest.router import crud_router

pipelines = crud_router(PipelineService)
stages = crud_router(StageService)
deals = crud_router(DealService)

ROUTERS = (pipelines, stages, deals, crud_router(LossReasonService))
