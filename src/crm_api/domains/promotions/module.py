"""Promotions as a part of the product."""

from crm_api.domains.promotions.importer import (
    CouponImporter,
    DiscountPolicyImporter,
    PromotionImporter,
)
from crm_api.domains.promotions.service import (
    CouponRedemptionService,
    CouponService,
    DiscountPolicyService,
    PromotionService,
)
from crm_api.kit.access import Managed
from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.domains.promotions.graphql import MUTATIONS, QUERIES
    from crm_api.domains.promotions.rest import coupons, policies, promotions, redemptions

    return Faces(
        routers=[promotions, coupons, redemptions, policies],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="promotions",
    title="Promotions",
    description="What is off prices: promotions, coupons, and who may give which discount.",
    depends_on=["catalogue", "companies", "contacts"],
    faces=_faces,
    importers=[PromotionImporter(), CouponImporter(), DiscountPolicyImporter()],
    managed={"discount_policies": Managed("manage_settings")},
    services=[
        PromotionService,
        CouponService,
        CouponRedemptionService,
        DiscountPolicyService,
    ],
    events=["coupon.redeemed", "coupon.released"],
)
