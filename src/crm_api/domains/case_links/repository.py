"""How links of cases are found."""

from typing import Any
from uuid import UUID

from crm_api.domains.case_links.models import CaseLink
from crm_api.domains.case_links.schemas import CaseLinkOut
from crm_api.domains.cases.repository import CASES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.kit.links.owning import LinkRepository
from crm_api.kit.query.listing import Listing, Relation

AREA = "case_links"
LINKS: Listing = Listing(
    model=CaseLink,
    out=CaseLinkOut,
    area=AREA,
    relations=(
        Relation("case", lambda: CASES, CaseLink.case_id, CASES.model.id),
        Relation("contact", lambda: CONTACTS, CaseLink.contact_id, CONTACTS.model.id),
    ),
    within="case",
)
# What opens a link, and the days of whoever it belongs to: before anything else is known.
OPENING = """
    SELECT l.secret_hash, o.time_zone, o.country FROM case_links l
    JOIN organizations o ON o.id = l.organization_id
    WHERE l.organization_id = $1 AND l.id = $2
"""
_CASE = """
    SELECT c.number, c.subject, c.status, c.closed_at, c.score, c.score_comment AS comment,
        c.scored_at, o.name AS supplier
    FROM cases c JOIN organizations o ON o.id = c.organization_id
    WHERE c.organization_id = $1 AND c.id = $2 AND c.deleted_at IS NULL
"""


class CaseLinks(LinkRepository[CaseLink]):
    """The links of an organization."""

    model = CaseLink
    listing = LINKS

    async def case(self, id: UUID) -> dict[str, Any] | None:
        """What is shown of a living case, and whose it is."""
        rows = await self.tx.fetch(_CASE, self.tx.organization_id, id)
        return dict(rows[0]) if rows else None
