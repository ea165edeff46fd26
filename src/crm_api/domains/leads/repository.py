"""How leads, pools, rules and assignments are listed and found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

import msgspec
from sqlalchemy import Select, Text, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.leads.models import (
    Lead,
    LeadAssignment,
    LeadPool,
    LeadRule,
)
from crm_api.domains.leads.pool_schemas import LeadPoolOut, LeadRuleOut
from crm_api.domains.leads.schemas import LeadAssignmentOut, LeadOut
from crm_api.domains.leads.sharing import Sharable
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import parsed
from crm_api.kit.db.streams import stream
from crm_api.kit.points import POINT_KEYS
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.listing import Listing, Relation, Searched
from crm_api.kit.query.page import matching, values_of
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.statements import compiled
from crm_api.platform.calendars.repository import CALENDARS
from crm_api.platform.identity.repository import USERS

LEADS: Listing = Listing(
    model=Lead,
    out=LeadOut,
    area="leads",
    sorts={"name": Lead.sort_name},
    relations=(
        Relation(
            "matched_contact",
            lambda: CONTACTS,
            Lead.matched_contact_id,
            CONTACTS.model.id,
            back="matched_leads",
        ),
        Relation("matched_company", lambda: COMPANIES, Lead.matched_company_id, COMPANIES.model.id),
        Relation("contact", lambda: CONTACTS, Lead.contact_id, CONTACTS.model.id, back="leads"),
        Relation("company", lambda: COMPANIES, Lead.company_id, COMPANIES.model.id, back="leads"),
        Relation("deal", lambda: DEALS, Lead.deal_id, DEALS.model.id, back="leads"),
    ),
    keys=POINT_KEYS,
    search=Searched(
        names=("first_name", "last_name", "company_name"),
        others=("emails", "phones", "external_ids", "title", "campaign", "tags", "description"),
        subtitle=("company_name", "email", "phone"),
    ),
)
POOLS: Listing = Listing(
    model=LeadPool,
    out=LeadPoolOut,
    area="lead_pools",
    sorts={"name": LeadPool.sort_name},
    relations=(
        Relation("calendar", lambda: CALENDARS, LeadPool.calendar_id, CALENDARS.model.id),
        Relation("manager", lambda: USERS, LeadPool.manager_id, USERS.model.id),
        Relation("fallback_pool", lambda: POOLS, LeadPool.fallback_pool_id, LeadPool.id),
    ),
)
RULES: Listing = Listing(
    model=LeadRule,
    out=LeadRuleOut,
    area="lead_rules",
    sorts={"name": LeadRule.sort_name},
    relations=(
        Relation("pool", lambda: POOLS, LeadRule.pool_id, LeadPool.id),
        Relation("user", lambda: USERS, LeadRule.user_id, USERS.model.id),
    ),
)
ASSIGNMENTS: Listing = Listing(
    model=LeadAssignment,
    out=LeadAssignmentOut,
    area="leads",
    relations=(
        Relation("lead", lambda: LEADS, LeadAssignment.lead_id, Lead.id),
        Relation("pool", lambda: POOLS, LeadAssignment.pool_id, LeadPool.id),
        Relation("user", lambda: USERS, LeadAssignment.user_id, USERS.model.id),
    ),
    within="lead",
)
_OUTCOMES = """
    SELECT a.user_id, l.industry, count(*) FILTER (WHERE l.status = 'converted') AS won,
        count(*) AS ended
    FROM lead_assignments a
    JOIN leads l ON l.organization_id = a.organization_id AND l.id = a.lead_id
    WHERE a.organization_id = $1 AND a.user_id = ANY($2) AND a.ended_as = 'closed'
        AND l.status IN ('converted', 'disqualified') AND a.deleted_at IS NULL
    GROUP BY 1, 2
"""
_LOADS = """
    SELECT pool_id, user_id, count(*) FILTER (WHERE ended_at IS NULL) AS open,
        count(*) FILTER (WHERE created_at >= $3
            AND ended_as IS DISTINCT FROM 'returned' AND ended_as IS DISTINCT FROM 'recalled')
            AS today,
        count(*) FILTER (WHERE created_at >= $4
            AND ended_as IS DISTINCT FROM 'returned' AND ended_as IS DISTINCT FROM 'recalled')
            AS week
    FROM lead_assignments
    WHERE organization_id = $1 AND pool_id = ANY($2) AND (ended_at IS NULL OR created_at >= $4)
        AND deleted_at IS NULL
    GROUP BY pool_id, user_id
