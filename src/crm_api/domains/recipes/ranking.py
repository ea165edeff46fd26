"""Which draft comes first, and why: pure.

Neither costs nor margins count, so the order tells nobody what is hidden from them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crm_api.domains.recipes.models import TIERS, Tier
from crm_api.kit.money import shown_quantity
from crm_api.kit.pricing.rounding import ONE, ZERO, exactly

WEIGHTS: Mapping[str, Decimal] = {
    "needs": Decimal(40),
    "wishes": Decimal(30),
    "budget": Decimal(20),
    "suggestions": Decimal(10),
}
"""Of 100: what the customer needs and asks for first, then what fits, then what goes with it."""
_PLACES = Decimal("0.0001")


@dataclass(frozen=True)
class Merits:
    """What a draft has, of what it could have."""

    label: Tier
    needs: tuple[int, int]
    """Answered, and asked for."""
    wishes: tuple[int, int]
    """What was asked for or offered before and is in it, and all of that."""
    amount: Decimal
    budget: Decimal | None
    suggestions: tuple[Decimal, Decimal]
    """What the options in it are worth, and those of the draft that has the most."""

    @exactly
    def factors(self) -> dict[str, tuple[Decimal, str]]:
        """By name a number from 0 to 1, and what it is made of."""
        most = self.suggestions[1]
        return {
            "needs": (_share(*self.needs), _of(*self.needs, "needs answered")),
            "wishes": (_share(*self.wishes), _of(*self.wishes, "wishes fulfilled")),
            "budget": self._of_budget(),
            "suggestions": (
                ONE if most == ZERO else (self.suggestions[0] / most).quantize(_PLACES),
                "The worth of its options, of the most that a draft has.",
            ),
        }

    def _of_budget(self) -> tuple[Decimal, str]:
        if self.budget is None:
            return ONE, "No budget was named."
        if self.amount > self.budget:
            return ZERO, "It is above the budget."
        return (self.amount / self.budget).quantize(_PLACES), "The share of the budget it takes."

    @exactly
    def score(self) -> Decimal:
        """Of 100."""
        found = self.factors()
        total = sum((WEIGHTS[name] * found[name][0] for name in WEIGHTS), ZERO)
        return total.quantize(Decimal("0.01"))

    def shown(self) -> dict[str, Any]:
        """The score and its factors, as they are answered."""
        return {
            "score": shown_quantity(self.score()),
            "factors": [
                {
                    "name": name,
                    "weight": shown_quantity(WEIGHTS[name]),
                    "value": shown_quantity(value),
                    "text": text,
                }
                for name, (value, text) in self.factors().items()
            ],
        }


def ranked(merits: Sequence[Merits]) -> list[int]:
    """The places of drafts, the best first; of equal ones the one that offers less."""
    return sorted(
        range(len(merits)),
        key=lambda place: (-merits[place].score(), TIERS.index(merits[place].label)),
    )


def answered(needs: Collection[str], *sources: Collection[str]) -> int:
    """How many needs something answers."""
    found = {need for source in sources for need in source}
    return len(set(needs) & found)


def _share(there: int, all: int) -> Decimal:
    return ONE if all == 0 else (Decimal(there) / all).quantize(_PLACES)


def _of(there: int, all: int, what: str) -> str:
    return f"{there} of {all} {what}."
