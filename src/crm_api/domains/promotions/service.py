"""The rules of promotions, coupons and discount policies."""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.promotions.models import Coupon, CouponRedemption, DiscountPolicy, Promotion
from crm_api.domains.promotions.repository import (
    CouponRedemptions,
    Coupons,
    Customer,
    DiscountPolicies,
    Promotions,
)
from crm_api.domains.promotions.schemas import (
    CouponCreate,
    CouponRedeem,
    CouponRelease,
    CouponUpdate,
    DiscountPolicyCreate,
    DiscountPolicyUpdate,
    PromotionCreate,
    PromotionUpdate,
)
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import About, Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.spans import after, need_order
from crm_api.kit.errors import Conflict, Fault, Invalid, NotFound


class PromotionService(NamedService[Promotion]):
    """What is off some products, or a whole document, for some time."""

    repository = Promotions
    area = "promotions"
    plural = "promotions"
    personal = Impersonal("What is off prices.")
    create_shape = PromotionCreate
    update_shape = PromotionUpdate
    records: Promotions

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Promotion | None, country: str | None
    ) -> dict[str, Any]:
        """A percentage or an amount in a currency, off one kind of thing."""
        del country
        need_order(values, current)
        percent, amount, currency = (
            after(values, current, name) for name in ("percent", "amount", "currency")
        )
        if (percent is None) == (amount is None):
            raise Invalid.at("/percent", "required", "A promotion is a percentage or an amount.")
        if (amount is None) != (currency is None):
            raise Invalid.at("/currency", "required", "An amount goes with its currency.")
        if all(after(values, current, name) is not None for name in ("product_id", "category_id")):
            message = "A promotion is off one product or category."
            raise Invalid.at("/category_id", "not_allowed", message)
        return cls.derive(values, current)


