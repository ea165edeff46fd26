"""How a number of records, or what they come to, is compared in a filter."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.kit.query.mistakes import allowed, escape, fault

COUNTED = ("eq", "ne", "gt", "gte", "lt", "lte", "between")
TOTALLED = (*COUNTED, "is_null")
"""An average of nothing is null."""


def counting(
    source: Mapping[str, Any], at: str, *, word: str = "count", known: Sequence[str] = COUNTED
) -> tuple[str, Any]:
    """The one comparison of a number of records, such as `{"gte": 2}`."""
    for operator in source:
        if operator not in known:
            raise fault(f"{at}/{escape(operator)}", "unknown_operator", allowed(known))
    if len(source) != 1:
        raise fault(at, "invalid_filter", f"`{word}` takes one comparison, such as gte.")
    ((operator, bound),) = source.items()
    return operator, bound
