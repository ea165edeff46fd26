"""How API keys and organizations are found."""

from typing import Any

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing
from crm_api.platform.identity.models import ApiKey
from crm_api.platform.identity.schemas import ApiKeyOut


class ApiKeys(Repository[ApiKey]):
    """The keys of an organization."""

    model = ApiKey
    listing = Listing(model=ApiKey, out=ApiKeyOut, area="api_keys")


async def own_organization(tx: Tx) -> Any:
    """The actor's organization."""
    rows = await tx.fetch(
        "SELECT id, name, country, time_zone, currency, created_at FROM organizations WHERE id = $1",
        tx.organization_id,
    )
    return dict(rows[0])
