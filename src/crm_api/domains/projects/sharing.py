"""What shares of the revenue of a project come to: pure."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from crm_api.kit.values.codes import minor_digits


def share_due(
    revenue: Decimal, currency: str, percent: Decimal, rows: Sequence[Mapping[str, Any]]
) -> Decimal:
    """The amount of a share that falls due: what all that did come to by now, less what they have.

    `rows` are the tasks of the project as they are before. What fell due keeps its amount when the
    revenue changes, so the next share makes up for it, and all of them add up to the revenue of
    the moment of the last one, to the smallest part of the currency. Below zero where more fell
    due than all of them come to now.
    """
    fallen = [row for row in rows if row["billing_due_at"] is not None]
    whole = sum((row["billing_percent"] for row in fallen), percent)
    before = sum((row["billing_amount"] for row in fallen), Decimal(0))
    unit = Decimal(1).scaleb(-minor_digits(currency))
    return (revenue * whole / 100).quantize(unit, ROUND_HALF_UP) - before
