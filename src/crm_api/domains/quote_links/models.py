"""The tables of links of quotes, of what was seen and asked by them, and what was decided."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText, TenantRow
from crm_api.kit.db.columns import foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType

Decision = Literal["accepted", "declined"]
Seen = Literal["quote", "page", "document"]


class QuoteLink(Entity):
    """A secret address at which a customer reads a quote and answers it."""

    __tablename__ = "quote_links"
    __table_args__ = (
        foreign_key("quote_id", "quotes"),
        foreign_key("contact_id", "contacts"),
        *ordered("quote_links", "created_at", "updated_at", "expires_at"),
        referring("quote_links", "quote_id"),
        referring("quote_links", "contact_id", optional=True),
    )
    entity = "quote_link"

    quote_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    label: Mapped[str | None] = mapped_column(KeyText)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    first_viewed_at: Mapped[datetime | None]
    secret_hash: Mapped[str] = mapped_column(KeyText)


class QuoteView(TenantRow):
    """That somebody looked at a version by a link."""

    __tablename__ = "quote_views"
    __table_args__ = (
        one_of("seen", Seen),
        Index("ix_quote_views_quote", "organization_id", "quote_id", "id"),
        Index("ix_quote_views_link", "organization_id", "link_id", "id"),
    )

    quote_id: Mapped[UUID]
    link_id: Mapped[UUID]
    revision: Mapped[int]
    seen: Mapped[str] = mapped_column(KeyText)
    at: Mapped[datetime]
    address: Mapped[str | None] = mapped_column(KeyText)
    user_agent: Mapped[str | None] = mapped_column(KeyText)


class QuoteQuestion(Entity):
    """What a customer asked about a quote, and what was answered."""

    __tablename__ = "quote_questions"
    __table_args__ = (
        foreign_key("quote_id", "quotes"),
        foreign_key("link_id", "quote_links"),
        foreign_key("contact_id", "contacts"),
        *ordered("quote_questions", "created_at", "updated_at"),
        referring("quote_questions", "quote_id"),
        referring("quote_questions", "link_id"),
        referring("quote_questions", "contact_id", optional=True),
    )
    entity = "quote_question"

    quote_id: Mapped[UUID]
    link_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    revision: Mapped[int]
    name: Mapped[str | None] = mapped_column(KeyText)
    email: Mapped[str | None] = mapped_column(KeyText)
    text: Mapped[str] = mapped_column(KeyText)
    answer: Mapped[str | None] = mapped_column(KeyText)
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[UUID | None]


class QuoteDecision(Entity):
    """That a customer accepted or declined a version by a link."""

    __tablename__ = "quote_decisions"
    __table_args__ = (
        foreign_key("quote_id", "quotes"),
        foreign_key("quote_version_id", "quote_versions"),
        foreign_key("link_id", "quote_links"),
        foreign_key("contact_id", "contacts"),
        one_of("decision", Decision),
        *ordered("quote_decisions", "created_at", "updated_at"),
        referring("quote_decisions", "link_id"),
        referring("quote_decisions", "contact_id", optional=True),
        Index("ix_quote_decisions_quote", "organization_id", "quote_id"),
        # Whoever goes past the service is stopped here: each version is answered once, and an
        # accepted quote has no later one.
        Index(
            "uq_quote_decisions_organization_id_quote_version_id",
            "organization_id",
            "quote_version_id",
            unique=True,
        ),
        Index(
            "uq_quote_decisions_organization_id_quote_id",
            "organization_id",
            "quote_id",
            unique=True,
            postgresql_where=text("decision = 'accepted'"),
        ),
    )
    entity = "quote_decision"

    quote_id: Mapped[UUID]
    quote_version_id: Mapped[UUID]
    link_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    revision: Mapped[int]
    decision: Mapped[str] = mapped_column(KeyText)
    name: Mapped[str | None] = mapped_column(KeyText)
    email: Mapped[str | None] = mapped_column(KeyText)
    role: Mapped[str | None] = mapped_column(KeyText)
    reason: Mapped[str | None] = mapped_column(KeyText)
    comment: Mapped[str | None] = mapped_column(KeyText)
    selected: Mapped[list[str]]
    totals: Mapped[list[dict[str, Any]]]
    currency: Mapped[str] = mapped_column(KeyText)
    net: Mapped[Decimal] = mapped_column(AmountType)
    gross: Mapped[Decimal] = mapped_column(AmountType)
    content_hash: Mapped[str] = mapped_column(KeyText)
    agreed_hash: Mapped[str] = mapped_column(KeyText)
    document_sha256: Mapped[str | None] = mapped_column(KeyText)
    address: Mapped[str | None] = mapped_column(KeyText)
    user_agent: Mapped[str | None] = mapped_column(KeyText)
