"""The standard reports of deals."""

from collections.abc import Mapping
from typing import Any

from crm_api.kit.reporting import StandardReport

_DAYS = (
    {"name": "from", "type": "day", "default": "@today-365d"},
    {"name": "to", "type": "day", "default": "@today"},
)
_CLOSED: Mapping[str, Any] = {"closes_on": {"gte": {"$param": "from"}, "lte": {"$param": "to"}}}
_DECIDED: Mapping[str, Any] = {"and": [{"status": {"in": ["won", "lost"]}}, _CLOSED]}
_BY = {
    "reason": ("loss_reason.name", "reason of loss"),
    "competitor": ("competitor.name", "competitor"),
    "owner": ("owner_id", "owner"),
}


def _outcomes(key: str, field: str, title: str) -> StandardReport:
    def of(status: str) -> dict[str, Any]:
        return {"name": status, "function": "count", "filter": {"status": status}}

    return StandardReport(
        f"deal_outcomes_by_{key}",
        1,
        f"Won and lost by {title}",
        f"Deals that were won or lost, with their day of closing within the days, by {title}.",
        "rate = won / (won + lost); null without any",
        {
            "source": "deal",
            "filter": _DECIDED,
            "groupings": [{"field": field}],
            "measures": [
                {"name": "decided", "function": "count"},
                of("won"),
                of("lost"),
                {"name": "rate", "function": "ratio", "of": ["won", "decided"]},
            ],
            "totals": True,
        },
        _DAYS,
    )


STANDARD_REPORTS = tuple(_outcomes(key, *one) for key, one in _BY.items())
