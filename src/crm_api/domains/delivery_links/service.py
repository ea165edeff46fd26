"""The rules of links of projects, for those who deliver."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.delivery_links.models import DeliveryLink
from crm_api.domains.delivery_links.repository import AREA, DeliveryLinks
from crm_api.domains.delivery_links.schemas import DeliveryLinkCreate, DeliveryLinkUpdate
from crm_api.domains.projects.service import ProjectService
from crm_api.domains.quote_links.tokens import LinkTokens
from crm_api.kit.crud.personal import About, Gone
from crm_api.kit.crud.purges import empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.query.selection import Selection
from crm_api.kit.schema import Create

TOKENS = LinkTokens("delivery", "delivery link")
_KEPT = "Says by which link something was accepted; the label and who looked are emptied."


class DeliveryLinkService(CrudService[DeliveryLink]):
    """Secret addresses at which customers accept what was delivered."""

    repository = DeliveryLinks
    area = AREA
    plural = "delivery_links"
    personal = About(("contact_id",), end="kept", reason=_KEPT)
    create_shape = DeliveryLinkCreate
    update_shape = DeliveryLinkUpdate
    # Only creation shows a token, so the caller must know which of the two it was.
    upserts = False
    begins_with: ClassVar[Mapping[str, Any]] = {"revoked_at": None, "first_viewed_at": None}
    records: DeliveryLinks

    async def create(self, data: Create) -> Any:
        """A new link; the answer holds its token this once."""
        self.need("create")
        self.tx.confidential = True
        values = await self.prepare(await self.given(data), None)
        await self.admit(values, None)
        token = TOKENS.new(self.tx.organization_id, id := new_id())
        hashed = TOKENS.hash_of(self.tx.database.signing_key, token.secret)
        own = {"id": id, "secret_hash": hashed}
        made = await self.told(self.add({**values, **self.begins_with, **own}), new=True)
        return {
            **{name: getattr(made, name) for name in self.records.listing.shown},
            "token": str(token),
            "path": f"/public/deliveries/{token}/page",
        }

    async def prepare(self, values: dict[str, Any], current: DeliveryLink | None) -> dict[str, Any]:
        """An end that is yet to come."""
        values = await super().prepare(values, current)
        ends = values.get("expires_at")
        if (
            ends is not None
            and ends != getattr(current, "expires_at", None)
            and ends <= self.tx.now
        ):
            raise Invalid.at("/expires_at", "in_the_past", "It would be over already: revoke it.")
        return values

    async def revoke(self, id: UUID, expected: int | None = None) -> Any:
        """Have a link open nothing from now on, for good; one that was revoked stays so."""
        self.need("update")
        current = await self.locked(id, expected)
        if current.revoked_at is not None:
            return await self.told(self.shown_of(current))
        return await self.told(
            await self.change(current, {"revoked_at": self.tx.now}, verb="revoked")
        )

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
