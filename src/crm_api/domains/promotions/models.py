"""The tables of promotions, coupons, redemptions and discount policies."""

from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType, QuantityType

Stacking = Literal["exclusive", "stackable"]


class Promotion(Named, Entity):
    """What is off some products, or a whole document, for some time."""

    __tablename__ = "promotions"
    __table_args__ = (
        foreign_key("product_id", "products"),
        foreign_key("category_id", "product_categories"),
        one_of("stacking", Stacking),
        CheckConstraint("num_nonnulls(percent, amount) = 1", name="one_discount"),
        CheckConstraint("(amount IS NULL) = (currency IS NULL)", name="currency"),
        CheckConstraint("percent BETWEEN 0 AND 100000000", name="percent"),
        CheckConstraint("num_nonnulls(product_id, category_id) < 2", name="one_target"),
        CheckConstraint("valid_to >= valid_from", name="ends_after_start"),
        *ordered("promotions", "created_at", "updated_at", "sort_name"),
        referring("promotions", "product_id", optional=True),
        referring("promotions", "category_id", optional=True),
    )
    entity = "promotion"

    percent: Mapped[Decimal | None] = mapped_column(QuantityType)
    amount: Mapped[Decimal | None] = mapped_column(AmountType)
    currency: Mapped[str | None] = mapped_column(KeyText)
    product_id: Mapped[UUID | None]
    category_id: Mapped[UUID | None]
    needs_coupon: Mapped[bool]
    stacking: Mapped[str] = mapped_column(KeyText)
    priority: Mapped[int]
    is_active: Mapped[bool]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    description: Mapped[str | None]


class Coupon(Entity):
    """A code that opens a promotion so many times."""

    __tablename__ = "coupons"
    __table_args__ = (
        foreign_key("promotion_id", "promotions"),
        CheckConstraint("redeemed >= 0 AND redeemed <= max_redemptions", name="redeemed"),
        CheckConstraint("max_redemptions > 0 AND max_per_customer > 0", name="limits"),
        CheckConstraint("valid_to >= valid_from", name="ends_after_start"),
        *ordered("coupons", "created_at", "updated_at"),
        referring("coupons", "promotion_id"),
        Index(
            "uq_coupons_organization_id_code",
            "organization_id",
            "code",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "coupon"

    promotion_id: Mapped[UUID]
    code: Mapped[str] = mapped_column(KeyText)
    max_redemptions: Mapped[int | None]
    max_per_customer: Mapped[int | None]
    redeemed: Mapped[int]
    is_active: Mapped[bool]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]


class CouponRedemption(Entity):
    """That somebody used a coupon; taken back, it is in the bin."""

    __tablename__ = "coupon_redemptions"
    __table_args__ = (
        foreign_key("coupon_id", "coupons"),
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        CheckConstraint("num_nonnulls(company_id, contact_id) < 2", name="one_customer"),
        *ordered("coupon_redemptions", "created_at", "updated_at"),
        referring("coupon_redemptions", "company_id", optional=True),
        referring("coupon_redemptions", "contact_id", optional=True),
        Index(
            "uq_coupon_redemptions_organization_id_reference",
            "organization_id",
            "coupon_id",
            "reference",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "coupon_redemption"

    coupon_id: Mapped[UUID]
    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    reference: Mapped[str] = mapped_column(KeyText)


class DiscountPolicy(Named, Entity):
    """Up to which discount a role, or everybody, needs no approval."""

    __tablename__ = "discount_policies"
    __table_args__ = (
        foreign_key("role_id", "roles"),
        CheckConstraint("max_percent BETWEEN 0 AND 100000000", name="max_percent"),
        *ordered("discount_policies", "created_at", "updated_at", "sort_name"),
        referring("discount_policies", "role_id", optional=True),
        Index(
            "uq_discount_policies_organization_id_role_id",
            "organization_id",
            "role_id",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    entity = "discount_policy"

    role_id: Mapped[UUID | None]
    max_percent: Mapped[Decimal] = mapped_column(QuantityType)
