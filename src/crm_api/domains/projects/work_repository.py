"""How deliverables and times are listed and found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from crm_api.domains.projects.cost_schemas import ExpenseOut, StatusReportOut
from crm_api.domains.projects.models import (
    Deliverable,
    Expense,
    Project,
    ProjectTask,
    StatusReport,
    TimeEntry,
)
from crm_api.domains.projects.repository import PROJECTS, TASKS, ProjectParts
from crm_api.domains.projects.work_schemas import DeliverableOut, TimeEntryOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation, Searched

DELIVERABLES: Listing = Listing(
    model=Deliverable,
    out=DeliverableOut,
    area="projects",
    sorts={"name": Deliverable.sort_name},
    relations=(Relation("project", lambda: PROJECTS, Deliverable.project_id, Project.id),),
    search=Searched(names=("name",), others=("description", "external_ids")),
    within="project",
)
TIMES: Listing = Listing(
    model=TimeEntry,
    out=TimeEntryOut,
    foreign={"rate": "project", "cost_rate": "project"},
    area="time_entries",
    relations=(
        Relation("project", lambda: PROJECTS, TimeEntry.project_id, Project.id),
        Relation("task", lambda: TASKS, TimeEntry.task_id, ProjectTask.id),
    ),
)
EXPENSES: Listing = Listing(
    model=Expense,
    out=ExpenseOut,
    foreign={"project_amount": "project"},
    area="expenses",
    relations=(
        Relation("project", lambda: PROJECTS, Expense.project_id, Project.id, back="expenses"),
        Relation("task", lambda: TASKS, Expense.task_id, ProjectTask.id),
    ),
)
REPORTS: Listing = Listing(
    model=StatusReport,
    out=StatusReportOut,
    area="projects",
    relations=(Relation("project", lambda: PROJECTS, StatusReport.project_id, Project.id),),
    within="project",
    tells={
        name: frozenset({"figures"})
        for name in (
            *("project.revenue", "project.cost_budget", "project_task.billing_amount"),
            *("time_entry.rate", "time_entry.cost_rate", "expense.project_amount"),
        )
    }
    | {"project.risks": frozenset({"risks"})},
)
Entry = TypeVar("Entry", TimeEntry, Expense)
# Whoever closes a period waits for those who write into it, and they for them.
_LOCKED = """
    SELECT (snapshot #>> '{timing,locked_until}')::date AS day FROM organization_states
    WHERE organization_id = $1 FOR SHARE
"""
_KEPT = """
    SELECT o.id, o.status FROM projects p
    JOIN orders o ON o.organization_id = p.organization_id AND o.id = p.order_id
    WHERE p.organization_id = $1 AND p.id = $2
    FOR SHARE OF o
"""
# Where there is no state yet there would be nothing to hold, and nobody would wait.
_BEGUN = """
    INSERT INTO organization_states (organization_id, version, snapshot) VALUES ($1, 0, '{}')
    ON CONFLICT DO NOTHING
"""
# A statement of its own: one that has waited for the lock still has the lines from before.
_ORDERED = """
    SELECT line ->> 'quantity' AS quantity
    FROM orders o CROSS JOIN LATERAL jsonb_array_elements(o.lines) line
    WHERE o.organization_id = $1 AND o.id = $2 AND line ->> 'id' = $3
"""
_BY_LINE = """
    SELECT d.line_id, sum(d.delivered_quantity)::text AS whole
    FROM projects p
    JOIN deliverables d ON d.organization_id = p.organization_id AND d.project_id = p.id
    WHERE p.organization_id = $1 AND p.order_id = $2 AND p.deleted_at IS NULL
        AND d.line_id IS NOT NULL AND d.status <> 'rejected' AND d.deleted_at IS NULL
    GROUP BY d.line_id
"""
_OVER = """
    SELECT d.line_id, d.name, d.whole, l.quantity AS ordered
    FROM (
        SELECT line_id, (array_agg(name ORDER BY id))[1] AS name,
            sum(delivered_quantity)::text AS whole
        FROM deliverables WHERE organization_id = $1 AND project_id = $3
            AND line_id IS NOT NULL AND status <> 'rejected' AND deleted_at IS NULL
        GROUP BY line_id
        HAVING sum(delivered_quantity) > 0
    ) d LEFT JOIN (
        SELECT line ->> 'id' AS id, line ->> 'quantity' AS quantity
        FROM orders o CROSS JOIN LATERAL jsonb_array_elements(o.lines) line
        WHERE o.organization_id = $1 AND o.id = $2
    ) l ON l.id = d.line_id::text
    ORDER BY d.name, d.line_id
"""
_WORKED = """
    SELECT p.id,
        coalesce(sum(minutes) FILTER (WHERE done), 0)::bigint AS worked,
        coalesce(sum(minutes) FILTER (WHERE done AND is_billable), 0)::bigint AS billable,
        coalesce(sum(minutes) FILTER (WHERE done AND cost_rate IS NULL), 0)::bigint AS unpriced,
        coalesce(sum(minutes::numeric * cost_rate) FILTER (WHERE done), 0)::text AS cost,
        coalesce(sum(minutes::numeric * cost_rate) FILTER (WHERE NOT done), 0)::text AS pending,
        coalesce(sum(minutes::numeric * rate) FILTER (WHERE done AND is_billable), 0)::text
            AS charged
    FROM unnest($2::uuid[]) AS p (id)
    LEFT JOIN (SELECT *, status = 'approved' AS done FROM time_entries
        WHERE organization_id = $1 AND project_id = ANY($2) AND deleted_at IS NULL
        AND status <> 'rejected') t ON t.project_id = p.id
    GROUP BY p.id
"""

_SPENT = """
    SELECT p.id,
        coalesce(sum(project_amount) FILTER (WHERE status = 'approved'), 0)::text AS cost,
        coalesce(sum(project_amount) FILTER (WHERE status <> 'approved'), 0)::text AS pending,
        coalesce(sum(project_amount) FILTER (WHERE status = 'approved' AND is_billable), 0)::text
            AS charged
    FROM unnest($2::uuid[]) AS p (id)
    LEFT JOIN expenses e ON e.organization_id = $1 AND e.project_id = p.id
        AND e.deleted_at IS NULL AND e.status <> 'rejected'
    GROUP BY p.id
"""
_BURNT = """
    SELECT (date_trunc('week', day))::date AS week, sum(minutes)::bigint AS minutes
    FROM time_entries WHERE organization_id = $1 AND project_id = $2 AND deleted_at IS NULL
        AND status = 'approved'
    GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Delivered:
    """How much of a line was delivered, by the name of what was promised of it first."""

    line_id: UUID
    name: str
    whole: Decimal
    ordered: Decimal
    """Nothing where the order has no such line any more."""


class Deliverables(ProjectParts[Deliverable]):
    """What was promised of projects."""

    model = Deliverable
    listing = DELIVERABLES

    async def milestone(self, id: UUID, project_id: UUID) -> Any:
        """A living milestone of a project, or None, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT id, accepted_at FROM project_tasks WHERE organization_id = $1 AND id = $2 "
            "AND project_id = $3 AND kind = 'milestone' AND deleted_at IS NULL",
            self.tx.organization_id,
            id,
            project_id,
        )
        return rows[0] if rows else None

    async def of_project(self, project_id: UUID) -> list[Mapping[str, Any]]:
        """What was promised of a project, and how far it is, whoever asks."""
        return await self.tx.fetch(
            "SELECT id, name, milestone_id, status, is_mandatory, due_on FROM deliverables "
            "WHERE organization_id = $1 AND project_id = $2 AND deleted_at IS NULL ORDER BY id",
            self.tx.organization_id,
            project_id,
        )

    async def handed_over(self, project_id: UUID) -> list[Deliverable]:
        """What was submitted of a project, decided or not, in the order of its names."""
        query = self.select_all().where(
            Deliverable.project_id == project_id,
            Deliverable.status != "draft",
            Deliverable.deleted_at.is_(None),
        )
        query = query.order_by(Deliverable.sort_name, Deliverable.id)
        return list((await self.tx.run(query)).scalars())

    async def project_status(self, project_id: UUID) -> str | None:
        """Where a project stands, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT status FROM projects WHERE organization_id = $1 AND id = $2",
            self.tx.organization_id,
            project_id,
        )
        return rows[0]["status"] if rows else None

    async def delivered(self, project_id: UUID, line_id: UUID, but: UUID | None) -> Decimal:
        """How much of a line was delivered by all deliverables but one, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT coalesce(sum(delivered_quantity), 0)::text AS whole FROM deliverables "
            "WHERE organization_id = $1 AND project_id = $2 AND line_id = $3 "
            "AND id IS DISTINCT FROM $4::uuid "
            "AND status <> 'rejected' AND deleted_at IS NULL",
            self.tx.organization_id,
            project_id,
            line_id,
            but,
        )
        return Decimal(rows[0]["whole"]).scaleb(-6)

    async def promised(self, project_id: UUID) -> dict[UUID, Decimal]:
        """How much of each line of its order a project promises, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT line_id, sum(quantity)::text AS whole FROM deliverables "
            "WHERE organization_id = $1 AND project_id = $2 AND line_id IS NOT NULL "
            "AND deleted_at IS NULL GROUP BY line_id",
            self.tx.organization_id,
            project_id,
        )
        return {row["line_id"]: Decimal(row["whole"]).scaleb(-6) for row in rows}

    async def ordered(self, project_id: UUID, line_id: UUID) -> Decimal | None:
        """How much of a line of its order was ordered, by all changes; None without such.

        The order stays as it is until the commit.
        """
        organization_id = self.tx.organization_id
        kept = await self.tx.write(_KEPT, organization_id, project_id)
        if not kept:
            return None
        rows = await self.tx.fetch(_ORDERED, organization_id, kept[0]["id"], str(line_id))
        return Decimal(rows[0]["quantity"]) if rows else None

    async def order_status(self, project_id: UUID) -> str | None:
        """Where the order of a project stands, up to the commit; None without one."""
        kept = await self.tx.write(_KEPT, self.tx.organization_id, project_id)
        return kept[0]["status"] if kept else None

    async def beyond(self, project_id: UUID) -> list[Delivered]:
        """The lines of which a project, in the bin or not, has delivered more than is ordered.

        The order stays as it is until the commit.
        """
        organization_id = self.tx.organization_id
        kept = await self.tx.write(_KEPT, organization_id, project_id)
        if not kept:
            return []
        rows = await self.tx.fetch(_OVER, organization_id, kept[0]["id"], project_id)
        found = (
            Delivered(
                row["line_id"],
                row["name"],
                Decimal(row["whole"]).scaleb(-6),
                Decimal(row["ordered"] or 0),
            )
            for row in rows
        )
        return [one for one in found if one.whole > one.ordered]

    async def delivered_of(self, order_id: UUID) -> dict[UUID, Decimal]:
        """How much of each line of an order was delivered, whoever asks."""
        rows = await self.tx.fetch(_BY_LINE, self.tx.organization_id, order_id)
        return {row["line_id"]: Decimal(row["whole"]).scaleb(-6) for row in rows}


