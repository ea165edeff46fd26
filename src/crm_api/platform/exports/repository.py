"""How exports are stored and found."""

from collections.abc import Iterable
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing
from crm_api.platform.exports.models import Export
from crm_api.platform.exports.schemas import ExportRecord


class Exports(Repository[Export]):
    """The exports of an organization."""

    model = Export
    listing = Listing(model=Export, out=ExportRecord, area="exports")

    async def all(self) -> list[Export]:
        """Every one, in the bin too, locked."""
        query = self.select().order_by(Export.id).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def job_statuses(self, ids: Iterable[UUID]) -> dict[UUID, str]:
        """How some jobs stand."""
        rows = await self.tx.fetch(
            "SELECT id, status FROM jobs WHERE organization_id = $1 AND id = ANY($2)",
            self.tx.organization_id,
            list(ids),
        )
        return {row["id"]: row["status"] for row in rows}
