"""How forms, submissions, lists and their members are listed and found."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm_api.domains.leads.models import Lead
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
from crm_api.kit.db.tables import EventRow
from crm_api.kit.db.taken import taken
from crm_api.kit.db.tx import Tx
from crm_api.kit.links.owning import LinkRepository
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.listing import Listing, Relation
from crm_api.kit.query.page import matching, values_of
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.visibility import Sight
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
_LISTED = """
    SELECT lead_id FROM prospect_members
    WHERE organization_id = $1 AND list_id = $2 AND lead_id = ANY($3)
"""
_ALL_OF = "SELECT lead_id FROM prospect_members WHERE organization_id = $1 AND list_id = $2"
# By their ids, not by a join: right after many leads came, their number is taken for a few, and a
# join would compare each member with each lead.
_KNOWN_OF = """
    SELECT id, score, {value} AS value FROM leads WHERE organization_id = $1 AND id = ANY($2)
"""
_TO_GIVE, _TO_RECALL = "status <> 'given'", "status IN ('given', 'returned')"
# Each lead is looked up by its id (OFFSET 0): right after many came, their number is taken for a
# few, and a join would compare each member with each lead. Whom nothing is known of comes last.
_DUE_TO_GIVE = """
    SELECT m.id FROM prospect_members m LEFT JOIN LATERAL (
        SELECT score FROM leads WHERE organization_id = $1 AND id = m.lead_id OFFSET 0) l ON true
    WHERE m.organization_id = $1 AND m.list_id = $2 AND m.run < $3 AND m.status <> 'given'
    ORDER BY l.score DESC NULLS LAST, m.lead_id
"""
# What came back and waits is given by the list again, so a recall takes that, too.
_OUT = """
    SELECT {asked} FROM prospect_members m LEFT JOIN LATERAL (
        SELECT waits_since FROM leads
        WHERE organization_id = $1 AND id = m.lead_id AND m.status = 'returned' OFFSET 0) l ON true
    WHERE m.organization_id = $1 AND m.list_id = $2
        AND (m.status = 'given' OR m.status = 'returned' AND l.waits_since IS NOT NULL)
"""
_DUE_TO_RECALL = _OUT.format(asked="m.id") + " AND m.run < $3 ORDER BY m.lead_id"
_COUNT_OUT = _OUT.format(asked="count(*) AS number")
_COUNTS = """
    SELECT count(*) FILTER (WHERE status = 'given') AS given_count,
        count(*) FILTER (WHERE status = 'given' AND accepted_at IS NOT NULL) AS accepted_count,
        coalesce(sum(returns), 0)::int AS returned_count
    FROM prospect_members WHERE organization_id = $1 AND list_id = $2 AND deleted_at IS NULL
"""
_LEADS_TO_SHARE = """
    SELECT lead_id FROM prospect_members
    WHERE organization_id = $1 AND list_id = $2 AND id = ANY($3) AND run < $4
"""
_TO_SHARE = """
    SELECT id, lead_id, version, status, user_id, outcome, given_at, accepted_at,
        returns, run, deleted_at
    FROM prospect_members
    WHERE organization_id = $1 AND list_id = $2 AND id = ANY($3) AND run < $4
        AND lead_id = ANY($5) AND {which}
    ORDER BY id FOR NO KEY UPDATE
