"""The tables of cases and of the policies that say how soon they are answered."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring

CaseStatus = Literal["new", "assigned", "in_progress", "waiting_customer", "resolved", "closed"]
CaseKind = Literal["question", "incident", "problem", "request", "complaint"]
CaseChannel = Literal["email", "phone", "web", "chat", "portal", "other"]
Priority = Literal["low", "normal", "high", "urgent"]
Level = Literal["low", "medium", "high"]
Severity = Literal["minor", "major", "critical"]
SlaTargetName = Literal["first_response", "next_response", "resolution"]
SlaState = Literal["running", "paused", "breached", "met"]


class Case(Entity):
    """What a customer asks for help with."""

    __tablename__ = "cases"
    __table_args__ = (
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        foreign_key("product_id", "products"),
        foreign_key("order_id", "orders"),
        foreign_key("project_id", "projects"),
        foreign_key("deliverable_id", "deliverables"),
        foreign_key("team_id", "teams"),
        foreign_key("parent_id", "cases"),
        foreign_key("follows_id", "cases"),
        one_of("status", CaseStatus),
        one_of("kind", CaseKind),
        one_of("channel", CaseChannel),
        one_of("priority", Priority),
        one_of("impact", Level),
        one_of("urgency", Level),
        one_of("severity", Severity),
        one_of("sla_state", SlaState),
        CheckConstraint("parent_id <> id AND follows_id <> id", name="not_its_own"),
        CheckConstraint("score BETWEEN 1 AND 5", name="score"),
        CheckConstraint(
            "status NOT IN ('resolved', 'closed') OR resolution IS NOT NULL", name="resolution"
        ),
        *ordered("cases", "created_at", "updated_at", "number", "sort_name", "next_due_at"),
        *(
            referring("cases", name, optional=True)
            for name in (
                *("company_id", "contact_id", "product_id", "order_id", "project_id"),
                *(
                    "deliverable_id",
                    "team_id",
                    "parent_id",
                    "follows_id",
                    "owner_id",
                    "sla_policy_id",
                ),
            )
        ),
        Index("ix_cases_status", "organization_id", "status", "id"),
        Index(
            "uq_cases_organization_id_number",
            "organization_id",
            "number",
            unique=True,
        ),
        Index(
            "ix_cases_resolved",
            "resolved_at",
            postgresql_where=text("status = 'resolved' AND deleted_at IS NULL"),
        ),
        Index("ix_cases_sla_state", "organization_id", "sla_state", "id"),
        Index(
            "ix_cases_sla_next",
            "organization_id",
            "sla_next_at",
            postgresql_where=text("sla_next_at IS NOT NULL AND deleted_at IS NULL"),
        ),
    )
    entity = "case"

    number: Mapped[str] = mapped_column(KeyText)
    subject: Mapped[str] = mapped_column(KeyText)
    sort_name: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]
    kind: Mapped[str] = mapped_column(KeyText)
    channel: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    priority: Mapped[str] = mapped_column(KeyText)
    impact: Mapped[str | None] = mapped_column(KeyText)
    urgency: Mapped[str | None] = mapped_column(KeyText)
    severity: Mapped[str | None] = mapped_column(KeyText)
    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    product_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None]
    project_id: Mapped[UUID | None]
    deliverable_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
    parent_id: Mapped[UUID | None]
    follows_id: Mapped[UUID | None]
    root_cause: Mapped[str | None] = mapped_column(KeyText)
    resolution: Mapped[str | None] = mapped_column(KeyText)
    first_responded_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    reopened: Mapped[int]
    sla_policy_id: Mapped[UUID | None]
    sla_state: Mapped[str | None] = mapped_column(KeyText)
    # How it went, from which its clocks are reckoned, and when they have something to tell next.
    sla_track: Mapped[dict[str, Any]]
    sla_next_at: Mapped[datetime | None]
    clocks: Mapped[list[dict[str, Any]]]
    next_due_at: Mapped[datetime | None]
    escalation_level: Mapped[int]
    is_escalated: Mapped[bool]
    tags: Mapped[list[str]]
    score: Mapped[int | None]
    score_comment: Mapped[str | None] = mapped_column(KeyText)
    scored_at: Mapped[datetime | None]


class SlaPolicy(Named, Entity):
    """How soon certain cases are answered and resolved."""

    __tablename__ = "sla_policies"
    __table_args__ = (
        foreign_key("calendar_id", "working_calendars"),
        *ordered("sla_policies", "created_at", "updated_at", "sort_name", "position"),
        referring("sla_policies", "calendar_id", optional=True),
    )
    entity = "sla_policy"

    position: Mapped[int]
    is_active: Mapped[bool]
    filter: Mapped[dict[str, Any]]
    targets: Mapped[list[dict[str, Any]]]
    calendar_id: Mapped[UUID | None]
    pause_statuses: Mapped[list[str]]
    escalations: Mapped[list[dict[str, Any]]]
    description: Mapped[str | None]


class SlaEscalationRow(Base):
    """That a share of a clock's time was over and what follows was done: once for each."""

    __tablename__ = "sla_escalations"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(KeyText, primary_key=True)
    cycle: Mapped[int] = mapped_column(primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
    at: Mapped[datetime]
