"""How plans of distributions are listed and found, and what decisions have in common."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.leads.models import LeadPlan
from crm_api.domains.leads.plan_schemas import LeadPlanOut
from crm_api.domains.leads.repository import POOLS
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import encode, parsed
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing, Relation

PLANS: Listing = Listing(
    model=LeadPlan,
    out=LeadPlanOut,
    area="leads",
    relations=(Relation("pool", lambda: POOLS, LeadPlan.pool_id, POOLS.model.id),),
)
_SLICE = """
    SELECT items FROM lead_plan_slices WHERE organization_id = $1 AND plan_id = $2 AND place = $3
"""
_KEEP_SLICE = """
    UPDATE lead_plan_slices SET items = $4::text::jsonb
    WHERE organization_id = $1 AND plan_id = $2 AND place = $3
"""
_GROUNDS = "SELECT id, told FROM lead_grounds WHERE organization_id = $1 AND id = ANY($2)"
_LEADS_OF = """
    SELECT items -> 'leads' AS leads FROM lead_plan_slices
    WHERE organization_id = $1 AND plan_id = $2 ORDER BY place
"""


class Plans(Repository[LeadPlan]):
    """Plans of distributions."""

    model = LeadPlan
    listing = PLANS

    async def slice(self, id: UUID, place: int) -> dict[str, Any] | None:
        """Some of the leads of a plan; None behind its end."""
        rows = await self.tx.fetch(_SLICE, self.tx.organization_id, id, place)
        return parsed(rows[0]["items"]) if rows else None

    async def keep_slice(self, id: UUID, place: int, items: Mapping[str, Any]) -> None:
        """Write down what became of some leads of a plan."""
        text = encode(items).decode()
        await self.tx.write(_KEEP_SLICE, self.tx.organization_id, id, place, text)

    async def leads_of(self, id: UUID) -> list[UUID]:
        """All leads of a plan."""
        rows = await self.tx.fetch(_LEADS_OF, self.tx.organization_id, id)
        return [UUID(one) for row in rows for one in parsed(row["leads"])]


async def grounds_of(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """By id, grounds that decisions share."""
    rows = await tx.fetch(_GROUNDS, tx.organization_id, list(ids)) if ids else []
    return {row["id"]: parsed(row["told"]) for row in rows}