"""


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

    async def of_leads(self, lead_ids: Sequence[UUID]) -> list[LeadSubmission]:
        """What certain leads have sent, locked, whoever asks."""
        query = self.select_all().where(LeadSubmission.lead_id.in_(lead_ids))
        query = query.order_by(LeadSubmission.id).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())


class ProspectLists(Repository[ProspectList]):
    """The lists of an organization."""

    model = ProspectList
    listing = LISTS


class ProspectMembers(Repository[ProspectMember]):
    """Which leads are on which lists."""

    model = ProspectMember
    listing = MEMBERS

    async def listed(self, list_id: UUID, lead_ids: Sequence[UUID]) -> set[UUID]:
        """Which of some leads are on a list."""
        own = self.tx.organization_id
        rows = await self.tx.fetch(_LISTED, own, list_id, list(lead_ids))
        return {row["lead_id"] for row in rows}

    async def all_of(self, list_id: UUID, field: str | None) -> list[dict[str, Any]]:
        """Every lead of a list with its score and the value of a field."""
        rows = await self.tx.fetch(_ALL_OF, self.tx.organization_id, list_id)
        ids = [row["lead_id"] for row in rows]
        known = await self._known(ids, field or "NULL")
        return [
            dict(zip(("lead_id", "score", "value"), (id, *known[id]), strict=True)) for id in ids
        ]

    async def _known(self, lead_ids: Sequence[UUID], value: str) -> dict[UUID, tuple[Any, Any]]:
        """By lead its score and another value; nothing of those that are gone."""
        asked, own = _KNOWN_OF.format(value=value), self.tx.organization_id
        rows = await self.tx.fetch(asked, own, list(lead_ids))
        found = {row["id"]: (row["score"], row["value"]) for row in rows}
        return {id: found.get(id, (None, None)) for id in lead_ids}

    async def unlisted(
        self,
        list_id: UUID,
        filter: Filter,
        sight: Sight,
        limit: int,
        *,
        among: Any = None,
    ) -> Sequence[UUID]:
        """Leads that match, are seen and are not on a list; only those `among`, a subquery of ids."""
        asked = PageQuery(Selection(()), filter, sight=sight)
        on_it = (
            select(ProspectMember.id)
            .where(
                ProspectMember.organization_id == self.tx.organization_id,
                ProspectMember.list_id == list_id,
                ProspectMember.lead_id == Lead.id,
            )
            .exists()
        )
        query = matching(LEADS, select(Lead.id), asked).where(~on_it).order_by(Lead.id)
        if among is not None:
            query = query.where(Lead.id.in_(among))
        rows = await self.tx.run(query.limit(limit).params(**values_of(self.tx, asked, None)))
        return rows.scalars().all()

    async def of_leads(self, list_id: UUID, lead_ids: Sequence[UUID]) -> list[ProspectMember]:
        """The places of certain leads on a list; locked, for they follow their leads."""
        query = self.select_all().where(
            ProspectMember.list_id == list_id, ProspectMember.lead_id.in_(lead_ids)
        )
        query = query.order_by(ProspectMember.id).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def place_of(self, list_id: UUID, lead_id: UUID) -> ProspectMember | None:
        """The place of a lead, which is locked, on a list; locked too."""
        query = self.select_all().where(
            ProspectMember.list_id == list_id, ProspectMember.lead_id == lead_id
        )
        query = query.with_for_update(key_share=True)
        return (await self.tx.run(query)).scalar_one_or_none()

    async def counts(self, list_id: UUID) -> dict[str, int]:
        """How many of a list are given and accepted, and how often they came back."""
        (row,) = await self.tx.fetch(_COUNTS, self.tx.organization_id, list_id)
        return dict(row)

    async def everywhere(self, lead_ids: Sequence[UUID]) -> list[ProspectMember]:
        """The places of certain leads on all lists, locked, whoever asks."""
        query = self.select_all().where(ProspectMember.lead_id.in_(lead_ids))
        query = query.order_by(ProspectMember.id).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def out(self, list_id: UUID) -> int:
        """How many of a list somebody has by it, or are to be given by it again."""
        (row,) = await self.tx.fetch(_COUNT_OUT, self.tx.organization_id, list_id)
        number: int = row["number"]
        return number

    async def due(self, list_id: UUID, run: int, *, recalls: bool) -> list[UUID]:
        """Whom of a list a run has not looked at; what it gives, the best leads first."""
        asked = _DUE_TO_RECALL if recalls else _DUE_TO_GIVE
        rows = await self.tx.fetch(asked, self.tx.organization_id, list_id, run)
        return [row["id"] for row in rows]

    async def leads_to_share(self, list_id: UUID, run: int, ids: Sequence[UUID]) -> list[UUID]:
        """The leads of members that a run has not looked at; they are locked before these."""
        own = self.tx.organization_id
        rows = await self.tx.fetch(_LEADS_TO_SHARE, own, list_id, list(ids), run)
        return [row["lead_id"] for row in rows]

    async def to_share(
        self,
        list_id: UUID,
        run: int,
        ids: Sequence[UUID],
        lead_ids: Sequence[UUID],
        *,
        recalls: bool,
    ) -> list[ProspectMember]:
        """Stand-ins for members, locked, in this order, that are still due to the run.

        `lead_ids` are locked. A merge that these were waited for has had places be of another
        lead, which are left out, and has had others be given.
        """
        asked = _TO_SHARE.format(which=_TO_RECALL if recalls else _TO_GIVE)
        own = self.tx.organization_id
        rows = await self.tx.write(asked, own, list_id, list(ids), run, list(lead_ids))
        found = {row["id"]: taken(ProspectMember, row) for row in rows}
        return [found[id] for id in ids if id in found]


def caused(organization_id: UUID, import_id: UUID) -> Any:
    """The leads that an import has made or changed."""
    return select(EventRow.record_id).where(
        EventRow.organization_id == organization_id,
        EventRow.cause_id == import_id,
        EventRow.entity == LEADS.entity,
        EventRow.type.in_(("lead.created", "lead.updated")),
    )


def sent_by(organization_id: UUID, form_id: UUID) -> Any:
    """The leads that came by a form, or had come before."""
    return select(LeadSubmission.lead_id).where(
        LeadSubmission.organization_id == organization_id,
        LeadSubmission.form_id == form_id,
        LeadSubmission.lead_id.is_not(None),
    )


async def supplier_of(tx: Tx) -> Any:
    """What the organization is called to customers, and its language."""
    return (await tx.fetch(_SUPPLIER, tx.organization_id))[0]


async def texts_of(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Texts of consents that are there, whoever asks."""
    rows = await tx.fetch(_TEXTS, tx.organization_id, list(ids)) if ids else []
    return {row["id"]: row for row in rows}
