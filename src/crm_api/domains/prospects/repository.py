"""How forms, submissions, lists and their members are listed and found."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.leads.repository import LEADS
from crm_api.domains.leads.repository import POOLS as LEAD_POOLS
from crm_api.domains.prospects.form_schemas import LeadFormOut, LeadSubmissionOut
from crm_api.domains.prospects.list_schemas import ProspectListOut, ProspectMemberOut
from crm_api.domains.prospects.models import (
    LeadForm,
    LeadSubmission,
    ProspectList,
    ProspectMember,
)
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tx import Tx
from crm_api.kit.links.owning import LinkRepository
from crm_api.kit.query.listing import Listing, Relation
from crm_api.platform.identity.repository import USERS

FORMS_AREA, LISTS_AREA = "lead_forms", "prospect_lists"
FORMS: Listing = Listing(
    model=LeadForm, out=LeadFormOut, area=FORMS_AREA, sorts={"name": LeadForm.sort_name}
)
SUBMISSIONS: Listing = Listing(
    model=LeadSubmission,
    out=LeadSubmissionOut,
    area=FORMS_AREA,
    relations=(
        Relation("form", lambda: FORMS, LeadSubmission.form_id, LeadForm.id),
        Relation("lead", lambda: LEADS, LeadSubmission.lead_id, LEADS.model.id),
    ),
    within="form",
)
LISTS: Listing = Listing(
    model=ProspectList,
    out=ProspectListOut,
    area=LISTS_AREA,
    sorts={"name": ProspectList.sort_name},
    relations=(
        Relation("parent", lambda: LISTS, ProspectList.parent_id, ProspectList.id),
        Relation("pool", lambda: LEAD_POOLS, ProspectList.pool_id, LEAD_POOLS.model.id),
    ),
)
MEMBERS: Listing = Listing(
    model=ProspectMember,
    out=ProspectMemberOut,
    area=LISTS_AREA,
    relations=(
        Relation("list", lambda: LISTS, ProspectMember.list_id, ProspectList.id),
        Relation("lead", lambda: LEADS, ProspectMember.lead_id, LEADS.model.id),
        Relation("user", lambda: USERS, ProspectMember.user_id, USERS.model.id),
    ),
    within="list",
)
# What opens a form or a confirmation, and the days of whoever it belongs to.
OPENING = """
    SELECT l.secret_hash, o.time_zone, o.country FROM {table} l
    JOIN organizations o ON o.id = l.organization_id
    WHERE l.organization_id = $1 AND l.id = $2
"""
_SUPPLIER = "SELECT name, language FROM organizations WHERE id = $1"
_TEXTS = """
    SELECT id, purpose, language, body FROM consent_texts
    WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
"""
_OF_PERSON = """
    SELECT id FROM lead_submissions
    WHERE organization_id = $1 AND (lead_id = ANY($2) OR email_key = ANY($3))
"""
_ON_LISTS = "SELECT id FROM prospect_members WHERE organization_id = $1 AND lead_id = ANY($2)"


class LeadForms(LinkRepository[LeadForm]):
    """The forms of an organization."""

    model = LeadForm
    listing = FORMS


class LeadSubmissions(LinkRepository[LeadSubmission]):
    """What came by forms."""

    model = LeadSubmission
    listing = SUBMISSIONS

    async def of_person(self, lead_ids: Sequence[UUID], emails: Sequence[str]) -> list[UUID]:
        """What certain leads have sent, or whoever has certain addresses."""
        own = self.tx.organization_id
        rows = await self.tx.fetch(_OF_PERSON, own, list(lead_ids), list(emails))
        return [row["id"] for row in rows]


class ProspectLists(Repository[ProspectList]):
    """The lists of an organization."""

    model = ProspectList
    listing = LISTS


class ProspectMembers(Repository[ProspectMember]):
    """Which leads are on which lists."""

    model = ProspectMember
    listing = MEMBERS

    async def of_leads(self, lead_ids: Sequence[UUID]) -> list[UUID]:
        """The places of certain leads on lists."""
        rows = await self.tx.fetch(_ON_LISTS, self.tx.organization_id, list(lead_ids))
        return [row["id"] for row in rows]


async def supplier_of(tx: Tx) -> Any:
    """What the organization is called to customers, and its language."""
    return (await tx.fetch(_SUPPLIER, tx.organization_id))[0]


async def texts_of(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Texts of consents that are there, whoever asks."""
    rows = await tx.fetch(_TEXTS, tx.organization_id, list(ids)) if ids else []
    return {row["id"]: row for row in rows}
