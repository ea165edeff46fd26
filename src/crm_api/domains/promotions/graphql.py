"""Promotions, coupons and discount policies over GraphQL."""

from typing import Annotated
from uuid import UUID

import strawberry

from crm_api.domains.catalogue.graphql import Product, ProductCategory
from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.promotions.schemas import (
    CouponOut,
    CouponRedeem,
    CouponRedemptionOut,
    CouponRelease,
    DiscountPolicyOut,
    PromotionOut,
)
from crm_api.domains.promotions.service import (
    CouponRedemptionService,
    CouponService,
    DiscountPolicyService,
    PromotionService,
)
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.access.graphql import Role


@type_from(PromotionOut)
class Promotion:
    """What is off some products, or a whole document, for some time."""

    product = related(PromotionService, "product", Product)
    category = related(PromotionService, "category", ProductCategory)
    coupons = related_many(
        PromotionService, "coupons", Annotated["CouponConnection", strawberry.lazy(__name__)]
    )


@type_from(CouponOut)
class Coupon:
    """A code that opens a promotion so many times."""

    promotion = related(CouponService, "promotion", Promotion)


@type_from(CouponRedemptionOut)
class CouponRedemption:
    """That somebody used a coupon; taken back, it is in the bin."""

    coupon = related(CouponRedemptionService, "coupon", Coupon)
    company = related(CouponRedemptionService, "company", Company)
    contact = related(CouponRedemptionService, "contact", Contact)


@type_from(DiscountPolicyOut)
class DiscountPolicy:
    """Up to which discount a role, or everybody, needs no approval."""

    role = related(DiscountPolicyService, "role", Role)


_PROMOTIONS = Collection(PromotionService, Promotion)
_COUPONS = Collection(CouponService, Coupon)
_REDEMPTIONS = Collection(CouponRedemptionService, CouponRedemption)
_POLICIES = Collection(DiscountPolicyService, DiscountPolicy)
CouponConnection = _COUPONS.connection


@strawberry.type
class RedemptionMutation:
    """Using coupons."""

    @mutation
    async def redeem_coupon(
        self,
        info: GraphInfo,
        coupon_id: UUID,
        input: input_from(CouponRedeem),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> CouponRedemption:
        """Use a coupon: counted exactly, for a reference once."""
        data = shape_given(CouponRedeem, input)
        return await CouponService(info.context.tx).redeem(coupon_id, data)  # pyright: ignore[reportReturnType]

    @mutation
    async def release_coupon(
        self, info: GraphInfo, coupon_id: UUID, reference: str
    ) -> CouponRedemption:
        """Take back that a coupon was used."""
        data = shape_given(CouponRelease, {"reference": reference})
        return await CouponService(info.context.tx).release(coupon_id, data)  # pyright: ignore[reportReturnType]


QUERIES = (_PROMOTIONS.query(), _COUPONS.query(), _POLICIES.query(), _REDEMPTIONS.query())
MUTATIONS = (_PROMOTIONS.mutation(), _COUPONS.mutation(), _POLICIES.mutation(), RedemptionMutation)
