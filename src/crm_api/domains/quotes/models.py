"""The tables of quotes, their versions, and the library of clauses."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText, TenantRow
from crm_api.kit.db.columns import (
    Described,
    Named,
    Translated,
    foreign_key,
    one_of,
    ordered,
    referring,
)
from crm_api.kit.money import AmountType, QuantityType

PictureKind = Literal["png", "jpg", "svg"]
QuoteStatus = Literal[
    "draft",
    "in_approval",
    "approved",
    "sent",
    "viewed",
    "accepted",
    "declined",
    "expired",
    "withdrawn",
]
TaxRounding = Literal["document", "line"]


class Quote(Described, Entity):
    """An offer, with its lines; what was sent of it are its versions."""

    __tablename__ = "quotes"
    __table_args__ = (
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        foreign_key("deal_id", "deals"),
        foreign_key("price_list_id", "price_lists"),
        one_of("status", QuoteStatus),
        one_of("tax_rounding", TaxRounding),
        CheckConstraint("revision > 0", name="revision"),
        # What was sent has a number, and keeps it.
        CheckConstraint(
            "status IN ('draft', 'in_approval', 'approved') OR number IS NOT NULL", name="number"
        ),
        *ordered("quotes", "created_at", "updated_at", "valid_until", "net", "sort_name"),
        referring("quotes", "company_id", optional=True),
        referring("quotes", "contact_id", optional=True),
        referring("quotes", "deal_id", optional=True),
        referring("quotes", "price_list_id", optional=True),
        referring("quotes", "owner_id", optional=True),
        Index("ix_quotes_status", "organization_id", "status", "id"),
        Index(
            "uq_quotes_organization_id_number",
            "organization_id",
            "number",
            unique=True,
            postgresql_where=text("number IS NOT NULL"),
        ),
        Index(
            "ix_quotes_ends",
            "valid_until",
            postgresql_where=text("status IN ('sent', 'viewed') AND deleted_at IS NULL"),
        ),
    )
    entity = "quote"

    number: Mapped[str | None] = mapped_column(KeyText)
    revision: Mapped[int]
    status: Mapped[str] = mapped_column(KeyText)
    name: Mapped[str | None] = mapped_column(KeyText)
    sort_name: Mapped[str | None] = mapped_column(KeyText)
    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    deal_id: Mapped[UUID | None]
    currency: Mapped[str] = mapped_column(KeyText)
    price_list_id: Mapped[UUID | None]
    valid_until: Mapped[date | None]
    priced_on: Mapped[date | None]
    language: Mapped[str | None] = mapped_column(KeyText)
    country: Mapped[str | None] = mapped_column(KeyText)
    region: Mapped[str | None] = mapped_column(KeyText)
    channel: Mapped[str | None] = mapped_column(KeyText)
    segments: Mapped[list[str]]
    coupon_codes: Mapped[list[str]]
    tax_rounding: Mapped[str] = mapped_column(KeyText)
    introduction: Mapped[str | None] = mapped_column(KeyText)
    closing: Mapped[str | None] = mapped_column(KeyText)
    sections: Mapped[list[dict[str, Any]]]
    lines: Mapped[list[dict[str, Any]]]
    discounts: Mapped[list[dict[str, Any]]]
    clauses: Mapped[list[dict[str, Any]]]
    promises: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
    # What the calculation says of all that.
    totals: Mapped[list[dict[str, Any]]]
    rates: Mapped[list[dict[str, Any]]]
    warnings: Mapped[list[dict[str, Any]]]
    costs: Mapped[list[dict[str, Any]]]
    net: Mapped[Decimal] = mapped_column(AmountType)
    tax: Mapped[Decimal] = mapped_column(AmountType)
    gross: Mapped[Decimal] = mapped_column(AmountType)
    one_time: Mapped[Decimal] = mapped_column(AmountType)
    mrr: Mapped[Decimal] = mapped_column(AmountType)
    arr: Mapped[Decimal] = mapped_column(AmountType)
    acv: Mapped[Decimal] = mapped_column(AmountType)
    tcv: Mapped[Decimal] = mapped_column(AmountType)
    discount_percent: Mapped[Decimal] = mapped_column(QuantityType)
    manual_percent: Mapped[Decimal] = mapped_column(QuantityType)
    cost: Mapped[Decimal | None] = mapped_column(AmountType)
    margin: Mapped[Decimal | None] = mapped_column(AmountType)
    margin_percent: Mapped[Decimal | None] = mapped_column(QuantityType)
    sent_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(KeyText)
    decision_comment: Mapped[str | None] = mapped_column(KeyText)
    # What was told of it by itself, so that nothing is told twice: that is no change of a quote.
    alerts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class QuoteVersion(Entity):
    """A quote as it was sent, for good."""

    __tablename__ = "quote_versions"
    __table_args__ = (
        foreign_key("quote_id", "quotes"),
        CheckConstraint("revision > 0", name="revision"),
        *ordered("quote_versions", "created_at"),
        Index(
            "uq_quote_versions_organization_id_revision",
            "organization_id",
            "quote_id",
            "revision",
            unique=True,
        ),
    )
    entity = "quote_version"

    quote_id: Mapped[UUID]
    revision: Mapped[int]
    number: Mapped[str] = mapped_column(KeyText)
    valid_until: Mapped[date | None]
    currency: Mapped[str] = mapped_column(KeyText)
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[str] = mapped_column(KeyText)
    customer: Mapped[dict[str, Any]]
    costs: Mapped[list[dict[str, Any]]]
    superseded_at: Mapped[datetime | None]
    job_id: Mapped[UUID | None]
    document_name: Mapped[str | None] = mapped_column(KeyText)
    document_sha256: Mapped[str | None] = mapped_column(KeyText)
    document_size: Mapped[int | None]
    stored_as: Mapped[str | None] = mapped_column(KeyText)


class Clause(Named, Translated, Entity):
    """A paragraph that quotes may have among their terms."""

    __tablename__ = "clauses"
    __table_args__ = (
        *ordered("clauses", "created_at", "updated_at", "sort_name", "position"),
        Index(
            "uq_clauses_organization_id_key",
            "organization_id",
            "key",
            unique=True,
            postgresql_where=text("deleted_at IS NULL AND key IS NOT NULL"),
        ),
    )
    entity = "clause"

    key: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]
    text: Mapped[str] = mapped_column(KeyText)
    texts: Mapped[dict[str, Any]]
    position: Mapped[int]
    is_default: Mapped[bool]
    is_active: Mapped[bool]


class LetterheadLogo(TenantRow):
    """A logo that is, or was, on the paper of an organization."""

    __tablename__ = "letterhead_logos"
    __table_args__ = (
        one_of("kind", PictureKind),
        Index(
            "uq_letterhead_logos_organization_id_sha256", "organization_id", "sha256", unique=True
        ),
    )

    sha256: Mapped[str] = mapped_column(KeyText)
    kind: Mapped[str] = mapped_column(KeyText)
    content: Mapped[bytes] = mapped_column(LargeBinary)
