"""How a number of records is compared in a filter."""

from collections.abc import Mapping
from typing import Any

from crm_api.kit.query.mistakes import allowed, escape, fault

COUNTED = ("eq", "ne", "gt", "gte", "lt", "lte", "between")


def counting(source: Mapping[str, Any], at: str) -> tuple[str, Any]:
    """The one comparison of a number of records, such as `{"gte": 2}`."""
    if len(source) != 1:
        raise fault(at, "invalid_filter", "`count` takes one comparison, such as gte.")
    ((operator, bound),) = source.items()
    if operator not in COUNTED:
        raise fault(f"{at}/{escape(operator)}", "unknown_operator", allowed(COUNTED))
    return operator, bound
