"""The rules of links of projects, for those who deliver."""

from typing import Any
from uuid import UUID

from crm_api.domains.delivery_links.models import DeliveryLink
from crm_api.domains.delivery_links.repository import AREA, DeliveryLinks
from crm_api.domains.delivery_links.schemas import DeliveryLinkCreate, DeliveryLinkUpdate
from crm_api.domains.projects.service import ProjectService
from crm_api.kit.crud.personal import About, Gone
from crm_api.kit.crud.purges import empty_events
from crm_api.kit.db.tx import Tx
from crm_api.kit.links.linking import LinkService
from crm_api.kit.links.tokens import LinkTokens
from crm_api.kit.query.selection import Selection

TOKENS = LinkTokens("delivery", "delivery link")
_KEPT = "Says by which link something was accepted; the label and who looked are emptied."


class DeliveryLinkService(LinkService[DeliveryLink]):
    """Secret addresses at which customers accept what was delivered."""

    repository = DeliveryLinks
    area = AREA
    plural = "delivery_links"
    personal = About(("contact_id",), end="kept", reason=_KEPT)
    create_shape = DeliveryLinkCreate
    update_shape = DeliveryLinkUpdate
    tokens = TOKENS
    page_path = "/public/deliveries/{token}/page"
    records: DeliveryLinks

    async def check_purge(self, current: DeliveryLink) -> None:
        """What was done by it goes with it."""
        await super().check_purge(current)
        await self.records.forget_visits(current.id)

    async def visits(self, project_id: UUID) -> dict[str, Any]:
        """What was done by the links of a project; raises `NotFound`."""
        self.need("read")
        await ProjectService(self.tx).get(project_id, Selection(("id", "version")))
        return {"recent": await self.records.recent(project_id)}


async def wipe(tx: Tx, gone: Gone) -> int:
    """Empty what links and visits tell of a person."""
    found = await DeliveryLinks(tx).wipe(gone.ids, [*gone.names, *gone.values("email")])
    await empty_events(tx, found)
    return len(found)
