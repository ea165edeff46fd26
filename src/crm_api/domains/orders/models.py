"""The tables of orders, of what changes them, and of contracts."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.domains.quotes.models import TaxRounding
from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Described, Named, foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType

OrderStatus = Literal["draft", "confirmed", "in_fulfilment", "fulfilled", "closed", "cancelled"]
ContractKind = Literal["contract", "subscription"]
ContractStatus = Literal["draft", "active", "renewed", "ended", "cancelled"]
ChangeStatus = Literal["draft", "submitted", "approved", "applied", "rejected", "withdrawn"]


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
        referring("orders", "owner_id", optional=True),
        referring("orders", "quote_id", optional=True),
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
            "uq_orders_organization_id_quote_version_id",
            "organization_id",
            "quote_version_id",
            unique=True,
            postgresql_where=text("quote_version_id IS NOT NULL AND deleted_at IS NULL"),
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


class ChangeRequest(Named, Entity):
    """What is to be different about an order that was confirmed."""

    __tablename__ = "change_requests"
    __table_args__ = (
        foreign_key("order_id", "orders"),
        one_of("status", ChangeStatus),
        CheckConstraint("(status = 'applied') = (revision IS NOT NULL)", name="revision"),
        *ordered("change_requests", "created_at", "updated_at", "sort_name"),
        referring("change_requests", "owner_id", optional=True),
        Index("ix_change_requests_order", "organization_id", "order_id", "status"),
        # Each revision of an order is of one request.
        Index(
            "uq_change_requests_organization_id_revision",
            "organization_id",
            "order_id",
            "revision",
            unique=True,
            postgresql_where=text("revision IS NOT NULL"),
        ),
    )
    entity = "change_request"

    order_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(KeyText)
    reason: Mapped[str | None] = mapped_column(KeyText)
    changes: Mapped[list[dict[str, Any]]]
    due_on: Mapped[date | None]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    net_change: Mapped[Decimal] = mapped_column(AmountType)
    revision: Mapped[int | None]
    submitted_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decision_comment: Mapped[str | None] = mapped_column(KeyText)


class Contract(Named, Described, Entity):
    """What falls due again and again, for a term or without an end."""

    __tablename__ = "contracts"
    __table_args__ = (
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        foreign_key("order_id", "orders"),
        foreign_key("renewal_deal_id", "deals"),
        foreign_key("previous_id", "contracts"),
        one_of("kind", ContractKind),
        one_of("status", ContractStatus),
        CheckConstraint("previous_id <> id", name="not_its_own_previous"),
        *ordered("contracts", "created_at", "updated_at", "sort_name", "starts_on", "ends_on"),
        referring("contracts", "company_id", optional=True),
        referring("contracts", "contact_id", optional=True),
        referring("contracts", "order_id", optional=True),
        referring("contracts", "renewal_deal_id", optional=True),
        referring("contracts", "owner_id", optional=True),
        Index("ix_contracts_status", "organization_id", "status", "id"),
        # What is renewed has one that comes after it.
        Index(
            "uq_contracts_organization_id_previous_id",
            "organization_id",
            "previous_id",
            unique=True,
            postgresql_where=text("previous_id IS NOT NULL"),
        ),
        Index(
            "ix_contracts_due",
            "ends_on",
            postgresql_where=text("status = 'active' AND deleted_at IS NULL"),
        ),
    )
    entity = "contract"

    kind: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None]
    previous_id: Mapped[UUID | None]
    renewal_deal_id: Mapped[UUID | None]
    currency: Mapped[str] = mapped_column(KeyText)
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    term_months: Mapped[int | None]
    auto_renew: Mapped[bool]
    notice_days: Mapped[int]
    notice_by: Mapped[date | None]
    lines: Mapped[list[dict[str, Any]]]
    mrr: Mapped[Decimal] = mapped_column(AmountType)
    arr: Mapped[Decimal] = mapped_column(AmountType)
    renewal_mark: Mapped[int | None]
    activated_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_comment: Mapped[str | None] = mapped_column(KeyText)
