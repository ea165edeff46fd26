"""How campaigns are listed and found."""

from crm_api.domains.campaigns.models import Campaign
from crm_api.domains.campaigns.schemas import CampaignOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation, Searched

AREA = "campaigns"
CAMPAIGNS: Listing = Listing(
    model=Campaign,
    out=CampaignOut,
    area=AREA,
    sorts={"name": Campaign.sort_name},
    relations=(Relation("parent", lambda: CAMPAIGNS, Campaign.parent_id, Campaign.id),),
    search=Searched(names=("name",), others=("objective", "description", "external_ids")),
)


class Campaigns(Repository[Campaign]):
    """The campaigns of an organization."""

    model = Campaign
    listing = CAMPAIGNS
