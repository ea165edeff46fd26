"""How a company fares, made of what is known of it; needs no database."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from crm_api.kit.customer360 import Component, Reading

WEIGHTS: Mapping[Component, Decimal] = {
    "recency": Decimal("0.25"),
    "service": Decimal("0.20"),
    "delivery": Decimal("0.20"),
    "finance": Decimal("0.15"),
    "relationship": Decimal("0.10"),
    "sentiment": Decimal("0.10"),
}
"""How much each component counts; of those that are known their shares."""
LEAST_COMPONENTS, LEAST_WEIGHT = 2, Decimal("0.3")
"""With less than so much known, no figure is better than one that is made up."""
DROP = Decimal("0.15")
"""So much less than on the last day that it was known is told."""
MOVES = Decimal("0.05")
_PART = Decimal("0.0001")


def recency(days: int) -> Decimal:
    """How well the last contact speaks: all within a fortnight, nothing after half a year."""
    return max(min(Decimal(194 - days) / 180, Decimal(1)), Decimal(0)).quantize(_PART)


def spread(people: int) -> Decimal:
    """How well it speaks with how many people there was contact: one is a risk, four are safe."""
    return min(Decimal(people) / 4, Decimal(1))


def score_of(readings: Mapping[Component, Reading]) -> tuple[Decimal | None, list[dict[str, Any]]]:
    """The score from 0 to 1, or None where too little is known, and what it is made of."""
    known: Mapping[Component, Reading] = readings
    whole = sum((WEIGHTS[c] for c in known), Decimal(0))
    components = [
        {
            "component": component,
            "value": _text(known[component].value),
            "weight": _text(weight / whole),
            "reason": known[component].reason,
            "count": known[component].count,
        }
        for component, weight in WEIGHTS.items()
        if component in known
    ]
    if len(known) < LEAST_COMPONENTS or whole < LEAST_WEIGHT:
        return None, components
    total = sum((WEIGHTS[c] * r.value for c, r in known.items()), Decimal(0))
    return (total / whole).quantize(_PART, ROUND_HALF_UP), components


def trend_of(score: Decimal | None, before: Decimal | None) -> str | None:
    """Where it goes, or None where that is not known."""
    if score is None or before is None:
        return None
    if abs(score - before) < MOVES:
        return "level"
    return "up" if score > before else "down"


def text_of(score: Decimal | None) -> str | None:
    """A score as it is shown."""
    return None if score is None else _text(score)


def _text(value: Decimal) -> str:
    shown = f"{value.quantize(_PART, ROUND_HALF_UP):f}".rstrip("0").rstrip(".")
    return shown or "0"
