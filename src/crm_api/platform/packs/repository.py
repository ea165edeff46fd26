"""How applied packs are found."""

from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing
from crm_api.platform.packs.models import PackApplication
from crm_api.platform.packs.schemas import PackApplicationOut


class PackApplications(Repository[PackApplication]):
    """The packs that were applied."""

    model = PackApplication
    listing = Listing(
        model=PackApplication, out=PackApplicationOut, area="packs", default_sort="-created_at"
    )

    async def active(self) -> dict[str, UUID]:
        """The latest application of each pack that is applied."""
        rows = await self.tx.fetch(
            "SELECT DISTINCT ON (pack) pack, id FROM pack_applications WHERE organization_id = $1 "
            "AND status = 'applied' AND deleted_at IS NULL ORDER BY pack, id DESC",
            self.tx.organization_id,
        )
        return {row["pack"]: row["id"] for row in rows}
