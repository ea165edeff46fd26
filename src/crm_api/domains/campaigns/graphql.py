"""Campaigns over GraphQL."""

from typing import Annotated

import strawberry

from crm_api.domains.campaigns import schemas
from crm_api.domains.campaigns.service import CampaignService
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import type_from


@type_from(schemas.CampaignOut)
class Campaign:
    """A programme, a campaign of it, or a tactic of that."""

    parent = related(CampaignService, "parent", Annotated["Campaign", strawberry.lazy(__name__)])


_CAMPAIGNS = Collection(CampaignService, Campaign)

QUERIES = (_CAMPAIGNS.query(),)
MUTATIONS = (_CAMPAIGNS.mutation(),)
