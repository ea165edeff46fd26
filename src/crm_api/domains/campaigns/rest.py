"""Campaigns over REST."""

from crm_api.domains.campaigns.service import CampaignService
from crm_api.kit.rest.router import crud_router

campaigns = crud_router(CampaignService)

ROUTERS = (campaigns,)