class Entries(Repository[Entry]):
    """What was worked or spent for projects."""

    async def has_task(self, id: UUID, project_id: UUID) -> bool:
        """Whether a project has such a task, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT 1 FROM project_tasks WHERE organization_id = $1 AND id = $2 "
            "AND project_id = $3 AND deleted_at IS NULL",
            self.tx.organization_id,
            id,
            project_id,
        )
        return bool(rows)

    async def locked_until(self) -> date | None:
        """The last day that is closed; it stays the last one until the commit."""
        while not (rows := await self.tx.write(_LOCKED, self.tx.organization_id)):
            await self.tx.write(_BEGUN, self.tx.organization_id)
        return rows[0]["day"]


class TimeEntries(Entries[TimeEntry]):
    """Time that was worked for projects."""

    model = TimeEntry
    listing = TIMES

    async def worked(self, project_id: UUID) -> Mapping[str, Any]:
        """Sums of the time of a project, whoever asks; money is in minutes by hourly rates."""
        return (await self.worked_of([project_id]))[project_id]

    async def worked_of(self, projects: Sequence[UUID]) -> dict[UUID, Mapping[str, Any]]:
        """The same of several projects."""
        rows = await self.tx.fetch(_WORKED, self.tx.organization_id, list(projects))
        return {row["id"]: row for row in rows}

    async def burnt(self, project_id: UUID) -> list[Mapping[str, Any]]:
        """Approved minutes of a project by week, from its Monday, whoever asks."""
        return await self.tx.fetch(_BURNT, self.tx.organization_id, project_id)


class Expenses(Entries[Expense]):
    """What was spent for projects."""

    model = Expense
    listing = EXPENSES

    async def currency_of(self, project_id: UUID) -> str:
        """The currency of a project, whoever asks; raises `LookupError` where there is none."""
        rows = await self.tx.fetch(
            "SELECT currency FROM projects WHERE organization_id = $1 AND id = $2",
            self.tx.organization_id,
            project_id,
        )
        return rows[0]["currency"]

    async def spent(self, project_id: UUID) -> Mapping[str, Decimal]:
        """Sums of what was spent for a project, in its currency, whoever asks."""
        return (await self.spent_of([project_id]))[project_id]

    async def spent_of(self, projects: Sequence[UUID]) -> dict[UUID, Mapping[str, Decimal]]:
        """The same of several projects, each in its currency."""
        rows = await self.tx.fetch(_SPENT, self.tx.organization_id, list(projects))
        names = ("cost", "pending", "charged")
        return {row["id"]: {n: Decimal(row[n]).scaleb(-4) for n in names} for row in rows}


class StatusReports(Repository[StatusReport]):
    """What was told of projects."""

    model = StatusReport
    listing = REPORTS
