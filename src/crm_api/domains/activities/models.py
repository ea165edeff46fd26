"""The tables of activities and tasks."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import foreign_key, one_of, ordered, referring

ActivityKind = Literal[
    "call", "meeting", "email", "message", "visit", "note", "letter", "demo", "event"
]
ActivityStatus = Literal["planned", "completed", "cancelled"]
Direction = Literal["inbound", "outbound"]
Mood = Literal["positive", "neutral", "negative"]
TaskKind = Literal["todo", "call", "email", "meeting", "visit", "letter", "follow_up"]
Priority = Literal["low", "normal", "high", "urgent"]
TaskStatus = Literal["open", "in_progress", "waiting", "done", "cancelled"]
_AHEAD = text("status = 'planned' AND deleted_at IS NULL")
_LATE = text("status IN ('open', 'in_progress', 'waiting') AND deleted_at IS NULL")


def told_by_itself() -> Any:
    """What was told of a record, so that nothing is told twice: that is no change of it."""
    return mapped_column(server_default=text("'{}'"))


class Linked:
    """What a record is about: a company, a contact, a deal, and others in their roles."""

    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    deal_id: Mapped[UUID | None]
    links: Mapped[list[dict[str, Any]]]
    team_id: Mapped[UUID | None]
    tags: Mapped[list[str]]


def _linked(table: str) -> tuple[Any, ...]:
    return (
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        foreign_key("deal_id", "deals"),
        foreign_key("team_id", "teams"),
        referring(table, "company_id", optional=True),
        referring(table, "contact_id", optional=True),
        referring(table, "deal_id", optional=True),
        referring(table, "team_id", optional=True),
        referring(table, "owner_id", optional=True),
    )


class Activity(Linked, Entity):
    """Something that is done with customers, or was."""

    __tablename__ = "activities"
    __table_args__ = (
        one_of("kind", ActivityKind),
        one_of("status", ActivityStatus),
        one_of("direction", Direction),
        one_of("sentiment", Mood),
        CheckConstraint("ended_at >= starts_at", name="ended_at"),
        CheckConstraint("duration >= 0", name="duration"),
        CheckConstraint("remind_minutes >= 0", name="remind_minutes"),
        CheckConstraint("(status = 'completed') = (completed_at IS NOT NULL)", name="completed_at"),
        CheckConstraint(
            "(timer_started_at IS NULL) = (timer_user_id IS NULL)", name="timer_user_id"
        ),
        *ordered("activities", "created_at", "updated_at", "starts_at"),
        *_linked("activities"),
        Index("ix_activities_status", "organization_id", "status", "id"),
        Index("ix_activities_remind", "remind_at", postgresql_where=_AHEAD),
        Index(
            "uq_activities_organization_id_timer_user_id",
            "organization_id",
            "timer_user_id",
            unique=True,
            postgresql_where=text("timer_user_id IS NOT NULL"),
        ),
    )
    entity = "activity"

    kind: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    subject: Mapped[str] = mapped_column(KeyText)
    body: Mapped[str | None] = mapped_column(KeyText)
    direction: Mapped[str | None] = mapped_column(KeyText)
    channel: Mapped[str | None] = mapped_column(KeyText)
    outcome: Mapped[str | None] = mapped_column(KeyText)
    sentiment: Mapped[str | None] = mapped_column(KeyText)
    starts_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    duration: Mapped[int | None]
    remind_minutes: Mapped[int | None]
    remind_at: Mapped[datetime | None]
    is_billable: Mapped[bool]
    is_internal: Mapped[bool]
    completed_at: Mapped[datetime | None]
    corrected_at: Mapped[datetime | None]
    correction_reason: Mapped[str | None] = mapped_column(KeyText)
    timer_started_at: Mapped[datetime | None]
    timer_user_id: Mapped[UUID | None]
    alerts: Mapped[dict[str, Any]] = told_by_itself()


class Task(Linked, Entity):
    """Something to be done, once or again and again."""

    __tablename__ = "tasks"
    __table_args__ = (
        foreign_key("previous_id", "tasks"),
        one_of("kind", TaskKind),
        one_of("priority", Priority),
        one_of("status", TaskStatus),
        CheckConstraint("due_on IS NULL OR due_at IS NULL", name="due"),
        CheckConstraint(
            "recurrence IS NULL OR due_on IS NOT NULL OR due_at IS NOT NULL", name="recurrence"
        ),
        CheckConstraint("(recurrence IS NULL) = (occurs_at IS NULL)", name="occurs_at"),
        CheckConstraint(
            "(status IN ('done', 'cancelled')) = (closed_at IS NOT NULL)", name="closed_at"
        ),
        *ordered("tasks", "created_at", "updated_at", "overdue_at"),
        *_linked("tasks"),
        # Who goes past the lock of a task is stopped here: of each there is one next.
        Index(
            "uq_tasks_organization_id_previous_id",
            "organization_id",
            "previous_id",
            unique=True,
            postgresql_where=text("previous_id IS NOT NULL"),
        ),
        Index("ix_tasks_status", "organization_id", "status", "id"),
        # What is looked for all the time: what is late, and what somebody is to be reminded of.
        Index("ix_tasks_late", "overdue_at", postgresql_where=_LATE),
        Index("ix_tasks_remind", "remind_at", postgresql_where=_LATE),
    )
    entity = "task"

    subject: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]
    kind: Mapped[str] = mapped_column(KeyText)
    priority: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    due_on: Mapped[date | None]
    due_at: Mapped[datetime | None]
    time_zone: Mapped[str | None] = mapped_column(KeyText)
    overdue_at: Mapped[datetime | None]
    remind_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    recurrence: Mapped[str | None] = mapped_column(KeyText)
    # When it is due as the clocks of its zone say, from which the next occurrence counts.
    occurs_at: Mapped[str | None] = mapped_column(KeyText)
    previous_id: Mapped[UUID | None]
    checklist: Mapped[list[dict[str, Any]]]
    depends_on: Mapped[list[str]]
    estimate_minutes: Mapped[int | None]
    spent_minutes: Mapped[int | None]
    closed_at: Mapped[datetime | None]
    close_comment: Mapped[str | None] = mapped_column(KeyText)
    alerts: Mapped[dict[str, Any]] = told_by_itself()
