"""How views are found, and who sees them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import or_

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tables import View
from crm_api.kit.query.listing import Listing
from crm_api.platform.views.schemas import ViewOut


class Views(Repository[View]):
    """The views that are shared, and the actor's own."""

    model = View
    listing = Listing(
        model=View,
        out=ViewOut,
        area="views",
        # Private views are for their owners alone.
        open_to=lambda row, me: or_(row.sharing == "organization", row.owner_id == me),
    )

    async def default_of(self, view: Mapping[str, Any], *, but: UUID | None) -> View | None:
        """The other view that is the default where this one would be, locked."""
        query = self.select().where(
            View.target == view["target"],
            View.sharing == view["sharing"],
            View.is_default,
            View.deleted_at.is_(None),
        )
        if view["sharing"] == "private":
            query = query.where(View.owner_id == view["owner_id"])
        if but is not None:
            query = query.where(View.id != but)
        return (await self.tx.run(query.with_for_update(key_share=True))).scalar_one_or_none()
