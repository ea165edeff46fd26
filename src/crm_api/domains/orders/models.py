"""The table of orders."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.domains.quotes.models import TaxRounding
from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Described, foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType

OrderStatus = Literal["draft", "confirmed", "in_fulfilment", "fulfilled", "closed", "cancelled"]


class Order(Described, Entity):
    """What was agreed with a customer."""

    __tablename__ = "orders"
    __table_args__ = (
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        foreign_key("deal_id", "deals"),
        foreign_key("quote_id", "quotes"),
        foreign_key("quote_version_id", "quote_versions"),
        one_of("status", OrderStatus),
        one_of("tax_rounding", TaxRounding),
        CheckConstraint("revision > 0", name="revision"),
        CheckConstraint("status IN ('draft', 'cancelled') OR number IS NOT NULL", name="number"),
        *ordered("orders", "created_at", "updated_at", "due_on", "net", "sort_name"),
        referring("orders", "company_id", optional=True),
        referring("orders", "contact_id", optional=True),
        referring("orders", "deal_id", optional=True),
        referring("orders", "quote_version_id", optional=True),
        referring("orders", "owner_id", optional=True),
        Index("ix_orders_quote", "organization_id", "quote_id"),
        Index("ix_orders_status", "organization_id", "status", "id"),
        Index(
            "uq_orders_organization_id_number",
            "organization_id",
            "number",
            unique=True,
            postgresql_where=text("number IS NOT NULL"),
        ),
        # Whoever goes past the lock of the quote is stopped here.
        Index(
            "uq_orders_organization_id_quote_id",
            "organization_id",
            "quote_id",
            unique=True,
            postgresql_where=text("quote_id IS NOT NULL AND deleted_at IS NULL"),
        ),
    )
    entity = "order"

    number: Mapped[str | None] = mapped_column(KeyText)
    revision: Mapped[int]
    status: Mapped[str] = mapped_column(KeyText)
    name: Mapped[str | None] = mapped_column(KeyText)
    sort_name: Mapped[str | None] = mapped_column(KeyText)
    reference: Mapped[str | None] = mapped_column(KeyText)
    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    deal_id: Mapped[UUID | None]
    quote_id: Mapped[UUID | None]
    quote_version_id: Mapped[UUID | None]
    currency: Mapped[str] = mapped_column(KeyText)
    tax_rounding: Mapped[str] = mapped_column(KeyText)
    due_on: Mapped[date | None]
    lines: Mapped[list[dict[str, Any]]]
    totals: Mapped[list[dict[str, Any]]]
    net: Mapped[Decimal] = mapped_column(AmountType)
    tax: Mapped[Decimal] = mapped_column(AmountType)
    gross: Mapped[Decimal] = mapped_column(AmountType)
    one_time: Mapped[Decimal] = mapped_column(AmountType)
    mrr: Mapped[Decimal] = mapped_column(AmountType)
    arr: Mapped[Decimal] = mapped_column(AmountType)
    acv: Mapped[Decimal] = mapped_column(AmountType)
    tcv: Mapped[Decimal] = mapped_column(AmountType)
    promises: Mapped[list[str]]
    handover: Mapped[list[dict[str, Any]]]
    confirmed_at: Mapped[datetime | None]
    fulfilled_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    end_comment: Mapped[str | None] = mapped_column(KeyText)
