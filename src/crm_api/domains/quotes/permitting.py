"""What of agreed lines nobody may give without an approval, and nobody has approved."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from crm_api.domains.prices.answering import most_percent
from crm_api.domains.quotes.repository import Quotes
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault
from crm_api.kit.money import shown_quantity
from crm_api.platform.approvals.standing import Standing


def by_pointer(lines: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The lines of a record, by where they stand in it."""
    return {f"/lines/{place}": line for place, line in enumerate(lines)}


def not_approved(found: Standing) -> Iterable[Fault]:
    """The policies that want an approval which is not there."""
    for need in found.policies:
        if need.status != "approved":
            yield Fault("approval_needed", f"{need.policy_name}: {need.status}.", "/status")


def grants(found: Standing, about: str) -> bool:
    """Whether an approval is wanted that is about a field, and so lets pass what stands in it."""
    return any(about in need.material_fields for need in found.policies)


async def given_away(
    tx: Tx, found: Standing, lines: Mapping[str, Mapping[str, Any]], about: str = "lines"
) -> list[Fault]:
    """What is given by hand beyond what the role of whoever acts may give, by pointers.

    An approval lets it pass that is about the field of the lines, and so about what is off them.
    """
    if grants(found, about):
        return []
    most = most_percent(tx.actor, await Quotes(tx).policies())
    faults: list[Fault] = []
    for at, line in lines.items():
        # Of lines from before it was kept nobody knows.
        by_hand = line.get("manual_percent") or "0"
        # Also of options that nobody has chosen yet.
        if line.get("below_floor"):
            message = "The price is below the lowest one, and nobody has approved that."
            faults.append(Fault("below_floor", message, at))
        if most is not None and most < Decimal(by_hand):
            message = (
                f"{by_hand} % are off by hand; without approval it is {shown_quantity(most)} %."
            )
            faults.append(Fault("discount_over_policy", message, at))
    return faults
