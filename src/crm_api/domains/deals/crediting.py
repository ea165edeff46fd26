"""Credit for a deal: who has which part of it, and what that comes to."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.rounding import HUNDRED, ZERO, exactly, rounded, smallest, spread

Split = Mapping[str, Any]
# What amounts are kept with, where one is finer than its currency.
_FINEST = Decimal("0.0001")
_USERS = "SELECT id, status FROM users WHERE organization_id = $1 AND id = ANY($2)"


def need_whole(splits: Sequence[Split]) -> None:
    """Raise `Invalid` unless each user is there once per kind, and the shares are 100 % or none."""
    seen: set[tuple[str, str]] = set()
    faults: list[Fault] = []
    for place, split in enumerate(splits):
        key = str(split["user_id"]), split["kind"]
        if key in seen:
            message = f"The user has a split of the kind {split['kind']} already."
            faults.append(Fault("repeated", message, f"/splits/{place}/user_id"))
        seen.add(key)
    shares = [Decimal(split["percent"]) for split in splits if split["kind"] == "revenue"]
    total = sum(shares, ZERO)
    if shares and total != HUNDRED:
        message = f"The splits of revenue make {shown_quantity(total)} %, and have to make 100 %."
        faults.append(Fault("not_whole", message, "/splits"))
    if faults:
        raise Invalid(faults[0].message, faults=faults)


async def need_users(tx: Tx, splits: Sequence[Split], known: Collection[str]) -> None:
    """Raise `Invalid` where somebody is credited anew who is not there, or not active any more."""
    wanted = {str(split["user_id"]) for split in splits} - set(known)
    if not wanted:
        return
    rows = await tx.fetch(_USERS, tx.organization_id, [UUID(id) for id in sorted(wanted)])
    found = {str(row["id"]): row["status"] for row in rows}
    faults: list[Fault] = []
    for place, split in enumerate(splits):
        id, at = str(split["user_id"]), f"/splits/{place}/user_id"
        if id in wanted and id not in found:
            faults.append(Fault("unknown_reference", "There is no such user.", at))
        elif id in wanted and found[id] == "suspended":
            faults.append(Fault("not_active", "The user is not active any more.", at))
    if faults:
        raise Invalid(faults[0].message, faults=faults)


@exactly
def credited(splits: Sequence[Split], amount: Decimal | None, currency: str) -> list[Split]:
    """Splits as they are stored, each with its amount.

    Those of revenue are the amount together, to the smallest coin, by largest remainder; each of
    the others is rounded by itself.
    """
    shares = [Decimal(split["percent"]) for split in splits if split["kind"] == "revenue"]
    amounts = iter(_shared(amount, shares, currency))
    found: list[Split] = []
    for split in splits:
        percent = Decimal(split["percent"])
        if split["kind"] == "revenue":
            own = next(amounts)
        else:
            own = None if amount is None else rounded(amount * percent / HUNDRED, currency)
        found.append(
            {
                "user_id": str(split["user_id"]),
                "kind": split["kind"],
                "percent": shown_quantity(percent),
                "amount": None if own is None else shown_amount(own),
            }
        )
    return found


def _shared(
    amount: Decimal | None, shares: Sequence[Decimal], currency: str
) -> Sequence[Decimal | None]:
    if amount is None or not shares:
        return [None] * len(shares)
    step = smallest(currency)
    return spread(amount, shares, step if amount % step == ZERO else _FINEST)