"""
_HAD = """
    SELECT DISTINCT a.lead_id, a.user_id FROM lead_assignments a
    JOIN leads l ON l.organization_id = a.organization_id AND l.id = a.lead_id
    WHERE a.organization_id = $1 AND a.lead_id = ANY($2) AND a.ended_as IN ('returned', 'recalled')
        AND (l.recycled_at IS NULL OR a.ended_at > l.recycled_at)
"""
# What a plan or list gave out of a pool, and came back from whoever had it last, or from the manager
# whom it was escalated to. What waits since a later moment was sent to the rules, or recycled.
_PLANNED = """
    SELECT a.lead_id, a.pool_id, g.reason FROM (
        SELECT DISTINCT ON (lead_id) lead_id, pool_id, kind, rule_id, ended_as, ended_at
        FROM lead_assignments
        WHERE organization_id = $1 AND lead_id = ANY($2) AND deleted_at IS NULL
        ORDER BY lead_id, created_at DESC, id DESC) a
    JOIN leads l ON l.organization_id = $1 AND l.id = a.lead_id
    JOIN lead_pools p ON p.organization_id = $1 AND p.id = a.pool_id AND p.is_active
        AND p.deleted_at IS NULL AND p.strategy <> 'queue'
    CROSS JOIN LATERAL (
        SELECT reason FROM lead_assignments
        WHERE organization_id = $1 AND lead_id = a.lead_id AND kind = 'plan'
            AND deleted_at IS NULL
        ORDER BY created_at DESC, id DESC LIMIT 1) g
    WHERE (a.kind = 'plan' OR a.kind = 'escalation' AND a.rule_id IS NULL)
        AND a.ended_as IN ('returned', 'recalled') AND a.ended_at >= l.waits_since
"""
_COURSES = """
    SELECT a.lead_id, a.user_id, a.ended_as, a.ended_at - a.created_at AS after,
        a.responded_at IS NOT NULL AS responded
    FROM lead_assignments a
    JOIN leads l ON l.organization_id = a.organization_id AND l.id = a.lead_id
    WHERE a.organization_id = $1 AND a.lead_id = ANY($2) AND a.deleted_at IS NULL
        AND (l.recycled_at IS NULL OR a.ended_at IS NULL OR a.ended_at > l.recycled_at)
    ORDER BY a.created_at, a.id
"""
_RULES = """
    SELECT id, name, filter, target, pool_id, user_id, response_minutes FROM lead_rules
    WHERE organization_id = $1 AND is_active AND deleted_at IS NULL ORDER BY position, id
"""
_POOL_GRAPH = """
    SELECT id, fallback_pool_id FROM lead_pools
    WHERE organization_id = $1 AND is_active AND deleted_at IS NULL
"""
_ACTIVE = """
    SELECT id FROM users WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
        AND status <> 'suspended'
"""
_OWNERS = """
    SELECT l.id, c.owner_id AS contact_owner, o.owner_id AS company_owner FROM leads l
    LEFT JOIN contacts c ON c.organization_id = $1 AND c.id = l.matched_contact_id
        AND c.deleted_at IS NULL
    LEFT JOIN companies o ON o.organization_id = $1 AND o.id = l.matched_company_id
        AND o.deleted_at IS NULL
    WHERE l.organization_id = $1 AND l.id = ANY($2)
"""
_PREVIOUS = """
    SELECT l.id, p.user_id FROM leads l CROSS JOIN LATERAL (
        SELECT a.user_id FROM (
            SELECT id FROM leads WHERE organization_id = $1 AND deleted_at IS NULL
                AND matched_contact_id = l.matched_contact_id
            UNION SELECT id FROM leads WHERE organization_id = $1 AND deleted_at IS NULL
                AND contact_id = l.matched_contact_id) o
        JOIN lead_assignments a ON a.organization_id = $1 AND a.lead_id = o.id
            AND a.deleted_at IS NULL
        WHERE o.id <> l.id AND a.created_at < l.created_at
            AND (a.ended_as IS NULL OR a.ended_as NOT IN ('returned', 'recalled'))
        ORDER BY a.created_at DESC, a.id DESC LIMIT 1) p
    WHERE l.organization_id = $1 AND l.id = ANY($2) AND l.matched_contact_id IS NOT NULL
"""
_TO_GIVE = """
    SELECT id, version, status, owner_id, pool_id, assigned_at, respond_by, responded_at,
        waits_since, unassigned_reason, hops, skills, language, country, region, industry,
        postal_code, updated_at
    FROM leads WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
    ORDER BY id FOR NO KEY UPDATE
