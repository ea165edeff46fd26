"""How cases and their policies are listed and found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm_api.domains.cases.models import Case, SlaPolicy
from crm_api.domains.cases.schemas import CaseOut, SlaPolicyOut
from crm_api.domains.cases.states import OPEN
from crm_api.domains.catalogue.repository import LISTING as PRODUCTS
from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.orders.repository import ORDERS
from crm_api.domains.projects.repository import PROJECTS
from crm_api.domains.projects.work_repository import DELIVERABLES
from crm_api.domains.scheduling.models import Booking
from crm_api.domains.scheduling.repository import BOOKINGS
from crm_api.kit.crud.repository import Repository
from crm_api.kit.crud.tree import TreeRepository
from crm_api.kit.db.taken import columns_sql, taken
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.listing import Listing, Relation, Searched
from crm_api.kit.query.page import matching, values_of
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.platform.calendars.repository import CALENDARS

POLICIES: Listing = Listing(
    model=SlaPolicy,
    out=SlaPolicyOut,
    area="sla_policies",
    sorts={"name": SlaPolicy.sort_name},
    relations=(Relation("calendar", lambda: CALENDARS, SlaPolicy.calendar_id, CALENDARS.model.id),),
)
CASES: Listing = Listing(
    model=Case,
    out=CaseOut,
    area="cases",
    sorts={"name": Case.sort_name},
    relations=(
        Relation("company", lambda: COMPANIES, Case.company_id, COMPANIES.model.id, back="cases"),
        Relation("contact", lambda: CONTACTS, Case.contact_id, CONTACTS.model.id, back="cases"),
        Relation("product", lambda: PRODUCTS, Case.product_id, PRODUCTS.model.id, back="cases"),
        Relation("order", lambda: ORDERS, Case.order_id, ORDERS.model.id, back="cases"),
        Relation("project", lambda: PROJECTS, Case.project_id, PROJECTS.model.id, back="cases"),
        Relation(
            "deliverable",
            lambda: DELIVERABLES,
            Case.deliverable_id,
            DELIVERABLES.model.id,
            back="cases",
        ),
        Relation("parent", lambda: CASES, Case.parent_id, Case.id),
        Relation("children", lambda: CASES, Case.id, Case.parent_id, many=True),
        Relation("follows", lambda: CASES, Case.follows_id, Case.id),
        Relation("bookings", lambda: BOOKINGS, Case.id, Booking.case_id, many=True),
        Relation("follow_ups", lambda: CASES, Case.id, Case.follows_id, many=True),
    ),
    search=Searched(
        names=("subject", "number"),
        others=("tags", "description", "external_ids"),
        title="subject",
        subtitle=("number",),
    ),
)


_RECKONED = (
    *(Case.id, Case.status, Case.priority, Case.sla_track, Case.version),
    *(Case.created_at, Case.updated_at, Case.resolved_at, Case.closed_at),
)

_CLOCKED = frozenset(
    {
        *("id", "version", "number", "subject", "status", "priority", "owner_id", "team_id"),
        *("sla_policy_id", "sla_state", "sla_track", "sla_next_at", "clocks", "next_due_at"),
        *("escalation_level", "is_escalated", "created_at", "updated_at", "updated_by"),
        *("first_responded_at", "resolved_at", "closed_at", "deleted_at"),
    }
)
"""What the clocks of a case go by, and what they change."""
_DUE = """
    SELECT {} FROM cases
    WHERE organization_id = $1 AND deleted_at IS NULL AND sla_next_at < $2
    ORDER BY sla_next_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
"""
_OPEN = """
    SELECT {} FROM cases
    WHERE organization_id = $1 AND deleted_at IS NULL AND status = ANY($2) AND id > $3
    ORDER BY id LIMIT $4 FOR NO KEY UPDATE
"""


class Cases(TreeRepository[Case]):
    """The cases of an organization."""

    model = Case
    listing = CASES

    async def due(self, now: datetime, limit: int) -> Sequence[Case]:
        """The next cases whose clocks have something to tell, locked, whoever asks.

        Without those that somebody else holds.
        """
        return await self._taken(_DUE, now, limit)

    async def open(self, after: UUID | None, limit: int) -> Sequence[Case]:
        """The next open cases in the order of their ids, locked, whoever asks."""
        return await self._taken(_OPEN, sorted(OPEN), after or UUID(int=0), limit)

    async def latest(self, filter: Filter, before: UUID | None, limit: int) -> Sequence[Any]:
        """The next that match and that the actor sees, the latest first, as the clocks need them."""
        asked = PageQuery(Selection(()), filter, sight=self.sight)
        columns: Any = select(*_RECKONED)
        query = matching(self.listing, columns, asked)
        if before is not None:
            query = query.where(Case.id < before)
        query = query.order_by(Case.id.desc()).limit(limit)
        rows = await self.tx.run(query.params(**values_of(self.tx, asked, None)))
        return rows.mappings().all()

    async def _taken(self, sql: str, *args: Any) -> list[Case]:
        # Formulas may be about any of their columns.
        of_all = self.tx.catalogue.of(self.listing.entity).formulas
        names = columns_sql(Case, None if of_all else _CLOCKED)
        rows = await self.tx.write(sql.format(names), self.tx.organization_id, *args)
        return [taken(Case, row) for row in rows]


class SlaPolicies(Repository[SlaPolicy]):
    """How soon cases are answered."""

    model = SlaPolicy
    listing = POLICIES
