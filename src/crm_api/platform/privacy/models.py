"""The tables of requests of people, of legal holds and of retention policies."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, one_of, ordered

RequestKind = Literal["access", "erasure"]
ReceivedThrough = Literal["email", "letter", "phone", "in_person", "web", "other"]
RequestStatus = Literal["received", "verified", "in_progress", "completed", "rejected"]
CountedFrom = Literal["created_at", "updated_at", "deleted_at"]
RetentionAction = Literal["delete", "purge", "anonymise"]


class SubjectRequest(Entity):
    """What a person has asked for about their data, and what came of it."""

    __tablename__ = "subject_requests"
    __table_args__ = (
        one_of("kind", RequestKind),
        one_of("status", RequestStatus),
        one_of("received_through", ReceivedThrough),
        *ordered("subject_requests", "created_at"),
        Index("ix_subject_requests_record", "organization_id", "record_id"),
    )
    entity = "subject_request"

    kind: Mapped[str] = mapped_column(KeyText)
    target: Mapped[str] = mapped_column(KeyText)
    record_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(KeyText)
    requester: Mapped[str | None] = mapped_column(KeyText)
    note: Mapped[str | None] = mapped_column(KeyText)
    received_through: Mapped[str] = mapped_column(KeyText)
    received_at: Mapped[datetime]
    due_on: Mapped[date]
    extension: Mapped[str | None] = mapped_column(KeyText)
    verification: Mapped[str | None] = mapped_column(KeyText)
    verified_at: Mapped[datetime | None]
    rejection: Mapped[str | None] = mapped_column(KeyText)
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    report: Mapped[dict[str, Any] | None]
    job_id: Mapped[UUID | None]
    stored_as: Mapped[str | None] = mapped_column(KeyText)
    expires_at: Mapped[datetime | None]


class LegalHold(Entity):
    """That a record must not be destroyed, and why."""

    __tablename__ = "legal_holds"
    __table_args__ = (
        *ordered("legal_holds", "created_at"),
        Index("ix_legal_holds_record", "organization_id", "record_id"),
    )
    entity = "legal_hold"

    target: Mapped[str] = mapped_column(KeyText)
    record_id: Mapped[UUID]
    reason: Mapped[str] = mapped_column(KeyText)
    ends_on: Mapped[date | None]


class RetentionPolicy(Named, Entity):
    """How long records of a kind are kept, and what becomes of them then."""

    __tablename__ = "retention_policies"
    __table_args__ = (
        one_of("counted_from", CountedFrom),
        one_of("action", RetentionAction),
        *ordered("retention_policies", "created_at", "sort_name"),
    )
    entity = "retention_policy"

    target: Mapped[str] = mapped_column(KeyText)
    filter: Mapped[dict[str, Any]]
    days: Mapped[int]
    counted_from: Mapped[str] = mapped_column(KeyText)
    action: Mapped[str] = mapped_column(KeyText)
    is_active: Mapped[bool]
    description: Mapped[str | None]
    last_run_at: Mapped[datetime | None]
    last_result: Mapped[dict[str, Any] | None]
