"""The tables of mailings, of what is sent by them, and of what was opened and clicked."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText, TenantRow
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring

MailingStatus = Literal["draft", "running", "paused", "completed", "cancelled"]
PauseReason = Literal["by_hand", "bounces", "complaints"]
SendStatus = Literal[
    "queued",
    "sending",
    "uncertain",
    "sent",
    "delivered",
    "opened",
    "clicked",
    "replied",
    "bounced",
    "unsubscribed",
    "complained",
    "suppressed",
    "failed",
    "cancelled",
]
BounceKind = Literal["hard", "soft"]
HitKind = Literal["open", "click"]


class Mailing(Named, Entity):
    """Something that is written to many."""

    __tablename__ = "mailings"
    __table_args__ = (
        foreign_key("channel_id", "channels"),
        foreign_key("campaign_id", "campaigns"),
        one_of("status", MailingStatus),
        one_of("pause_reason", PauseReason),
        CheckConstraint("(status = 'paused') = (pause_reason IS NOT NULL)", name="paused"),
        *ordered("mailings", "created_at", "updated_at", "sort_name"),
        referring("mailings", "channel_id", optional=True),
        referring("mailings", "campaign_id", optional=True),
        referring("mailings", "owner_id", optional=True),
        Index(
            "ix_mailings_running",
            "id",
            postgresql_where=text("status = 'running' AND deleted_at IS NULL"),
        ),
    )
    entity = "mailing"

    description: Mapped[str | None]
    purpose: Mapped[str] = mapped_column(KeyText)
    channel_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(KeyText)
    pause_reason: Mapped[str | None] = mapped_column(KeyText)
    is_ongoing: Mapped[bool]
    tracks_opens: Mapped[bool]
    tracks_clicks: Mapped[bool]
    contents: Mapped[list[dict[str, Any]]]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class MailingSend(TenantRow):
    """A mail of a mailing to one person in one step: there is but one."""

    __tablename__ = "mailing_sends"
    __table_args__ = (
        one_of("status", SendStatus),
        one_of("bounce", BounceKind),
        CheckConstraint("(status = 'sending') = (lease_until IS NOT NULL)", name="lease_until"),
        Index(
            "uq_mailing_sends_organization_id_mailing_id",
            *("organization_id", "mailing_id", "contact_id", "step"),
            unique=True,
        ),
        Index("ix_mailing_sends_contact", "organization_id", "contact_id"),
        Index("ix_mailing_sends_status", "organization_id", "mailing_id", "status", "id"),
        Index(
            "ix_mailing_sends_address",
            *("organization_id", "mailing_id", "address"),
            postgresql_where=text("address IS NOT NULL"),
        ),
        Index(
            "ix_mailing_sends_due",
            *("organization_id", "mailing_id", "run_at", "id"),
            postgresql_where=text("status = 'queued'"),
        ),
        Index(
            "ix_mailing_sends_leases",
            "lease_until",
            postgresql_where=text("status = 'sending'"),
        ),
    )

    mailing_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    step: Mapped[str] = mapped_column(KeyText)
    """Empty for the audience; else what of an automation or a journey sends it."""
    variant: Mapped[str | None] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    reasons: Mapped[list[str]]
    """What stood against it, or why it failed."""
    detail: Mapped[str | None] = mapped_column(KeyText)
    """What the mail server or a report said."""
    bounce: Mapped[str | None] = mapped_column(KeyText)
    address: Mapped[str | None] = mapped_column(KeyText)
    domain: Mapped[str] = mapped_column(KeyText)
    """Of the address as it was queued, by which it is throttled."""
    has_slot: Mapped[bool]
    """Whether its moment was given out by the throttle of its domain."""
    tries: Mapped[int] = mapped_column(SmallInteger)
    run_at: Mapped[datetime]
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    handing_at: Mapped[datetime | None]
    """When its holder was last told that it may hand it over."""
    handed_at: Mapped[datetime | None]
    """With the end of its data: once this stands, it is not sent again."""
    queued_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    clicked_at: Mapped[datetime | None]
    replied_at: Mapped[datetime | None]
    bounced_at: Mapped[datetime | None]
    unsubscribed_at: Mapped[datetime | None]
    complained_at: Mapped[datetime | None]


class MailingHit(TenantRow):
    """That a mail was opened, or a link of it clicked, by a person or a program."""

    __tablename__ = "mailing_hits"
    __table_args__ = (
        one_of("kind", HitKind),
        Index("ix_mailing_hits_mailing", "organization_id", "mailing_id", "kind"),
        Index("ix_mailing_hits_send", "organization_id", "send_id"),
    )

    mailing_id: Mapped[UUID]
    send_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(KeyText)
    url: Mapped[str | None]
    at: Mapped[datetime]
    is_bot: Mapped[bool]


class MailingDomain(Base):
    """From when on there is room again for mail to a domain."""

    __tablename__ = "mailing_domains"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    domain: Mapped[str] = mapped_column(KeyText, primary_key=True)
    free_from: Mapped[datetime]
