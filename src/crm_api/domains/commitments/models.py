"""The table of commitments."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import foreign_key, one_of, ordered, referring

PromisedBy = Literal["us", "customer"]
CommitmentStatus = Literal["open", "kept", "broken", "renegotiated", "withdrawn"]
Department = Literal["sales", "advertising", "delivery", "service", "information", "finance"]


class Commitment(Entity):
    """Something that somebody promised."""

    __tablename__ = "commitments"
    __table_args__ = (
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        foreign_key("deal_id", "deals"),
        foreign_key("order_id", "orders"),
        foreign_key("project_id", "projects"),
        foreign_key("previous_id", "commitments"),
        one_of("promised_by", PromisedBy),
        one_of("status", CommitmentStatus),
        one_of("department", Department),
        CheckConstraint("due_on IS NULL OR due_at IS NULL", name="due"),
        CheckConstraint("(source_target IS NULL) = (source_id IS NULL)", name="source_id"),
        CheckConstraint("(status = 'open') = (decided_at IS NULL)", name="decided_at"),
        CheckConstraint("previous_id <> id", name="not_its_own_previous"),
        *ordered("commitments", "created_at", "updated_at", "overdue_at"),
        referring("commitments", "company_id", optional=True),
        referring("commitments", "contact_id", optional=True),
        referring("commitments", "deal_id", optional=True),
        referring("commitments", "order_id", optional=True),
        referring("commitments", "project_id", optional=True),
        referring("commitments", "owner_id", optional=True),
        referring("commitments", "source_id", optional=True),
        Index("ix_commitments_status", "organization_id", "status", "id"),
        # What is looked for all the time: what is late.
        Index(
            "ix_commitments_late",
            "overdue_at",
            postgresql_where=text("status = 'open' AND deleted_at IS NULL"),
        ),
        # Who goes past the lock is stopped here: of each there is one next.
        Index(
            "uq_commitments_organization_id_previous_id",
            "organization_id",
            "previous_id",
            unique=True,
            postgresql_where=text("previous_id IS NOT NULL"),
        ),
    )
    entity = "commitment"

    promised_by: Mapped[str] = mapped_column(KeyText)
    text: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]
    status: Mapped[str] = mapped_column(KeyText)
    due_on: Mapped[date | None]
    due_at: Mapped[datetime | None]
    time_zone: Mapped[str | None] = mapped_column(KeyText)
    overdue_at: Mapped[datetime | None]
    overdue_told_at: Mapped[datetime | None]
    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    deal_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None]
    project_id: Mapped[UUID | None]
    department: Mapped[str | None] = mapped_column(KeyText)
    source_target: Mapped[str | None] = mapped_column(KeyText)
    source_id: Mapped[UUID | None]
    previous_id: Mapped[UUID | None]
    trail: Mapped[list[dict[str, Any]]]
    decided_at: Mapped[datetime | None]
    decision_comment: Mapped[str | None] = mapped_column(KeyText)
    tags: Mapped[list[str]]
