"""How projects, their templates and tasks are listed and found."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar
from uuid import UUID

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.orders.repository import ORDERS
from crm_api.domains.projects.models import Deliverable, Project, ProjectTask, ProjectTemplate
from crm_api.domains.projects.schemas import ProjectOut, ProjectTaskOut, ProjectTemplateOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import decode
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.listing import Listing, Relation, Searched
from crm_api.kit.query.page import matching, values_of
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.platform.calendars.repository import CALENDARS

P = TypeVar("P", ProjectTask, Deliverable)
TEMPLATES: Listing = Listing(
    model=ProjectTemplate,
    out=ProjectTemplateOut,
    area="project_templates",
    sorts={"name": ProjectTemplate.sort_name},
)
PROJECTS: Listing = Listing(
    model=Project,
    out=ProjectOut,
    area="projects",
    sorts={"name": Project.sort_name},
    relations=(
        Relation(
            "company", lambda: COMPANIES, Project.company_id, COMPANIES.model.id, back="projects"
        ),
        Relation("deal", lambda: DEALS, Project.deal_id, DEALS.model.id, back="projects"),
        Relation("order", lambda: ORDERS, Project.order_id, ORDERS.model.id, back="projects"),
        Relation("calendar", lambda: CALENDARS, Project.calendar_id, CALENDARS.model.id),
        Relation("tasks", lambda: TASKS, Project.id, ProjectTask.project_id, many=True, part=True),
    ),
    search=Searched(names=("name",), others=("tags", "description", "external_ids")),
    # Of those that were made of orders.
    tells={
        "order.one_time": frozenset({"revenue"}),
        "quote.cost": frozenset({"cost_budget"}),
    },
)
TASKS: Listing = Listing(
    model=ProjectTask,
    out=ProjectTaskOut,
    foreign={"billing_amount": "project"},
    area="projects",
    sorts={"name": ProjectTask.sort_name},
    relations=(
        Relation("project", lambda: PROJECTS, ProjectTask.project_id, Project.id),
        Relation("calendar", lambda: CALENDARS, ProjectTask.calendar_id, CALENDARS.model.id),
    ),
    search=Searched(names=("name",), others=("description", "external_ids")),
    within="project",
    tells={
        "project.revenue": frozenset({"billing_amount"}),
        "order.one_time": frozenset({"billing_amount"}),
    },
)
_OPEN = ("planned", "active", "on_hold")
_PLANNED = """
    SELECT project_id, id, parent_id, kind, key, name, position, minutes, calendar_id, constraint_kind,
        constraint_at, dependencies, percent, starts_at, finishes_at, total_float, is_critical,
        baseline_starts_at, baseline_finishes_at, estimate_minutes, accepted_at, billed_at,
        billing_percent, billing_due_at, billing_amount
    FROM project_tasks
    WHERE organization_id = $1 AND project_id = ANY($2) AND deleted_at IS NULL
    ORDER BY project_id, position, id
"""


def _exact(parts: int | None, places: int) -> Decimal | None:
    return None if parts is None else Decimal(parts).scaleb(-places)


class ProjectTemplates(Repository[ProjectTemplate]):
    """What projects begin with."""

    model = ProjectTemplate
    listing = TEMPLATES

    async def missing_products(self, ids: Sequence[UUID]) -> set[UUID]:
        """Those of some products that there are not."""
        if not ids:
            return set()
        rows = await self.tx.fetch(
            "SELECT id FROM products WHERE organization_id = $1 AND id = ANY($2) "
            "AND deleted_at IS NULL",
            self.tx.organization_id,
            list(ids),
        )
        return set(ids) - {row["id"] for row in rows}

    async def active(self, ids: Sequence[UUID]) -> list[ProjectTemplate]:
        """Those of some templates that may be used, in the order that is given, whoever asks."""
        query = self.select_all().where(
            ProjectTemplate.id.in_(ids),
            ProjectTemplate.deleted_at.is_(None),
            ProjectTemplate.is_active,
        )
        found = {one.id: one for one in (await self.tx.run(query)).scalars()}
        return [found[id] for id in dict.fromkeys(ids) if id in found]

    async def of_products(self, products: Sequence[UUID]) -> list[UUID]:
        """The active templates of some products, in the order of these, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT id, product_ids FROM project_templates WHERE organization_id = $1 "
            "AND product_ids ?| $2::text[] AND is_active AND deleted_at IS NULL "
            "ORDER BY sort_name, id",
            self.tx.organization_id,
            [str(id) for id in products],
        )
        of = [(row["id"], set(decode(row["product_ids"]))) for row in rows]
        found = (id for product in products for id, ids in of if str(product) in ids)
        return list(dict.fromkeys(found))


