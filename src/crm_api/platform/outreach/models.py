"""The tables of consents, of the texts that they were given to, and of suppressions."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring

Channel = Literal["email", "sms", "phone", "messenger", "post"]
ConsentState = Literal["granted", "denied", "withdrawn"]
Basis = Literal[
    "consent",
    "contract",
    "legal_obligation",
    "vital_interest",
    "public_task",
    "legitimate_interest",
]
Subject = Literal["contact", "company"]
Effect = Literal["block", "warn", "require_approval"]
SuppressedKind = Literal["email", "phone", "domain"]
SuppressionReason = Literal[
    "unsubscribed", "complaint", "hard_bounce", "soft_bounces", "do_not_call", "legal", "manual"
]


class ConsentText(Named, Entity):
    """A version of the words that people agree to."""

    __tablename__ = "consent_texts"
    __table_args__ = (*ordered("consent_texts", "created_at", "sort_name"),)
    entity = "consent_text"

    purpose: Mapped[str] = mapped_column(KeyText)
    language: Mapped[str | None] = mapped_column(KeyText)
    body: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]


class Consent(Entity):
    """What somebody decided once; the application can only add to these."""

    __tablename__ = "consents"
    __table_args__ = (
        foreign_key("text_id", "consent_texts"),
        one_of("channel", Channel),
        one_of("state", ConsentState),
        one_of("basis", Basis),
        CheckConstraint("state <> 'granted' OR basis IS NOT NULL", name="granted_by"),
        *ordered("consents", "created_at"),
        referring("consents", "text_id", optional=True),
        Index(
            "ix_consents_effective",
            "organization_id",
            "record_id",
            "purpose",
            "channel",
            text("at DESC"),
            text("seq DESC"),
        ),
    )
    entity = "consent"

    target: Mapped[str] = mapped_column(KeyText)
    record_id: Mapped[UUID]
    purpose: Mapped[str] = mapped_column(KeyText)
    channel: Mapped[str] = mapped_column(KeyText)
    state: Mapped[str] = mapped_column(KeyText)
    basis: Mapped[str | None] = mapped_column(KeyText)
    text_id: Mapped[UUID | None]
    at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    evidence: Mapped[dict[str, Any]]
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """Of two decisions at one moment the later one has the greater."""


class Suppression(Entity):
    """An address, or a domain, that is not to be reached."""

    __tablename__ = "suppressions"
    __table_args__ = (
        one_of("kind", SuppressedKind),
        one_of("reason", SuppressionReason),
        CheckConstraint(
            "channel IN ('email', 'sms', 'phone', 'messenger', 'post')", name="channel"
        ),
        *ordered("suppressions", "created_at"),
        Index(
            "uq_suppressions_value",
            "organization_id",
            "value_hash",
            text("coalesce(purpose, '')"),
            text("coalesce(channel, '')"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "suppression"

    kind: Mapped[str] = mapped_column(KeyText)
    value: Mapped[str | None] = mapped_column(KeyText)
    """Only where it is to be readable; the hash is what counts."""
    value_hash: Mapped[str] = mapped_column(KeyText)
    reason: Mapped[str] = mapped_column(KeyText)
    purpose: Mapped[str | None] = mapped_column(KeyText)
    channel: Mapped[str | None] = mapped_column(KeyText)
    expires_at: Mapped[datetime | None]
    note: Mapped[str | None] = mapped_column(KeyText)


class GuardRule(Named, Entity):
    """Whom nobody is to reach for some purposes, or not more often than so many times."""

    __tablename__ = "guard_rules"
    __table_args__ = (
        one_of("subject", Subject),
        one_of("effect", Effect),
        CheckConstraint("(most IS NULL) = (days IS NULL)", name="cap"),
        CheckConstraint("most > 0 AND days BETWEEN 1 AND 366", name="most"),
        *ordered("guard_rules", "created_at", "sort_name"),
    )
    entity = "guard_rule"

    description: Mapped[str | None]
    is_active: Mapped[bool]
    subject: Mapped[str] = mapped_column(KeyText)
    channels: Mapped[list[str]]
    purposes: Mapped[list[str]]
    filter: Mapped[dict[str, Any]]
    most: Mapped[int | None]
    days: Mapped[int | None]
    effect: Mapped[str] = mapped_column(KeyText)
    message: Mapped[str | None] = mapped_column(KeyText)


class OutreachTouch(Base):
    """That somebody was reached; written by the gate alone."""

    __tablename__ = "outreach_touches"
    __table_args__ = (
        Index("ix_outreach_touches_record", "organization_id", "record_id", "at"),
        Index(
            "ix_outreach_touches_company",
            "organization_id",
            "company_id",
            "at",
            postgresql_where=text("company_id IS NOT NULL"),
        ),
        Index("ix_outreach_touches_age", "at"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column(primary_key=True)
    """What was sent: asked again for the same, it counts once."""
    target: Mapped[str] = mapped_column(KeyText)
    record_id: Mapped[UUID]
    company_id: Mapped[UUID | None]
    channel: Mapped[str] = mapped_column(KeyText)
    purpose: Mapped[str] = mapped_column(KeyText)
    at: Mapped[datetime]
