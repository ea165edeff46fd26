"""How territories are listed, and which leads are in them."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from crm_api.domains.leads.areas import Territory as Place
from crm_api.domains.leads.areas import Tree
from crm_api.domains.leads.models import LeadPool, Territory
from crm_api.domains.leads.repository import POOLS
from crm_api.domains.leads.territory_schemas import TerritoryOut
from crm_api.kit.crud.tree import TreeRepository
from crm_api.kit.db.json import parsed
from crm_api.kit.query.listing import Listing, Relation
from crm_api.platform.identity.repository import USERS

TERRITORIES: Listing = Listing(
    model=Territory,
    out=TerritoryOut,
    area="territories",
    sorts={"name": Territory.sort_name},
    relations=(
        Relation("parent", lambda: TERRITORIES, Territory.parent_id, Territory.id),
        Relation("children", lambda: TERRITORIES, Territory.id, Territory.parent_id, many=True),
        Relation("pool", lambda: POOLS, Territory.pool_id, LeadPool.id),
        Relation("user", lambda: USERS, Territory.user_id, USERS.model.id),
    ),
)
_MOST_ABOVE = 20
"""So far up what a company belongs to is looked at."""
_ACTIVE = """
    SELECT id, parent_id, name, countries, regions, postal_prefixes, postal_ranges, industries,
        company_ids, pool_id, user_id
    FROM territories WHERE organization_id = $1 AND is_active AND deleted_at IS NULL
    ORDER BY position, id
"""
_PLACED = f"""
    WITH RECURSIVE up AS (
        SELECT l.id AS lead, c.id, c.parent_id, 0 AS step,
            c.id <> coalesce(l.company_id, c.id) AS is_matched
        FROM leads l JOIN companies c ON c.organization_id = l.organization_id
            AND c.id IN (l.company_id, l.matched_company_id)
        WHERE l.organization_id = $1 AND l.id = ANY($2)
        UNION ALL
        SELECT up.lead, c.id, c.parent_id, step + 1, is_matched
        FROM up JOIN companies c ON c.id = up.parent_id
        WHERE c.organization_id = $1 AND step < {_MOST_ABOVE})
    SELECT id, country, region, industry, postal_code, coalesce(companies, '{{}}') AS companies
    FROM leads LEFT JOIN (
        SELECT lead, array_agg(id ORDER BY step, is_matched) AS companies FROM up GROUP BY lead) AS own
        ON own.lead = id
    WHERE organization_id = $1 AND id = ANY($2)
"""  # noqa: S608 - made of constants
_OF_COMPANIES = """
    SELECT id FROM territories WHERE organization_id = $1 AND company_ids ?| $2::text[] ORDER BY id
"""


class PlacedLead(NamedTuple):
    """What of a lead its territory goes by."""

    id: UUID
    country: str | None
    region: str | None
    industry: str | None
    postal_code: str | None
    companies: Sequence[UUID]


class Territories(TreeRepository[Territory]):
    """The territories of an organization."""

    model = Territory
    listing = TERRITORIES

    async def tree(self) -> Tree:
        """Those that count, whoever asks."""
        rows = await self.tx.fetch(_ACTIVE, self.tx.organization_id)
        return Tree([{key: parsed(value) for key, value in row.items()} for row in rows])

    async def of_leads(self, ids: Sequence[UUID]) -> dict[UUID, Place]:
        """By lead the territory that it is in, if it is in any."""
        tree, leads = await self.placed(ids)
        found: dict[UUID, Any] = {lead.id: tree.of(lead) for lead in leads}
        return {id: place for id, place in found.items() if place is not None}

    async def placed(self, ids: Sequence[UUID]) -> tuple[Tree, list[PlacedLead]]:
        """The tree, and what of some leads their territory goes by."""
        rows = await self.tx.fetch(_PLACED, self.tx.organization_id, list(ids))
        return await self.tree(), [PlacedLead(*row) for row in rows]

    async def of_companies(self, ids: Sequence[UUID]) -> list[UUID]:
        """Those that have some companies among their named accounts."""
        named = [str(id) for id in ids]
        rows = await self.tx.fetch(_OF_COMPANIES, self.tx.organization_id, named)
        return [row["id"] for row in rows]
