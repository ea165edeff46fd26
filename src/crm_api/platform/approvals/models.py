"""The tables of policies, of what was asked for by them, and of who stands in for whom."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring

ApprovalStatus = Literal["pending", "approved", "rejected", "recalled", "expired", "voided"]
LIVE = ("pending", "approved")
"""In these a request holds for what the record says; what changes that voids it."""
_IS_LIVE = text("status IN ('pending', 'approved')")


class ApprovalPolicy(Named, Entity):
    """What of a kind of record is to be approved, and by whom."""

    __tablename__ = "approval_policies"
    __table_args__ = (
        CheckConstraint("priority BETWEEN 0 AND 10000", name="priority"),
        Index("ix_approval_policies_target", "organization_id", "target", "priority", "id"),
        *ordered("approval_policies", "created_at", "sort_name"),
    )
    entity = "approval_policy"

    description: Mapped[str | None]
    target: Mapped[str] = mapped_column(KeyText)
    purpose: Mapped[str] = mapped_column(KeyText)
    filter: Mapped[dict[str, Any]]
    priority: Mapped[int]
    material_fields: Mapped[list[str]]
    submitter_may_approve: Mapped[bool]
    steps: Mapped[list[dict[str, Any]]]
    is_active: Mapped[bool]


class Approval(Entity):
    """A request for approval of a record as it is, by the policy as it was."""

    __tablename__ = "approvals"
    __table_args__ = (
        one_of("status", ApprovalStatus),
        foreign_key("policy_id", "approval_policies"),
        *ordered("approvals", "created_at"),
        Index("ix_approvals_record", "organization_id", "record_id", "id"),
        Index(
            "uq_approvals_live",
            "organization_id",
            "record_id",
            "policy_id",
            unique=True,
            postgresql_where=_IS_LIVE,
        ),
        referring("approvals", "policy_id"),
    )
    entity = "approval"

    target: Mapped[str] = mapped_column(KeyText)
    record_id: Mapped[UUID]
    record_version: Mapped[int]
    policy_id: Mapped[UUID]
    policy_version: Mapped[int]
    policy_name: Mapped[str] = mapped_column(KeyText)
    purpose: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    reason: Mapped[str | None] = mapped_column(KeyText)
    comment: Mapped[str | None]
    material_fields: Mapped[list[str]]
    salt: Mapped[str] = mapped_column(KeyText)
    content_hash: Mapped[str] = mapped_column(KeyText)
    """Of the material fields of the record, salted: what is hidden cannot be guessed by it."""
    submitter_may_approve: Mapped[bool]
    steps: Mapped[list[dict[str, Any]]]
    step: Mapped[int | None]
    """The place of the step that is under way."""
    decisions: Mapped[list[dict[str, Any]]]
    waiting_for: Mapped[list[str]]
    """The users who are asked now, without those who stand in for them."""
    due_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class ApprovalDelegation(Entity):
    """That somebody decides for somebody else for a time."""

    __tablename__ = "approval_delegations"
    __table_args__ = (
        foreign_key("user_id", "users"),
        foreign_key("delegate_id", "users"),
        CheckConstraint("user_id <> delegate_id", name="not_oneself"),
        CheckConstraint("ends_at > starts_at", name="in_order"),
        *ordered("approval_delegations", "created_at"),
        referring("approval_delegations", "user_id"),
        referring("approval_delegations", "delegate_id"),
    )
    entity = "approval_delegation"

    user_id: Mapped[UUID]
    delegate_id: Mapped[UUID]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(KeyText)
