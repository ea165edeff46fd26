"""The tables of projects, their templates, tasks, deliverables and times."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.domains.projects.scheduling import Constraint
from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Described, Named, foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType, QuantityType

ProjectStatus = Literal["planned", "active", "on_hold", "completed", "accepted", "cancelled"]
TaskKind = Literal["task", "milestone", "phase"]
DeliverableStatus = Literal["draft", "submitted", "accepted", "rejected"]
TimeStatus = Literal["draft", "submitted", "approved", "rejected"]
ExpenseKind = Literal["travel", "lodging", "material", "subcontractor", "licence", "other"]


class ProjectTemplate(Named, Entity):
    """What projects begin with whose order has certain products."""

    __tablename__ = "project_templates"
    __table_args__ = (
        *ordered("project_templates", "created_at", "updated_at", "sort_name"),
        Index(
            "uq_project_templates_organization_id_key",
            "organization_id",
            "key",
            unique=True,
            postgresql_where=text("deleted_at IS NULL AND key IS NOT NULL"),
        ),
    )
    entity = "project_template"

    key: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]
    product_ids: Mapped[list[str]]
    tasks: Mapped[list[dict[str, Any]]]
    is_active: Mapped[bool]


class Project(Named, Described, Entity):
    """What is done for a customer, by its tasks."""

    __tablename__ = "projects"
    __table_args__ = (
        foreign_key("company_id", "companies"),
        foreign_key("deal_id", "deals"),
        foreign_key("order_id", "orders"),
        foreign_key("calendar_id", "working_calendars"),
        one_of("status", ProjectStatus),
        *ordered("projects", "created_at", "updated_at", "sort_name", "starts_on", "finishes_at"),
        referring("projects", "company_id", optional=True),
        referring("projects", "deal_id", optional=True),
        referring("projects", "calendar_id", optional=True),
        referring("projects", "owner_id", optional=True),
        referring("projects", "order_id", optional=True),
        # Whoever goes past the lock of the order is stopped here.
        Index(
            "uq_projects_organization_id_order_id",
            "organization_id",
            "order_id",
            unique=True,
            postgresql_where=text("order_id IS NOT NULL AND deleted_at IS NULL"),
        ),
        Index("ix_projects_status", "organization_id", "status", "id"),
    )
    entity = "project"

    company_id: Mapped[UUID | None]
    deal_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None]
    calendar_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(KeyText)
    starts_on: Mapped[date]
    finishes_at: Mapped[datetime | None]
    baseline_at: Mapped[datetime | None]
    baseline_finishes_at: Mapped[datetime | None]
    currency: Mapped[str] = mapped_column(KeyText)
    revenue: Mapped[Decimal | None] = mapped_column(AmountType)
    cost_budget: Mapped[Decimal | None] = mapped_column(AmountType)
    risks: Mapped[list[dict[str, Any]]]
    closed_at: Mapped[datetime | None]
    close_comment: Mapped[str | None] = mapped_column(KeyText)


class ProjectTask(Named, Entity):
    """A task, a milestone, or a phase that holds others."""

    __tablename__ = "project_tasks"
    __table_args__ = (
        foreign_key("project_id", "projects"),
        foreign_key("parent_id", "project_tasks"),
        foreign_key("calendar_id", "working_calendars"),
        one_of("kind", TaskKind),
        one_of("constraint_kind", Constraint),
        CheckConstraint("percent BETWEEN 0 AND 100", name="percent"),
        CheckConstraint("minutes >= 0", name="minutes"),
        CheckConstraint(
            "(constraint_kind = 'asap') = (constraint_at IS NULL)", name="constraint_at"
        ),
        CheckConstraint(
            "billing_percent IS NULL OR (kind = 'milestone' "
            "AND billing_percent > 0 AND billing_percent <= 100000000)",
            name="billing_percent",
        ),
        CheckConstraint("billing_due_at IS NOT NULL OR billed_at IS NULL", name="billed_at"),
        *ordered(
            "project_tasks", "created_at", "updated_at", "sort_name", "starts_at", "finishes_at"
        ),
        referring("project_tasks", "parent_id", optional=True),
        referring("project_tasks", "calendar_id", optional=True),
        referring("project_tasks", "owner_id", optional=True),
        Index("ix_project_tasks_project", "organization_id", "project_id", "position", "id"),
    )
    entity = "project_task"

    project_id: Mapped[UUID]
    parent_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(KeyText)
    key: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]
    position: Mapped[int]
    role: Mapped[str | None] = mapped_column(KeyText)
    minutes: Mapped[int]
    estimate_minutes: Mapped[int | None]
    calendar_id: Mapped[UUID | None]
    constraint_kind: Mapped[str] = mapped_column(KeyText)
    constraint_at: Mapped[datetime | None]
    dependencies: Mapped[list[dict[str, Any]]]
    checklist: Mapped[list[dict[str, Any]]]
    percent: Mapped[int]
    starts_at: Mapped[datetime | None]
    finishes_at: Mapped[datetime | None]
    total_float: Mapped[int | None]
    is_critical: Mapped[bool]
    baseline_starts_at: Mapped[datetime | None]
    baseline_finishes_at: Mapped[datetime | None]
    billing_percent: Mapped[Decimal | None] = mapped_column(QuantityType)
    accepted_at: Mapped[datetime | None]
    billing_due_at: Mapped[datetime | None]
    billing_amount: Mapped[Decimal | None] = mapped_column(AmountType)
    billed_at: Mapped[datetime | None]
    billing_reference: Mapped[str | None] = mapped_column(KeyText)


class Deliverable(Named, Entity):
    """Something that was promised, and what became of it."""

    __tablename__ = "deliverables"
    __table_args__ = (
        foreign_key("project_id", "projects"),
        foreign_key("milestone_id", "project_tasks"),
        one_of("status", DeliverableStatus),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("delivered_quantity >= 0", name="delivered_quantity"),
        CheckConstraint(
            "(status IN ('accepted', 'rejected')) = (decided_at IS NOT NULL)", name="decided_at"
        ),
        *ordered("deliverables", "created_at", "updated_at", "sort_name", "due_on"),
        referring("deliverables", "project_id"),
        referring("deliverables", "milestone_id", optional=True),
        Index("ix_deliverables_status", "organization_id", "status", "id"),
    )
    entity = "deliverable"

    project_id: Mapped[UUID]
    milestone_id: Mapped[UUID | None]
    line_id: Mapped[UUID | None]
    description: Mapped[str | None]
    quantity: Mapped[Decimal] = mapped_column(QuantityType)
    due_on: Mapped[date | None]
    is_mandatory: Mapped[bool]
    status: Mapped[str] = mapped_column(KeyText)
    delivered_quantity: Mapped[Decimal] = mapped_column(QuantityType)
    delivered_on: Mapped[date | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(KeyText)
    rejection_reasons: Mapped[list[str]]


class TimeEntry(Entity):
    """Time that somebody worked for a project."""

    __tablename__ = "time_entries"
    __table_args__ = (
        foreign_key("project_id", "projects"),
        foreign_key("task_id", "project_tasks"),
        one_of("status", TimeStatus),
        CheckConstraint("minutes BETWEEN 1 AND 1440", name="minutes"),
        *ordered("time_entries", "created_at", "updated_at", "day"),
        referring("time_entries", "project_id"),
        referring("time_entries", "task_id", optional=True),
        referring("time_entries", "owner_id", optional=True),
        Index("ix_time_entries_status", "organization_id", "status", "id"),
    )
    entity = "time_entry"

    project_id: Mapped[UUID]
    task_id: Mapped[UUID | None]
    day: Mapped[date]
    minutes: Mapped[int]
    note: Mapped[str | None] = mapped_column(KeyText)
    is_billable: Mapped[bool]
    rate: Mapped[Decimal | None] = mapped_column(AmountType)
    cost_rate: Mapped[Decimal | None] = mapped_column(AmountType)
    status: Mapped[str] = mapped_column(KeyText)
    decided_at: Mapped[datetime | None]
    rejection_reason: Mapped[str | None] = mapped_column(KeyText)


class Expense(Entity):
    """What somebody spent for a project."""

    __tablename__ = "expenses"
    __table_args__ = (
        foreign_key("project_id", "projects"),
        foreign_key("task_id", "project_tasks"),
        one_of("kind", ExpenseKind),
        one_of("status", TimeStatus),
        CheckConstraint("amount > 0", name="amount"),
        *ordered("expenses", "created_at", "updated_at", "day"),
        referring("expenses", "project_id"),
        referring("expenses", "task_id", optional=True),
        referring("expenses", "owner_id", optional=True),
        Index("ix_expenses_status", "organization_id", "status", "id"),
    )
    entity = "expense"

    project_id: Mapped[UUID]
    task_id: Mapped[UUID | None]
    day: Mapped[date]
    kind: Mapped[str] = mapped_column(KeyText)
    note: Mapped[str | None] = mapped_column(KeyText)
    amount: Mapped[Decimal] = mapped_column(AmountType)
    currency: Mapped[str] = mapped_column(KeyText)
    project_amount: Mapped[Decimal] = mapped_column(AmountType)
    is_billable: Mapped[bool]
    status: Mapped[str] = mapped_column(KeyText)
    decided_at: Mapped[datetime | None]
    rejection_reason: Mapped[str | None] = mapped_column(KeyText)


class StatusReport(Entity):
    """How a project fared at the end of a period, as it was told; it never changes."""

    __tablename__ = "status_reports"
    __table_args__ = (
        foreign_key("project_id", "projects"),
        CheckConstraint("until >= since", name="until"),
        *ordered("status_reports", "created_at", "updated_at", "until"),
        referring("status_reports", "project_id"),
    )
    entity = "status_report"

    project_id: Mapped[UUID]
    since: Mapped[date]
    until: Mapped[date]
    health: Mapped[str] = mapped_column(KeyText)
    summary: Mapped[str]
    next_steps: Mapped[str | None]
    figures: Mapped[dict[str, Any]]
    risks: Mapped[list[dict[str, Any]]]