class Projects(Repository[Project]):
    """The projects of an organization."""

    model = Project
    listing = PROJECTS

    async def next_of(self, filter: Filter, limit: int) -> list[Project]:
        """So many that match and are seen, in the order of their ids."""
        asked = PageQuery(Selection(()), filter, sight=self.sight)
        query = matching(self.listing, self.select_all(), asked)
        query = query.order_by(Project.id).limit(limit)
        return list((await self.tx.run(query.params(**values_of(self.tx, asked, None)))).scalars())

    async def of_order(self, order_id: UUID, *, lock: bool = False) -> Project | None:
        """The living project of an order, whoever asks."""
        query = self.select_all().where(Project.order_id == order_id, Project.deleted_at.is_(None))
        if lock:
            query = query.with_for_update(key_share=True)
        return (await self.tx.run(query)).scalar_one_or_none()

    async def id_of_order(self, order_id: UUID) -> UUID | None:
        """The id of the same, if the actor sees it."""
        rows = await self.tx.fetch(
            "SELECT id FROM projects WHERE organization_id = $1 AND order_id = $2 "
            "AND deleted_at IS NULL",
            self.tx.organization_id,
            order_id,
        )
        return rows[0]["id"] if rows and await self.sees(rows[0]["id"]) else None

    async def has_amounts(self, id: UUID) -> bool:
        """Whether amounts were written down in the currency of a project, which is locked."""
        rows = await self.tx.fetch(
            "SELECT 1 FROM project_tasks WHERE organization_id = $1 AND project_id = $2 "
            "AND billing_due_at IS NOT NULL "
            "UNION ALL SELECT 1 FROM time_entries WHERE organization_id = $1 AND project_id = $2 "
            "AND deleted_at IS NULL AND (rate IS NOT NULL OR cost_rate IS NOT NULL) "
            "UNION ALL SELECT 1 FROM expenses WHERE organization_id = $1 AND project_id = $2 "
            "AND deleted_at IS NULL LIMIT 1",
            self.tx.organization_id,
            id,
        )
        return bool(rows)

    async def quoted(self, quote_id: UUID | None) -> tuple[Decimal | None, str | None]:
        """What a quote reckons that it costs, and the name of its deal, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT q.cost, d.name FROM quotes q LEFT JOIN deals d "
            "ON d.organization_id = q.organization_id AND d.id = q.deal_id "
            "WHERE q.organization_id = $1 AND q.id = $2",
            self.tx.organization_id,
            quote_id,
        )
        return (_exact(rows[0]["cost"], 4), rows[0]["name"]) if rows else (None, None)

    async def zone_of(self, calendar_id: UUID | None) -> str:
        """The time zone of a calendar, of the default one without, else the organization's."""
        rows = await self.tx.fetch(
            "SELECT time_zone FROM working_calendars WHERE organization_id = $1 "
            "AND CASE WHEN $2::uuid IS NULL THEN is_default AND deleted_at IS NULL "
            "ELSE id = $2 END",
            self.tx.organization_id,
            calendar_id,
        )
        return rows[0]["time_zone"] if rows else self.tx.actor.time_zone


class ProjectParts(Repository[P]):
    """Parts of projects: whoever locks one has locked its project before, so none wait in a ring."""

    async def find(self, id: UUID, *, lock: bool = False, deleted: bool = False) -> P | None:
        """Its project first."""
        if lock and not self.holds(id):
            await self.lock_projects([id])
        return await super().find(id, lock=lock, deleted=deleted)

    async def hold(self, ids: Sequence[UUID]) -> None:
        """Their projects first."""
        await self.lock_projects(ids)
        await super().hold(ids)

    async def hold_matching(
        self,
        filter: Filter,
        *,
        after: UUID | None,
        until: UUID,
        limit: int,
        deleted: Literal["only"] | None = None,
    ) -> list[P]:
        """Their projects first."""
        query, values = self._next_matching(filter, after, until, limit, deleted)
        projects = query.with_only_columns(self.model.project_id).params(**values)
        ids = set((await self.tx.run(projects)).scalars())
        await Projects(self.tx).locked(list(ids), everywhere=True)
        return await super().hold_matching(
            filter, after=after, until=until, limit=limit, deleted=deleted
        )

    async def locked(self, ids: Sequence[UUID], *, everywhere: bool = False) -> list[P]:
        """Their projects first, unless all are locked, as whoever reaches everywhere has done."""
        if not everywhere:
            await self.lock_projects(ids)
        return await super().locked(ids, everywhere=everywhere)

    async def lock_projects(self, ids: Sequence[UUID]) -> None:
        """Lock the projects of some parts, whoever asks."""
        query = self.select_all().with_only_columns(self.model.project_id).distinct()
        found = list((await self.tx.run(query.where(self.model.id.in_(ids)))).scalars())
        if found:
            await Projects(self.tx).locked(found, everywhere=True)


class ProjectTasks(ProjectParts[ProjectTask]):
    """The tasks of projects."""

    model = ProjectTask
    listing = TASKS

    async def open_between(self, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """The unfinished tasks of open projects that are done then, if the actor sees them."""
        shown = ("owner_id", "calendar_id", "starts_at", "finishes_at", "percent")
        columns = [getattr(ProjectTask, n) for n in (*shown, "minutes", "estimate_minutes")]
        query = self.select().with_only_columns(
            *columns, Project.calendar_id.label("project_calendar_id")
        )
        query = query.join(
            Project,
            (Project.organization_id == ProjectTask.organization_id)
            & (Project.id == ProjectTask.project_id),
        ).where(
            ProjectTask.deleted_at.is_(None),
            ProjectTask.kind == "task",
            ProjectTask.percent < 100,
            ProjectTask.starts_at < end,
            ProjectTask.finishes_at > start,
            Project.deleted_at.is_(None),
            Project.status.in_(_OPEN),
        )
        rows = (await self.tx.run(query)).mappings()
        return [
            {**row, "calendar_id": row["calendar_id"] or row["project_calendar_id"]} for row in rows
        ]

    async def planned(self, project_id: UUID) -> list[dict[str, Any]]:
        """What the plan of a project is made of: its living tasks, whoever asks."""
        return (await self.planned_of([project_id])).get(project_id, [])

    async def planned_of(self, projects: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
        """The same of several projects."""
        found: dict[UUID, list[dict[str, Any]]] = {}
        for row in await self.tx.fetch(_PLANNED, self.tx.organization_id, list(projects)):
            values: dict[str, Any] = {
                **row,
                "dependencies": decode(row["dependencies"]),
                "billing_percent": _exact(row["billing_percent"], 6),
                "billing_amount": _exact(row["billing_amount"], 4),
            }
            found.setdefault(values.pop("project_id"), []).append(values)
        return found
