"""How promotions, coupons, redemptions and discount policies are listed and found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from sqlalchemy import func

from crm_api.domains.catalogue.repository import CATEGORIES
from crm_api.domains.catalogue.repository import LISTING as PRODUCTS
from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.promotions.models import (
    Coupon,
    CouponRedemption,
    DiscountPolicy,
    Promotion,
)
from crm_api.domains.promotions.schemas import (
    CouponOut,
    CouponRedemptionOut,
    DiscountPolicyOut,
    PromotionOut,
)
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation
from crm_api.platform.access.repository import ROLES

PROMOTIONS: Listing = Listing(
    model=Promotion,
    out=PromotionOut,
    area="promotions",
    sorts={"name": Promotion.sort_name},
    relations=(
        Relation("product", lambda: PRODUCTS, Promotion.product_id, PRODUCTS.model.id),
        Relation("category", lambda: CATEGORIES, Promotion.category_id, CATEGORIES.model.id),
        Relation(
            "coupons", lambda: COUPONS, Promotion.id, Coupon.promotion_id, many=True, part=True
        ),
    ),
)
COUPONS: Listing = Listing(
    model=Coupon,
    out=CouponOut,
    area="promotions",
    relations=(Relation("promotion", lambda: PROMOTIONS, Coupon.promotion_id, Promotion.id),),
    within="promotion",
)
REDEMPTIONS: Listing = Listing(
    model=CouponRedemption,
    out=CouponRedemptionOut,
    area="promotions",
    relations=(
        Relation("coupon", lambda: COUPONS, CouponRedemption.coupon_id, Coupon.id),
        Relation("company", lambda: COMPANIES, CouponRedemption.company_id, COMPANIES.model.id),
        Relation("contact", lambda: CONTACTS, CouponRedemption.contact_id, CONTACTS.model.id),
    ),
    within="coupon",
)
POLICIES: Listing = Listing(
    model=DiscountPolicy,
    out=DiscountPolicyOut,
    area="discount_policies",
    sorts={"name": DiscountPolicy.sort_name},
    relations=(Relation("role", lambda: ROLES, DiscountPolicy.role_id, ROLES.model.id),),
)


@dataclass(frozen=True)
class Customer:
    """Who uses coupons: a company, or a contact where there is none."""

    company_id: UUID | None
    contact_id: UUID | None

    @classmethod
    def of(cls, company_id: UUID | None, contact_id: UUID | None) -> Self:
        """Whoever speaks for a company uses them as that company."""
        return cls(company_id, contact_id if company_id is None else None)


class Promotions(Repository[Promotion]):
    """The promotions of an organization."""

    model = Promotion
    listing = PROMOTIONS

    async def named(self, names: Sequence[str], source: str, ids: Sequence[str]) -> list[Any]:
        """Living promotions of these names, as they sort, or with these ids in another system.

        Of each `id`, `name` as it sorts, and `external`, its id there.
        """
        return await self.tx.fetch(
            "SELECT * FROM (SELECT id, split_part(sort_name, chr(1), 1) AS name, "
            "external_ids ->> $3 AS external FROM promotions "
            "WHERE organization_id = $1 AND deleted_at IS NULL) found "
            "WHERE name = ANY($2) OR external = ANY($4)",
            self.tx.organization_id,
            list(names),
            source,
            list(ids),
        )

    async def opened_by(self, coupon: Coupon) -> Promotion | None:
        """The living promotion of a coupon, whoever sees it."""
        query = self.select_all().where(
            Promotion.id == coupon.promotion_id, Promotion.deleted_at.is_(None)
        )
        return (await self.tx.run(query)).scalar_one_or_none()


class Coupons(Repository[Coupon]):
    """The coupons of an organization."""

    model = Coupon
    listing = COUPONS

    async def by_codes(self, codes: Sequence[str]) -> list[Any]:
        """`id` and `code` of the living coupons of these codes, whoever sees them."""
        return await self.tx.fetch(
            "SELECT id, code FROM coupons WHERE organization_id = $1 AND code = ANY($2) "
            "AND deleted_at IS NULL",
            self.tx.organization_id,
            list(codes),
        )

    async def of_codes(self, codes: Sequence[str], *, lock: bool = False) -> list[Coupon]:
        """The living coupons of these codes, whoever sees them, in the order of their ids."""
        query = self.select_all().where(Coupon.code.in_(codes), Coupon.deleted_at.is_(None))
        query = query.order_by(Coupon.id)
        if lock:
            query = query.with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())


class CouponRedemptions(Repository[CouponRedemption]):
    """Who used the coupons of an organization."""

    model = CouponRedemption
    listing = REDEMPTIONS

    async def used(self, coupon_id: UUID, customer: Customer) -> int:
        """How often a customer used a coupon; nobody, of whom nothing is known, never did."""
        model = CouponRedemption
        if customer.company_id is not None:
            own = model.company_id == customer.company_id
        elif customer.contact_id is not None:
            own = model.contact_id == customer.contact_id
        else:
            return 0
        query = self._living(coupon_id).with_only_columns(func.count()).where(own)
        return (await self.tx.run(query)).scalar_one()

    async def of(self, coupon_id: UUID, reference: str) -> CouponRedemption | None:
        """What became of a coupon for a reference."""
        query = self._living(coupon_id).where(CouponRedemption.reference == reference)
        return (await self.tx.run(query)).scalar_one_or_none()

    def _living(self, coupon_id: UUID) -> Any:
        model = CouponRedemption
        return self.select_all().where(model.coupon_id == coupon_id, model.deleted_at.is_(None))


class DiscountPolicies(Repository[DiscountPolicy]):
    """The discount policies of an organization."""

    model = DiscountPolicy
    listing = POLICIES
