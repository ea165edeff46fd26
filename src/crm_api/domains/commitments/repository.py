"""How commitments are listed and found."""

from uuid import UUID

from crm_api.domains.commitments.models import Commitment
from crm_api.domains.commitments.schemas import CommitmentOut
from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.orders.repository import ORDERS
from crm_api.domains.projects.repository import PROJECTS
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation, Searched

AREA = "commitments"
COMMITMENTS: Listing = Listing(
    model=Commitment,
    out=CommitmentOut,
    area=AREA,
    relations=(
        Relation(
            "company",
            lambda: COMPANIES,
            Commitment.company_id,
            COMPANIES.model.id,
            back="commitments",
        ),
        Relation(
            "contact",
            lambda: CONTACTS,
            Commitment.contact_id,
            CONTACTS.model.id,
            back="commitments",
        ),
        Relation("deal", lambda: DEALS, Commitment.deal_id, DEALS.model.id, back="commitments"),
        Relation("order", lambda: ORDERS, Commitment.order_id, ORDERS.model.id, back="commitments"),
        Relation(
            "project",
            lambda: PROJECTS,
            Commitment.project_id,
            PROJECTS.model.id,
            back="commitments",
        ),
    ),
    search=Searched(names=("text",), others=("tags", "description", "external_ids"), title="text"),
    # Those that a deal was won with.
    tells={
        "deal.promises": frozenset({"text"}),
        "order.promises": frozenset({"text"}),
    },
)
_OF_DEAL = """
    SELECT text FROM commitments
    WHERE organization_id = $1 AND deal_id = $2 AND source_target IN ('deal', 'order')
"""
_OPEN = """
    SELECT id, text FROM commitments
    WHERE organization_id = $1 AND project_id = $2 AND promised_by = 'us' AND status = 'open'
        AND deleted_at IS NULL
    ORDER BY created_at, id LIMIT 100
"""


class Commitments(Repository[Commitment]):
    """The promises of an organization and of its customers."""

    model = Commitment
    listing = COMMITMENTS

    async def carried_over(self, deal_id: UUID) -> set[str]:
        """What was taken over of the promises of a deal, whatever became of it, whoever asks."""
        rows = await self.tx.fetch(_OF_DEAL, self.tx.organization_id, deal_id)
        return {row["text"] for row in rows}

    async def open_of_project(self, project_id: UUID) -> list[tuple[UUID, str]]:
        """What is still promised by us for a project, whoever asks."""
        rows = await self.tx.fetch(_OPEN, self.tx.organization_id, project_id)
        return [(row["id"], row["text"]) for row in rows]
