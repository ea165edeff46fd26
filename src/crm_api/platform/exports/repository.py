"""How exports are stored and found."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing
from crm_api.platform.exports.models import Export
from crm_api.platform.exports.schemas import ExportRecord


class Exports(Repository[Export]):
    """The exports of an organization."""

    model = Export
    listing = Listing(model=Export, out=ExportRecord, area="exports")

    async def job_statuses(self, ids: Iterable[UUID]) -> dict[UUID, str]:
        """How some jobs stand."""
        rows = await self.tx.fetch(
            "SELECT id, status FROM jobs WHERE organization_id = $1 AND id = ANY($2)",
            self.tx.organization_id,
            list(ids),
        )
        return {row["id"]: row["status"] for row in rows}

    async def unneeded(self, names: Sequence[str], now: datetime) -> list[str]:
        """Those of some files that no export has any more; none of an unknown organization."""
        rows = await self.tx.fetch(
            "SELECT name FROM unnest($2::text[]) AS name WHERE NOT EXISTS ("
            "SELECT FROM exports WHERE organization_id = $1 AND stored_as = name "
            "AND deleted_at IS NULL AND expires_at > $3) "
            "AND EXISTS (SELECT FROM organizations WHERE id = $1)",
            self.tx.organization_id,
            list(names),
            now,
        )
        return [row["name"] for row in rows]
