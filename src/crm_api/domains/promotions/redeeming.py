"""Coupons by which something is sold: whether they still hold, and that they were used."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from crm_api.domains.promotions.models import Coupon
from crm_api.domains.promotions.repository import Customer
from crm_api.domains.promotions.service import CouponService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault

_GONE = "coupon_not_valid"


@dataclass(frozen=True)
class Sale:
    """What is sold by coupons, each of which counts once for its reference."""

    codes: Sequence[str]
    """As they were given; of each promotion the first one counts."""
    promotions: Collection[UUID]
    """Those that something is off by; what else the codes would open was not used."""
    by_coupon: Collection[UUID]
    """Those of them that are for whoever has a coupon."""
    company_id: UUID | None
    contact_id: UUID | None
    reference: str
    """What it is used for; the same one uses a coupon once."""


class Redeeming:
    """The coupons of one sale, whoever sells."""

    def __init__(self, tx: Tx, sale: Sale) -> None:
        self._sale = sale
        self._customer = Customer.of(sale.company_id, sale.contact_id)
        self._service = CouponService(tx)
        self._known: dict[str, Coupon] | None = None

    async def lock(self) -> None:
        """Have them stay as they are till the commit."""
        await self._find(lock=True)

    async def faults(self) -> list[Fault]:
        """What is wrong with them by now: `coupon_used_up`, `coupon_not_valid`."""
        known = await self._find()
        opened = {coupon.promotion_id for coupon in known.values()}
        # Which promotion a coupon opened that is gone nobody knows any more.
        is_lost = not opened.issuperset(self._sale.by_coupon)
        found = {
            place: Fault(_GONE, "There is no such coupon any more.", f"/coupon_codes/{place}")
            for place, code in enumerate(self._codes)
            if is_lost and code not in known
        }
        for place, coupon in self._used(known).items():
            sale = self._sale
            why = await self._service.refusal(coupon, self._customer, sale.reference)
            if why is not None:
                found[place] = Fault(why.own_code, why.detail, f"/coupon_codes/{place}")
        return [found[place] for place in sorted(found)]

    async def redeem(self) -> None:
        """Count each as used, unless it was for this reference; they are locked, and hold."""
        for coupon in self._used(await self._find()).values():
            await self._service.use_once(coupon, self._customer, self._sale.reference)

    @property
    def _codes(self) -> list[str]:
        return [code.strip().upper() for code in self._sale.codes]

    async def _find(self, *, lock: bool = False) -> dict[str, Coupon]:
        if self._known is None or lock:
            found = await self._service.records.of_codes(self._codes, lock=lock)
            self._known = {one.code: one for one in found}
        return self._known

    def _used(self, known: Mapping[str, Coupon]) -> dict[int, Coupon]:
        """Those that something is off by, by the places of their codes."""
        found: dict[UUID, int] = {}
        for place, code in enumerate(self._codes):
            if code in known and known[code].promotion_id in self._sale.promotions:
                found.setdefault(known[code].promotion_id, place)
        return {place: known[self._codes[place]] for place in found.values()}


async def give_back(tx: Tx, codes: Sequence[str], reference: str) -> None:
    """Count coupons as not used for a reference: those that were, and are not in the bin."""
    service = CouponService(tx)
    own = [code.strip().upper() for code in codes]
    for coupon in await service.records.of_codes(own, lock=True):
        await service.give_back(coupon, reference)