class CouponService(CrudService[Coupon]):
    """Codes that open a promotion so many times."""

    repository = Coupons
    area = "promotions"
    plural = "coupons"
    personal = Impersonal("Which companies used a code.")
    create_shape = CouponCreate
    update_shape = CouponUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {"redeemed": 0}
    records: Coupons

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Coupon | None, country: str | None
    ) -> dict[str, Any]:
        """Days in order; no limit below what was used already."""
        del country
        need_order(values, current)
        most, used = values.get("max_redemptions"), getattr(current, "redeemed", 0)
        if most is not None and most < used:
            message = f"The coupon was used {used} times already."
            raise Invalid.at("/max_redemptions", "below_redeemed", message)
        return cls.derive(values, current)

    async def redeem(self, id: UUID, data: CouponRedeem) -> Any:
        """Use a coupon; of a reference once, however often it is said.

        The coupon is locked till the commit, so that whoever comes at the same moment finds it
        counted. Raises `Conflict` where it is used up, or not for this day.
        """
        self.tx.actor.require(f"{self.area}:write")
        coupon = await self.locked(id)
        redemptions = CouponRedemptionService(self.tx)
        known = await redemptions.records.of(id, data.reference)
        if known is not None:
            return await redemptions.told(redemptions.shown_of(_same(known, data)))
        customer = Customer(data.company_id, data.contact_id)
        await redemptions.guard.refer(vars(customer))
        await self._need_usable(coupon, customer)
        made = await self.use(coupon, customer, data.reference)
        return await redemptions.told(made, new=True)

    async def use(self, coupon: Coupon, customer: Customer, reference: str) -> Any:
        """Count a coupon, which is locked and holds, as used, whatever the actor may do."""
        made = {"coupon_id": coupon.id, **vars(customer), "reference": reference}
        await self._count(coupon, 1, "redeemed", made)
        own: dict[str, Any] = {"owner_id": None, "custom": {}, "external_ids": {}}
        return CouponRedemptionService(self.tx).add({**made, **own})

    async def use_once(self, coupon: Coupon, customer: Customer, reference: str) -> None:
        """The same, unless it was used for the reference already."""
        if await CouponRedemptions(self.tx).of(coupon.id, reference) is None:
            await self.use(coupon, customer, reference)

    async def refusal(self, coupon: Coupon, customer: Customer, reference: str) -> Conflict | None:
        """Why a coupon cannot be used for a reference today; None where it can, or is already."""
        if await CouponRedemptions(self.tx).of(coupon.id, reference) is not None:
            return None
        try:
            await self._need_usable(coupon, customer)
        except Conflict as error:
            return error
        return None

    async def release(self, id: UUID, data: CouponRelease) -> Any:
        """Take back that a coupon was used for a reference; raises `NotFound`."""
        self.tx.actor.require(f"{self.area}:write")
        coupon = await self.locked(id)
        known = await self.give_back(coupon, data.reference)
        if known is None:
            raise NotFound(f"The coupon was not used for {data.reference}.")
        redemptions = CouponRedemptionService(self.tx)
        return await redemptions.told(redemptions.shown_of(known))

    async def give_back(self, coupon: Coupon, reference: str) -> CouponRedemption | None:
        """Count a coupon, which is locked, as not used for a reference, whatever the actor may do.

        What it was used for, which is in the bin then; None where it was not.
        """
        redemptions = CouponRedemptionService(self.tx)
        known = await redemptions.records.of(coupon.id, reference)
        if known is not None:
            await self._count(coupon, -1, "released", columns_of(known))
            await redemptions.remove([known])
        return known

    async def _count(
        self, coupon: Coupon, more: int, verb: str, redemption: Mapping[str, Any]
    ) -> None:
        told = {
            name: None if redemption[name] is None else str(redemption[name])
            for name in ("company_id", "contact_id", "reference")
        }
        await self.change(coupon, {"redeemed": coupon.redeemed + more}, verb=verb, told=told)

    async def _need_usable(self, coupon: Coupon, customer: Customer) -> None:
        promotion = await Promotions(self.tx).opened_by(coupon)
        today = today_of(self.tx)
        used = (coupon, promotion)
        if not all(one is not None and one.is_active and counts(one, today) for one in used):
            raise refused("coupon_not_valid", "The coupon is not valid today.")
        if coupon.max_redemptions is not None and coupon.redeemed >= coupon.max_redemptions:
            raise refused("coupon_used_up", "The coupon was used as often as it may be.")
        most = coupon.max_per_customer
        if most is not None and await CouponRedemptions(self.tx).used(coupon.id, customer) >= most:
            raise refused("coupon_used_up", "The customer used the coupon as often as one may.")


class CouponRedemptionService(CrudService[CouponRedemption]):
    """Who used coupons; redeeming and releasing a coupon are all that changes them."""

    repository = CouponRedemptions
    area = "promotions"
    plural = "coupon_redemptions"
    personal = About(
        ("contact_id",), end="kept", reason="What was given away with what was sold, and how often."
    )
    plain = False
    upserts = False
    records: CouponRedemptions


class DiscountPolicyService(NamedService[DiscountPolicy]):
    """Up to which discount a role, or everybody, needs no approval."""

    repository = DiscountPolicies
    area = "discount_policies"
    plural = "discount_policies"
    personal = Impersonal("What roles may do.")
    create_shape = DiscountPolicyCreate
    update_shape = DiscountPolicyUpdate
    records: DiscountPolicies


def counts(record: Any, day: date) -> bool:
    """Whether a day is one of those on which something counts."""
    first, last = record.valid_from, record.valid_to
    return (first is None or first <= day) and (last is None or day <= last)


def refused(code: str, message: str, pointer: str | None = None) -> Conflict:
    """The error for a coupon that cannot be used."""
    return Conflict(message, code=code, faults=[Fault(code, message, pointer=pointer)])


def _same(known: CouponRedemption, data: CouponRedeem) -> CouponRedemption:
    if (known.company_id, known.contact_id) != (data.company_id, data.contact_id):
        message = "The coupon was used for this reference by another customer."
        raise refused("reference_taken", message, "/reference")
    return known
