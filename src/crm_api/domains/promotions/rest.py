"""Promotions, coupons and discount policies over REST."""

from typing import Any

from fastapi import Response

from crm_api.domains.promotions.schemas import CouponRedeem, CouponRedemptionOut, CouponRelease
from crm_api.domains.promotions.service import (
    CouponRedemptionService,
    CouponService,
    DiscountPolicyService,
    PromotionService,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Writing
from crm_api.kit.rest.router import Id, crud_router, read_router

promotions = crud_router(PromotionService)
coupons = crud_router(CouponService)
redemptions = read_router(CouponRedemptionService)
policies = crud_router(DiscountPolicyService)
Responses = dict[int | str, dict[str, Any]]
_ONE: Responses = {200: {"model": CouponRedemptionOut}}


@coupons.post(
    "/{id}/redeem",
    operation_id="redeemCoupon",
    summary="Use a coupon",
    responses=_ONE | problems(400, 403, 404, 409, 415, 422),
)
async def redeem(id: Id, tx: Writing, body: CouponRedeem) -> Response:
    """Counted exactly, whoever else uses it at the moment; for a reference once."""
    return answers.record(await CouponService(tx).redeem(id, body))


@coupons.post(
    "/{id}/release",
    operation_id="releaseCoupon",
    summary="Take back that a coupon was used",
    responses=_ONE | problems(400, 403, 404, 409, 415, 422),
)
async def release(id: Id, tx: Writing, body: CouponRelease) -> Response:
    """It can be used once more then."""
    return answers.record(await CouponService(tx).release(id, body))