"""
_OF_CONTACTS = """
    SELECT id FROM leads WHERE organization_id = $1
        AND (matched_contact_id = ANY($2) OR contact_id = ANY($2)) ORDER BY id
"""


class ToGive(NamedTuple):
    """What giving takes to know of a lead."""

    id: UUID
    version: int
    status: str
    owner_id: UUID | None
    pool_id: UUID | None
    assigned_at: datetime | None
    respond_by: datetime | None
    responded_at: datetime | None
    waits_since: datetime | None
    unassigned_reason: str | None
    hops: int
    skills: Sequence[str]
    language: str | None
    country: str | None
    region: str | None
    industry: str | None
    postal_code: str | None
    updated_at: datetime


class _Same:
    """Values that many rows have are kept once: of 100,000 leads they would be 40 MB."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def __call__(self, value: Any) -> Any:
        """The same value, JSON as plain Python values."""
        if isinstance(value, UUID):
            return value
        key = bytes(value) if isinstance(value, msgspec.Raw) else value
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = parsed(value)
        return found


class Leads(Repository[Lead]):
    """The leads of an organization."""

    model = Lead
    listing = LEADS

    async def waiting(self, after: UUID | None, limit: int, *, anew: bool) -> Sequence[Lead]:
        """The next leads that are to be given to somebody, locked, whoever asks.

        Those that nobody could be found for before only `anew`.
        """
        query = self.select_all().where(Lead.deleted_at.is_(None), Lead.waits_since.is_not(None))
        if not anew:
            query = query.where(Lead.unassigned_reason.is_(None))
        if after is not None:
            query = query.where(Lead.id > after)
        query = query.order_by(Lead.id).limit(limit).with_for_update(key_share=True)
        return (await self.tx.run(query)).scalars().all()

    async def sharable(self, filter: Filter, limit: int) -> list[Sharable]:
        """New and recycled leads of nobody that match and are seen, the best scores first."""
        asked = PageQuery(Selection(()), filter, sight=self.sight)
        columns = [getattr(Lead, name) for name in Sharable._fields]
        chosen: Select[Any] = cast("Any", select(*columns))
        query = matching(self.listing, chosen, asked)
        free = bindparam("free", ["new", "recycled"], ARRAY(Text))
        query = query.where(Lead.owner_id.is_(None), Lead.status == any_(free))
        query = query.order_by(Lead.score.desc().nulls_last(), Lead.id).limit(limit)
        statement, found, same = compiled(query), list[Sharable](), _Same()
        args = statement.args(values_of(self.tx, asked, None))
        async for rows in stream(self.tx, statement.sql, *args):
            found += [Sharable._make(map(same, row.values())) for row in rows]
        return found

    async def captured(
        self, filter: Filter, since: datetime, until: datetime, limit: int
    ) -> list[tuple[Sharable, datetime]]:
        """The first leads of a time that match and are seen, with when they came."""
        asked = PageQuery(Selection(()), filter, sight=self.sight)
        columns = [getattr(Lead, name) for name in Sharable._fields]
        chosen: Select[Any] = cast("Any", select(*columns, Lead.created_at))
        query = matching(self.listing, chosen, asked)
        query = query.where(Lead.created_at >= since, Lead.created_at < until)
        query = query.order_by(Lead.created_at, Lead.id).limit(limit)
        rows = await self.tx.run(query.params(**values_of(self.tx, asked, None)))
        return [(Sharable._make(row[:-1]), row[-1]) for row in rows]

    async def versions(self, ids: Sequence[UUID]) -> list[tuple[UUID, int]]:
        """Those of some leads that are seen, with their versions."""
        query = self.select().with_only_columns(Lead.id, Lead.version)
        query = query.where(Lead.id == any_(bindparam("ids", list(ids), ARRAY(Uuid))))
        rows = await self.tx.run(query.where(Lead.deleted_at.is_(None)))
        return [(row.id, row.version) for row in rows]

    async def to_give(self, ids: Sequence[UUID]) -> dict[UUID, ToGive]:
        """What giving takes to know of some leads, which are locked, whoever asks."""
        rows = await self.tx.write(_TO_GIVE, self.tx.organization_id, list(ids))
        return {row["id"]: ToGive(*(parsed(value) for value in row.values())) for row in rows}

    async def of_contacts(self, contacts: Sequence[UUID]) -> list[UUID]:
        """The leads that some contacts are, or may be."""
        rows = await self.tx.fetch(_OF_CONTACTS, self.tx.organization_id, list(contacts))
        return [row["id"] for row in rows]

    async def owners(self, ids: Sequence[UUID]) -> dict[UUID, Any]:
        """By lead, who has what it is matched with."""
        rows = await self.tx.fetch(_OWNERS, self.tx.organization_id, list(ids))
        return {row["id"]: row for row in rows}

    async def previous(self, ids: Sequence[UUID]) -> dict[UUID, UUID]:
        """By lead, who had the last one before it of the contact that it is matched with."""
        rows = await self.tx.fetch(_PREVIOUS, self.tx.organization_id, list(ids))
        return {row["id"]: row["user_id"] for row in rows}


