"""The tables of campaigns, and of who is in the audience of each."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring
from crm_api.platform.outreach.models import Channel

Level = Literal["programme", "campaign", "tactic"]
Kind = Literal[
    "email",
    "sms",
    "call",
    "event",
    "web",
    "ads",
    "print",
    "social",
    "direct_mail",
    "partner",
    "other",
]
Status = Literal[
    "draft",
    "in_approval",
    "approved",
    "scheduled",
    "running",
    "paused",
    "completed",
    "archived",
    "cancelled",
]


class Campaign(Named, Entity):
    """A programme, a campaign of it, or a tactic of that."""

    __tablename__ = "campaigns"
    __table_args__ = (
        foreign_key("parent_id", "campaigns"),
        one_of("level", Level),
        one_of("kind", Kind),
        one_of("status", Status),
        one_of("channel", Channel),
        CheckConstraint("ends_on >= starts_on", name="ends_on"),
        CheckConstraint("level <> 'programme' OR parent_id IS NULL", name="parent"),
        CheckConstraint("holdout_percent BETWEEN 0 AND 90", name="holdout_percent"),
        CheckConstraint("test_percent BETWEEN 1 AND 100", name="test_percent"),
        CheckConstraint("status <> 'scheduled' OR launch_at IS NOT NULL", name="launch_at"),
        CheckConstraint("(channel IS NULL) = (purpose IS NULL)", name="purpose"),
        *ordered("campaigns", "created_at", "updated_at", "sort_name"),
        referring("campaigns", "parent_id", optional=True),
        referring("campaigns", "owner_id", optional=True),
    )
    entity = "campaign"

    level: Mapped[str] = mapped_column(KeyText)
    kind: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    parent_id: Mapped[UUID | None]
    objective: Mapped[str | None] = mapped_column(KeyText)
    hypothesis: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    currency: Mapped[str | None] = mapped_column(KeyText)
    channel: Mapped[str | None] = mapped_column(KeyText)
    purpose: Mapped[str | None] = mapped_column(KeyText)
    include_segment_ids: Mapped[list[str]]
    exclude_segment_ids: Mapped[list[str]]
    holdout_percent: Mapped[int]
    variants: Mapped[list[dict[str, Any]]]
    test_percent: Mapped[int] = mapped_column(default=100, server_default=text("100"))
    stop_rule: Mapped[dict[str, Any] | None]
    decision: Mapped[dict[str, Any] | None]
    segment_pins: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    launch_at: Mapped[datetime | None]
    frozen_at: Mapped[datetime | None]
    launched_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    member_count: Mapped[int]
    holdout_count: Mapped[int]
    excluded_count: Mapped[int]


class CampaignMember(Base):
    """Somebody of an audience as it was frozen; nothing but merges and erasures changes it."""

    __tablename__ = "campaign_members"
    __table_args__ = (
        CheckConstraint(
            "excluded_reason IS NULL OR (variant IS NULL AND NOT is_holdout)", name="excluded"
        ),
        CheckConstraint("NOT is_holdout OR variant IS NULL", name="holdout"),
        Index("ix_campaign_members_contact", "organization_id", "contact_id"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    variant: Mapped[str | None] = mapped_column(KeyText)
    """Which of the variants they get; null for whoever gets none, waits for what an experiment
    decides, or where there are none."""
    is_holdout: Mapped[bool]
    """Whether they are left out on purpose, to compare with."""
    excluded_reason: Mapped[str | None] = mapped_column(KeyText)
    """What stands against reaching them."""
    frozen_at: Mapped[datetime]
    frozen_as: Mapped[list[dict[str, Any]] | None]
    """As what they were frozen, of whoever was merged since: each of those who are one now."""
