"""The tables of price lists, their rules, and contract prices."""

from datetime import date
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, alone, foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType, QuantityType
from crm_api.kit.pricing.methods import Base, PriceMethod
from crm_api.kit.pricing.rounding import Direction

Audience = Literal["account", "segment", "channel", "region", "default"]
"""Whose prices a list holds, in the order in which lists are asked."""
ListStatus = Literal["draft", "scheduled", "active", "expired"]
Scope = Literal["variant", "product", "category", "all"]
"""What a rule is for, in the order in which rules are asked."""


class PriceList(Named, Entity):
    """Prices in one currency, for some customers, for some time."""

    __tablename__ = "price_lists"
    __table_args__ = (
        foreign_key("parent_id", "price_lists"),
        foreign_key("company_id", "companies"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        CheckConstraint("valid_to >= valid_from", name="ends_after_start"),
        CheckConstraint("factor > 0", name="factor"),
        CheckConstraint(
            "(audience = 'account') = (company_id IS NOT NULL) "
            "AND (audience IN ('segment', 'channel', 'region')) = (audience_key IS NOT NULL)",
            name="whose",
        ),
        one_of("audience", Audience),
        one_of("status", ListStatus),
        *ordered("price_lists", "created_at", "updated_at", "sort_name"),
        referring("price_lists", "parent_id", optional=True),
        referring("price_lists", "company_id", optional=True),
        Index("ix_price_lists_audience", "organization_id", "currency", "audience", "audience_key"),
    )
    entity = "price_list"

    currency: Mapped[str] = mapped_column(KeyText)
    priority: Mapped[int]
    audience: Mapped[str] = mapped_column(KeyText)
    company_id: Mapped[UUID | None]
    audience_key: Mapped[str | None] = mapped_column(KeyText)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    parent_id: Mapped[UUID | None]
    factor: Mapped[Decimal] = mapped_column(QuantityType)
    tax_included: Mapped[bool]
    status: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]


class PriceRule(Entity):
    """How a list prices a variant, a product, a category, or everything, from a quantity on."""

    __tablename__ = "price_rules"
    __table_args__ = (
        foreign_key("price_list_id", "price_lists"),
        foreign_key("variant_id", "product_variants"),
        foreign_key("product_id", "products"),
        foreign_key("category_id", "product_categories"),
        CheckConstraint("num_nonnulls(variant_id, product_id, category_id) < 2", name="one_target"),
        CheckConstraint("min_quantity >= 0", name="min_quantity"),
        one_of("method", PriceMethod),
        one_of("base", Base),
        one_of("direction", Direction),
        CheckConstraint("tier_mode IN ('volume', 'graduated', 'package')", name="tier_mode"),
        *ordered("price_rules", "created_at", "updated_at"),
        # How prices are looked up: of the things on a document, in the lists of its customer.
        Index(
            "ix_price_rules_target",
            "organization_id",
            "target_id",
            "price_list_id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        referring("price_rules", "price_list_id"),
        referring("price_rules", "variant_id", optional=True),
        referring("price_rules", "product_id", optional=True),
        referring("price_rules", "category_id", optional=True),
        *alone("price_rules", "price_list_id", "target_id", "min_quantity"),
    )
    entity = "price_rule"

    price_list_id: Mapped[UUID]
    variant_id: Mapped[UUID | None]
    product_id: Mapped[UUID | None]
    category_id: Mapped[UUID | None]
    # Whichever of the three there is, or the list itself where it is for everything.
    target_id: Mapped[UUID]
    min_quantity: Mapped[Decimal] = mapped_column(QuantityType)
    method: Mapped[str] = mapped_column(KeyText)
    unit_price: Mapped[Decimal | None] = mapped_column(AmountType)
    percent: Mapped[Decimal | None] = mapped_column(QuantityType)
    base: Mapped[str] = mapped_column(KeyText)
    formula: Mapped[str | None] = mapped_column(KeyText)
    surcharge: Mapped[Decimal | None] = mapped_column(AmountType)
    round_to: Mapped[Decimal | None] = mapped_column(AmountType)
    direction: Mapped[str] = mapped_column(KeyText)
    ending: Mapped[Decimal | None] = mapped_column(AmountType)
    floor: Mapped[Decimal | None] = mapped_column(AmountType)
    ceiling: Mapped[Decimal | None] = mapped_column(AmountType)
    min_margin: Mapped[Decimal | None] = mapped_column(QuantityType)
    max_margin: Mapped[Decimal | None] = mapped_column(QuantityType)
    tier_mode: Mapped[str | None] = mapped_column(KeyText)
    tiers: Mapped[list[dict[str, Any]]]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]


class ContractPrice(Entity):
    """What was agreed with a company for a product or one of its variants."""

    __tablename__ = "contract_prices"
    __table_args__ = (
        foreign_key("company_id", "companies"),
        foreign_key("product_id", "products"),
        foreign_key("variant_id", "product_variants"),
        CheckConstraint("num_nonnulls(product_id, variant_id) = 1", name="one_target"),
        CheckConstraint("min_quantity >= 0 AND unit_price >= 0", name="not_negative"),
        *ordered("contract_prices", "created_at", "updated_at"),
        Index(
            "ix_contract_prices_target",
            "organization_id",
            "company_id",
            "target_id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        referring("contract_prices", "company_id"),
        referring("contract_prices", "product_id", optional=True),
        referring("contract_prices", "variant_id", optional=True),
        *alone("contract_prices", "company_id", "target_id", "currency", "min_quantity"),
    )
    entity = "contract_price"

    company_id: Mapped[UUID]
    product_id: Mapped[UUID | None]
    variant_id: Mapped[UUID | None]
    target_id: Mapped[UUID]
    currency: Mapped[str] = mapped_column(KeyText)
    unit_price: Mapped[Decimal] = mapped_column(AmountType)
    min_quantity: Mapped[Decimal] = mapped_column(QuantityType)
    tax_included: Mapped[bool]
    reference: Mapped[str | None] = mapped_column(KeyText)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
