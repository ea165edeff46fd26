"""How companies are listed and found."""

from collections.abc import Sequence
from uuid import UUID

from crm_api.domains.companies.models import Company
from crm_api.domains.companies.schemas import CompanyOut
from crm_api.kit.crud.tree import TreeRepository
from crm_api.kit.points import POINT_KEYS
from crm_api.kit.query.listing import Key, Listing, Relation, Searched
from crm_api.kit.query.visibility import among
from crm_api.kit.values import codes
from crm_api.kit.values.names import sort_key


def domain_key(value: str, country: str | None = None) -> str:
    """The form in which a domain is looked up."""
    del country
    return codes.domain(value)


def name_key(value: str, country: str | None = None) -> str:
    """The form in which an exact name is looked up: without case and accents."""
    del country
    return sort_key(value).partition("\x01")[0]


LISTING: Listing = Listing(
    model=Company,
    out=CompanyOut,
    area="companies",
    sorts={"name": Company.sort_name},
    relations=(
        Relation("parent", lambda: LISTING, Company.parent_id, Company.id),
        Relation("children", lambda: LISTING, Company.id, Company.parent_id, many=True),
    ),
    keys={**POINT_KEYS, "domains": Key("domain", domain_key)},
    matched_by={"name": Key("name", name_key)},
    search=Searched(
        names=("name", "legal_name"),
        others=("domains", "emails", "phones", "external_ids", "tax_id", "tags", "description"),
        subtitle=("domains", "email", "phone"),
    ),
)


class Companies(TreeRepository[Company]):
    """The companies of an organization."""

    model = Company
    listing = LISTING

    async def without_domain(self, names: Sequence[str]) -> dict[str, UUID]:
        """The oldest company of each name that is seen and has no domain, by the name's key."""
        if not names:
            return {}
        rows = await self.tx.fetch(
            # The limit keeps each look for a domain a look-up of its own.
            "SELECT value, record_id FROM record_keys n "
            "WHERE organization_id = $1 AND entity = 'company' AND kind = 'name' "
            "AND value = ANY($2) AND (SELECT true FROM record_keys "
            "WHERE organization_id = $1 AND entity = 'company' AND kind = 'domain' "
            "AND record_id = n.record_id LIMIT 1) IS NULL ORDER BY record_id DESC",
            self.tx.organization_id,
            list(names),
        )
        ids = [row["record_id"] for row in rows]
        visible = await among(self.tx, self.listing, self.sight, ids)
        return {row["value"]: row["record_id"] for row in rows if row["record_id"] in visible}
