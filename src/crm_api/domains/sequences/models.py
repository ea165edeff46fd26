"""The tables of sequences, of their versions, and of those who go through them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.crud.places import Place
from crm_api.kit.db.base import Base, Entity, Json, KeyText, TenantRow
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring

SequenceStatus = Literal["draft", "active", "paused", "archived"]
ReplyScope = Literal["contact", "thread"]
EnrolmentStatus = Literal["active", "paused", "finished", "exited", "failed"]
ExitReason = Literal[
    "replied",
    "bounced",
    "unsubscribed",
    "suppressed",
    "no_consent",
    "unreachable",
    "deal_won",
    "goal_met",
    "removed",
    "archived",
    "template",
    "not_sent",
    "error",
]
WaitingFor = Literal[
    "time", "window", "limit", "gate", "message", "task", "out_of_office", "sequence"
]
StepOutcome = Literal[
    "queued", "sent", "waiting", "done", "skipped", "postponed", "withdrawn", "failed"
]
UNDER_WAY = ("active", "paused")
_UNDER_WAY = text("status IN ('active', 'paused') AND deleted_at IS NULL")


class Sequence(Named, Entity):
    """Steps to take with somebody; what is worked on is its draft, what runs are its versions."""

    __tablename__ = "sequences"
    __table_args__ = (
        foreign_key("channel_id", "channels"),
        one_of("status", SequenceStatus),
        one_of("reply_scope", ReplyScope),
        CheckConstraint(
            "(status = 'draft') = (published_version IS NULL) OR status = 'archived'",
            name="published_version",
        ),
        *ordered("sequences", "created_at", "updated_at", "sort_name"),
        referring("sequences", "channel_id", optional=True),
        referring("sequences", "owner_id", optional=True),
    )
    entity = "sequence"

    description: Mapped[str | None]
    purpose: Mapped[str] = mapped_column(KeyText)
    channel_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(KeyText)
    send_window: Mapped[dict[str, Any] | None]
    reply_scope: Mapped[str] = mapped_column(KeyText)
    auto_reply_days: Mapped[int | None]
    goal: Mapped[dict[str, Any]]
    daily_limit: Mapped[int | None]
    sender_daily_limit: Mapped[int | None]
    steps: Mapped[list[dict[str, Any]]]
    published_version: Mapped[int | None]
    tags: Mapped[list[str]]


class SequenceVersion(Base):
    """What was published; never changed."""

    __tablename__ = "sequence_versions"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    steps: Mapped[list[dict[str, Any]]]
    published_at: Mapped[datetime]
    published_by: Mapped[UUID | None]


class SequenceState(Place, Base):
    """How far the feed has been read for the sequences of an organization."""

    __tablename__ = "sequence_states"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)


class SequenceEnrolment(Entity):
    """Somebody who goes through a sequence, and where they stand in it."""

    __tablename__ = "sequence_enrolments"
    __table_args__ = (
        foreign_key("sequence_id", "sequences"),
        foreign_key("contact_id", "contacts"),
        foreign_key("deal_id", "deals"),
        foreign_key("sender_id", "users"),
        one_of("target", Literal["contact"]),
        one_of("status", EnrolmentStatus),
        one_of("exit_reason", ExitReason),
        one_of("waiting_for", WaitingFor),
        CheckConstraint(
            "(status IN ('exited', 'failed')) = (exit_reason IS NOT NULL)", name="reason_of_end"
        ),
        CheckConstraint("(status IN ('active', 'paused')) = (ended_at IS NULL)", name="ended_at"),
        CheckConstraint("status = 'active' OR next_at IS NULL", name="next_at"),
        *ordered("sequence_enrolments", "created_at", "updated_at", "next_at"),
        referring("sequence_enrolments", "sequence_id"),
        referring("sequence_enrolments", "contact_id"),
        referring("sequence_enrolments", "deal_id", optional=True),
        referring("sequence_enrolments", "sender_id", optional=True),
        referring("sequence_enrolments", "conversation_id", optional=True),
        referring("sequence_enrolments", "owner_id", optional=True),
        # Whoever is in it already cannot be in it twice, however fast two enrol them.
        Index(
            "uq_sequence_enrolments_organization_id_contact_id",
            "organization_id",
            "sequence_id",
            "contact_id",
            unique=True,
            postgresql_where=_UNDER_WAY,
        ),
        # What the stepper looks for all the time.
        Index(
            "ix_sequence_enrolments_due",
            "next_at",
            postgresql_where=text(
                "status = 'active' AND next_at IS NOT NULL AND deleted_at IS NULL"
            ),
        ),
    )
    entity = "sequence_enrolment"

    target: Mapped[str] = mapped_column(KeyText)
    """Always `contact`: by it, whoever does not see the contact does not see this either."""
    sequence_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    deal_id: Mapped[UUID | None]
    sender_id: Mapped[UUID | None]
    note: Mapped[str | None] = mapped_column(KeyText)
    ends_on_reply: Mapped[bool]
    status: Mapped[str] = mapped_column(KeyText)
    exit_reason: Mapped[str | None] = mapped_column(KeyText)
    exit_detail: Mapped[str | None] = mapped_column(KeyText)
    sequence_version: Mapped[int | None]
    """None, as the place, till a draft is published."""
    place: Mapped[list[Any] | None] = mapped_column(Json)
    """The way to the step that is next, or that is waited for."""
    step: Mapped[str | None] = mapped_column(KeyText)
    round: Mapped[int] = mapped_column(SmallInteger)
    """Grows with each time that a step is taken anew."""
    next_at: Mapped[datetime | None]
    waiting_for: Mapped[str | None] = mapped_column(KeyText)
    reasons: Mapped[list[str]]
    conversation_id: Mapped[UUID | None]
    message_id: Mapped[UUID | None]
    task_id: Mapped[UUID | None]
    ended_at: Mapped[datetime | None]


class SequenceStepRun(TenantRow):
    """A step that was taken, once in each round."""

    __tablename__ = "sequence_step_runs"
    __table_args__ = (
        one_of("outcome", StepOutcome),
        Index(
            "uq_sequence_step_runs_organization_id_place",
            "organization_id",
            "enrolment_id",
            "place",
            "round",
            unique=True,
        ),
        Index(
            "ix_sequence_step_runs_message",
            "organization_id",
            "message_id",
            postgresql_where=text("message_id IS NOT NULL"),
        ),
        Index(
            "ix_sequence_step_runs_task",
            "organization_id",
            "task_id",
            postgresql_where=text("task_id IS NOT NULL"),
        ),
        Index("ix_sequence_step_runs_sequence", "organization_id", "sequence_id", "version"),
        Index(
            "ix_sequence_step_runs_mails",
            "organization_id",
            "sequence_id",
            "taken_at",
            postgresql_where=text("action = 'mail'"),
        ),
        Index(
            "ix_sequence_step_runs_sender",
            "organization_id",
            "sender_id",
            "taken_at",
            postgresql_where=text("action = 'mail'"),
        ),
    )

    sequence_id: Mapped[UUID]
    version: Mapped[int]
    enrolment_id: Mapped[UUID]
    place: Mapped[str] = mapped_column(KeyText)
    """Its pointer in the version."""
    round: Mapped[int] = mapped_column(SmallInteger)
    action: Mapped[str] = mapped_column(KeyText)
    outcome: Mapped[str] = mapped_column(KeyText)
    sender_id: Mapped[UUID | None]
    message_id: Mapped[UUID | None]
    task_id: Mapped[UUID | None]
    variant: Mapped[int | None] = mapped_column(SmallInteger)
    reasons: Mapped[list[str]]
    result: Mapped[dict[str, Any]]
    taken_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    replied_at: Mapped[datetime | None]
