"""What promotions, coupons, redemptions and discount policies look like from outside."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from crm_api.domains.promotions.models import Stacking
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Create,
    Currency,
    Day,
    Name,
    Out,
    Prose,
    Quantity,
    QuantityOut,
    Schema,
    patch_of,
)

Percent = Annotated[Quantity, Field(le=100)]
Count = Annotated[int, Field(ge=1, le=2_000_000_000)]
CouponCode = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-]{2,39}$"), AfterValidator(str.upper)
]
_FIRST, _LAST = "The first day; empty: always before.", "The last day; empty: for good."


class PromotionCreate(Create):
    """A new promotion; without a product or category it is off the whole document."""

    name: Name = Field(examples=["Summer sale"])
    percent: Percent | None = Field(None, description="So many percent off; or `amount`.")
    amount: Amount | None = Field(None, description="So much off; or `percent`.")
    currency: Currency | None = Field(None, description="That of `amount`.")
    product_id: UUID | None = None
    category_id: UUID | None = Field(None, description="Also of those below it.")
    needs_coupon: bool = Field(False, description="Whether it takes one of its coupons.")
    stacking: Stacking = Field(
        "stackable", description="Of `exclusive` ones only the best of all counts."
    )
    priority: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0, description="The higher one is taken off first."
    )
    is_active: bool = True
    valid_from: Day | None = Field(None, description=_FIRST)
    valid_to: Day | None = Field(None, description=_LAST)
    description: Prose | None = None


PromotionUpdate = patch_of(
    "PromotionUpdate",
    PromotionCreate,
    required=("needs_coupon", "stacking", "priority", "is_active"),
)


class PromotionOut(Out):
    """What is off some products, or a whole document, for some time."""

    name: str
    percent: QuantityOut | None
    amount: AmountOut | None
    currency: str | None
    product_id: UUID | None
    category_id: UUID | None
    needs_coupon: bool
    stacking: Stacking
    priority: int
    is_active: bool
    valid_from: date | None
    valid_to: date | None
    description: str | None


class _CouponFields(Create):
    is_active: bool = Field(True, description="Whether it can be used.")
    max_redemptions: Count | None = Field(None, description="In all; empty: no limit.")
    max_per_customer: Count | None = Field(
        None, description="By one company, or contact of none; empty: no limit."
    )
    valid_from: Day | None = Field(None, description=_FIRST)
    valid_to: Day | None = Field(None, description=_LAST)


class CouponCreate(_CouponFields):
    """A new coupon."""

    promotion_id: UUID
    code: CouponCode = Field(description="In any case; kept in capitals.", examples=["SUMMER-26"])


CouponUpdate = patch_of("CouponUpdate", _CouponFields, required=("is_active",))


class CouponOut(Out):
    """A code that opens a promotion so many times."""

    promotion_id: UUID
    code: str
    max_redemptions: int | None
    max_per_customer: int | None
    is_active: bool
    redeemed: int = Field(description="How often it was used, less what was taken back.")
    valid_from: date | None
    valid_to: date | None


class CouponRedeem(Schema):
    """Who uses a coupon, and for what."""

    company_id: UUID | None = Field(None, description="Who uses it; or `contact_id`.")
    contact_id: UUID | None = Field(None, description="Who uses it, and for no company.")
    reference: Name = Field(
        description="What it is used for, such as the number of an order; once for each.",
        examples=["ORDER-1042"],
    )

    @model_validator(mode="after")
    def _one_customer(self) -> Self:
        if (self.company_id is None) == (self.contact_id is None):
            raise ValueError("a coupon is used by a company, or by a contact of none")
        return self


class CouponRelease(Schema):
    """What a coupon is not used for after all."""

    reference: Name


class CouponRedemptionOut(Out):
    """That somebody used a coupon; taken back, it is in the bin."""

    coupon_id: UUID
    company_id: UUID | None = Field(description="The company that used it.")
    contact_id: UUID | None = Field(description="Who used it, where that was for no company.")
    reference: str


class DiscountPolicyCreate(Create):
    """Up to which discount a role, or everybody, needs no approval."""

    name: Name = Field(examples=["Sales representatives"])
    role_id: UUID | None = Field(None, description="Empty: whoever has no role with a policy.")
    max_percent: Percent = Field(examples=["15"])


DiscountPolicyUpdate = patch_of("DiscountPolicyUpdate", DiscountPolicyCreate)


class DiscountPolicyOut(Out):
    """Up to which discount a role, or everybody, needs no approval."""

    name: str
    role_id: UUID | None
    max_percent: QuantityOut
