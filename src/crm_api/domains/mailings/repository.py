"""How mailings are listed and found."""

from crm_api.domains.campaigns.repository import CAMPAIGNS
from crm_api.domains.conversations.repository import CHANNELS
from crm_api.domains.mailings.models import Mailing
from crm_api.domains.mailings.schemas import MailingOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation, Searched

AREA = "mailings"
MAILINGS: Listing = Listing(
    model=Mailing,
    out=MailingOut,
    area=AREA,
    sorts={"name": Mailing.sort_name},
    relations=(
        Relation("channel", lambda: CHANNELS, Mailing.channel_id, CHANNELS.model.id),
        Relation(
            "campaign",
            lambda: CAMPAIGNS,
            Mailing.campaign_id,
            CAMPAIGNS.model.id,
            back="mailings",
        ),
    ),
    search=Searched(names=("name",), others=("description", "external_ids")),
)
HAS_AUDIENCE = """EXISTS (
    SELECT FROM campaigns k WHERE k.organization_id = $1 AND k.id = $3 AND k.channel IS NOT NULL)"""
"""Whether the campaign `$3` was launched to an audience: one without a channel reaches nobody by name."""


class Mailings(Repository[Mailing]):
    """The mailings of an organization."""

    model = Mailing
    listing = MAILINGS