class Pools(Repository[LeadPool]):
    """The pools of an organization."""

    model = LeadPool
    listing = POOLS

    async def fallbacks(self) -> dict[UUID, UUID | None]:
        """By active pool, the one where its leads go instead."""
        rows = await self.tx.fetch(_POOL_GRAPH, self.tx.organization_id)
        return {row["id"]: row["fallback_pool_id"] for row in rows}

    async def loads(
        self, ids: Sequence[UUID], day: datetime, week: datetime
    ) -> dict[tuple[UUID, UUID], Any]:
        """By pool and user, how many leads they have open, and got since a day and a week began."""
        rows = await self.tx.fetch(_LOADS, self.tx.organization_id, list(ids), day, week)
        return {(row["pool_id"], row["user_id"]): row for row in rows}

    async def active(self, users: Sequence[UUID]) -> set[UUID]:
        """Those of some users who are there and not suspended."""
        rows = await self.tx.fetch(_ACTIVE, self.tx.organization_id, list(users))
        return {row["id"] for row in rows}


class Rules(Repository[LeadRule]):
    """The rules of an organization."""

    model = LeadRule
    listing = RULES

    async def active(self) -> Sequence[Any]:
        """Those that count, in their order."""
        return await self.tx.fetch(_RULES, self.tx.organization_id)


class Assignments(Repository[LeadAssignment]):
    """Who has, or had, which lead."""

    model = LeadAssignment
    listing = ASSIGNMENTS

    async def open_of(self, ids: Sequence[UUID]) -> dict[UUID, LeadAssignment]:
        """By lead, which is locked, the assignment that is open."""
        query = self.select_all().where(
            LeadAssignment.lead_id.in_(ids), LeadAssignment.ended_at.is_(None)
        )
        query = query.order_by(LeadAssignment.id).with_for_update(key_share=True)
        return {one.lead_id: one for one in (await self.tx.run(query)).scalars()}

    async def ids_of(self, lead_id: UUID) -> list[UUID]:
        """All assignments of a lead."""
        rows = await self.tx.fetch(
            "SELECT id FROM lead_assignments WHERE organization_id = $1 AND lead_id = $2",
            self.tx.organization_id,
            lead_id,
        )
        return [row["id"] for row in rows]

    async def decision_of(self, lead_id: UUID) -> Any:
        """How it was decided who has a lead, or had it last."""
        query = self.select_all().where(LeadAssignment.lead_id == lead_id)
        query = query.order_by(LeadAssignment.created_at.desc(), LeadAssignment.id.desc()).limit(1)
        found = (await self.tx.run(query)).scalar_one_or_none()
        return None if found is None else found.decision

    async def outcomes(
        self, users: Sequence[UUID]
    ) -> dict[tuple[UUID, str | None], tuple[int, int]]:
        """By user and industry, how many leads they converted, and how many ended with them."""
        rows = await self.tx.fetch(_OUTCOMES, self.tx.organization_id, list(users))
        return {(row["user_id"], row["industry"]): (row["won"], row["ended"]) for row in rows}

    async def courses(self, ids: Sequence[UUID]) -> Sequence[Any]:
        """Who had which of some leads, in this order, and how that ended after what time.

        Only since they were recycled, when everybody may have them anew.
        """
        return await self.tx.fetch(_COURSES, self.tx.organization_id, list(ids))

    async def planned(self, ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, str]]:
        """By lead that came back to a pool that a plan or list shares out of: that, and for what."""
        rows = await self.tx.fetch(_PLANNED, self.tx.organization_id, list(ids)) if ids else []
        return {row["lead_id"]: (row["pool_id"], row["reason"]) for row in rows}

    async def had(self, ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
        """By lead those who gave it back or did not respond, since it was recycled."""
        found: dict[UUID, list[UUID]] = {}
        for row in await self.tx.fetch(_HAD, self.tx.organization_id, list(ids)):
            found.setdefault(row["lead_id"], []).append(row["user_id"])
        return found
