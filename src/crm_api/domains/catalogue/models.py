"""The tables of the catalogue."""

from datetime import date
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
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

ProductType = Literal["good", "service", "bundle", "subscription"]
Status = Literal["draft", "active", "discontinued", "archived"]
PriceMode = Literal["sum", "fixed", "percent"]
RelationKind = Literal["cross_sell", "up_sell", "substitute", "requires", "excludes"]


class Unit(Named, Translated, Entity):
    """A unit of measure."""

    __tablename__ = "units"
    __table_args__ = (
        CheckConstraint("decimals BETWEEN 0 AND 6", name="decimals"),
        *ordered("units", "created_at", "updated_at", "sort_name"),
        referring("units", "dimension"),
        Index(
            "uq_units_organization_id_key",
            "organization_id",
            "key",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "unit"

    key: Mapped[str] = mapped_column(KeyText)
    symbol: Mapped[str | None] = mapped_column(KeyText)
    dimension: Mapped[str] = mapped_column(KeyText)
    # The digits: exact however small, and no `numeric`, which could not be filtered (ADR-0005).
    ratio: Mapped[str] = mapped_column(KeyText)
    decimals: Mapped[int]


class ProductCategory(Named, Translated, Entity):
    """A category of products, and what attributes they have."""

    __tablename__ = "product_categories"
    __table_args__ = (
        foreign_key("parent_id", "product_categories"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        *ordered("product_categories", "created_at", "updated_at", "sort_name", "position"),
        referring("product_categories", "parent_id", optional=True),
    )
    entity = "product_category"

    description: Mapped[str | None]
    parent_id: Mapped[UUID | None]
    position: Mapped[int]
    attributes: Mapped[list[dict[str, Any]]]


class Priced:
    """What it costs us, and what it is sold for unless a price list says otherwise."""

    cost: Mapped[Decimal | None] = mapped_column(AmountType)
    list_price: Mapped[Decimal | None] = mapped_column(AmountType)


class Product(Named, Translated, Priced, Described, Entity):
    """Something that is sold."""

    __tablename__ = "products"
    __table_args__ = (
        foreign_key("category_id", "product_categories"),
        foreign_key("unit_id", "units"),
        foreign_key("successor_id", "products"),
        one_of("type", ProductType),
        one_of("status", Status),
        CheckConstraint("successor_id <> id", name="not_its_own_successor"),
        CheckConstraint("valid_to >= valid_from", name="ends_after_start"),
        *ordered("products", "created_at", "updated_at", "sort_name", "sku"),
        referring("products", "category_id", optional=True),
        referring("products", "unit_id", optional=True),
        referring("products", "successor_id", optional=True),
        referring("products", "owner_id", optional=True),
        Index(
            "ix_products_begins",
            "valid_from",
            postgresql_where=text("status = 'draft' AND deleted_at IS NULL"),
        ),
        Index(
            "ix_products_ends",
            "valid_to",
            postgresql_where=text("status = 'active' AND deleted_at IS NULL"),
        ),
    )
    entity = "product"

    sku: Mapped[str] = mapped_column(KeyText)
    type: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    descriptions: Mapped[dict[str, Any]]
    category_id: Mapped[UUID | None]
    unit_id: Mapped[UUID | None]
    tax_category: Mapped[str | None] = mapped_column(KeyText)
    currency: Mapped[str | None] = mapped_column(KeyText)
    barcode: Mapped[str | None] = mapped_column(KeyText)
    successor_id: Mapped[UUID | None]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    attributes: Mapped[dict[str, Any]]
    options: Mapped[list[dict[str, Any]]]
    """By what its variants differ."""
    needs: Mapped[list[str]]
    """What it is good for: proposals find it by these."""


class ProductVariant(Named, Translated, Priced, Entity):
    """One of the forms in which a product is sold; its amounts are in the product's currency."""

    __tablename__ = "product_variants"
    __table_args__ = (
        foreign_key("product_id", "products"),
        one_of("status", Status),
        CheckConstraint(
            "num_nonnulls(list_price, list_price_delta) < 2 AND num_nonnulls(cost, cost_delta) < 2",
            name="one_price",
        ),
        *ordered("product_variants", "created_at", "updated_at", "sort_name", "sku"),
        referring("product_variants", "product_id"),
        Index(
            "uq_product_variants_organization_id_options",
            "organization_id",
            "product_id",
            "options",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "product_variant"

    product_id: Mapped[UUID]
    sku: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    options: Mapped[dict[str, Any]]
    barcode: Mapped[str | None] = mapped_column(KeyText)
    list_price_delta: Mapped[Decimal | None] = mapped_column(AmountType)
    cost_delta: Mapped[Decimal | None] = mapped_column(AmountType)


class BundleComponent(Entity):
    """What a bundle is made of: one product, or one of its variants."""

    __tablename__ = "bundle_components"
    __table_args__ = (
        foreign_key("product_id", "products"),
        foreign_key("component_id", "products"),
        foreign_key("variant_id", "product_variants"),
        one_of("price_mode", PriceMode),
        CheckConstraint("component_id <> product_id", name="not_in_itself"),
        CheckConstraint(
            "min_quantity >= 0 AND quantity >= min_quantity AND quantity <= max_quantity",
            name="quantities",
        ),
        *ordered("bundle_components", "created_at", "position"),
        referring("bundle_components", "product_id"),
        referring("bundle_components", "component_id"),
        referring("bundle_components", "variant_id", optional=True),
        Index(
            "uq_bundle_components_organization_id_component_id",
            "organization_id",
            "product_id",
            "component_id",
            "variant_id",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    entity = "bundle_component"

    product_id: Mapped[UUID]
    component_id: Mapped[UUID]
    variant_id: Mapped[UUID | None]
    quantity: Mapped[Decimal] = mapped_column(QuantityType)
    min_quantity: Mapped[Decimal] = mapped_column(QuantityType)
    max_quantity: Mapped[Decimal | None] = mapped_column(QuantityType)
    is_optional: Mapped[bool]
    price_mode: Mapped[str] = mapped_column(KeyText)
    price: Mapped[Decimal | None] = mapped_column(AmountType)
    percent: Mapped[Decimal | None] = mapped_column(QuantityType)
    position: Mapped[int]


class ProductRelation(Entity):
    """What one product has to do with another."""

    __tablename__ = "product_relations"
    __table_args__ = (
        foreign_key("product_id", "products"),
        foreign_key("related_id", "products"),
        one_of("kind", RelationKind),
        CheckConstraint("related_id <> product_id", name="not_to_itself"),
        *ordered("product_relations", "created_at"),
        referring("product_relations", "product_id"),
        referring("product_relations", "related_id"),
        Index(
            "uq_product_relations_organization_id_related_id",
            "organization_id",
            "product_id",
            "related_id",
            "kind",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "product_relation"

    product_id: Mapped[UUID]
    related_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(KeyText)
    reason: Mapped[str | None] = mapped_column(KeyText)
    position: Mapped[int]


class ServiceSpecification(Entity):
    """What it takes to render a service."""

    __tablename__ = "service_specifications"
    __table_args__ = (
        foreign_key("product_id", "products"),
        CheckConstraint("duration_minutes > 0", name="duration"),
        CheckConstraint("buffer_before_minutes >= 0 AND buffer_after_minutes >= 0", name="buffers"),
        CheckConstraint("capacity_per_day > 0", name="capacity"),
        *ordered("service_specifications", "created_at"),
        Index(
            "uq_service_specifications_organization_id_product_id",
            "organization_id",
            "product_id",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "service_specification"

    product_id: Mapped[UUID]
    duration_minutes: Mapped[int]
    buffer_before_minutes: Mapped[int]
    buffer_after_minutes: Mapped[int]
    capacity_per_day: Mapped[int | None]
    skills: Mapped[list[dict[str, Any]]]
    resources: Mapped[list[dict[str, Any]]]
