"""What is offered together, learned from past quotes: pure.

Association rules of one product each: R. Agrawal, T. Imielinski, A. Swami, Mining association rules
between sets of items in large databases, SIGMOD 1993. They are ordered by the lower bound of the
confidence (E. B. Wilson, Probable inference, JASA 22, 1927; z = 1.96), so that five of five say
less than fifty of fifty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from crm_api.kit.pricing.rounding import ONE, ZERO, exactly

MONTHS = 12
MOST_QUOTES = 2_000
"""The last ones in these months: each is read with all of its lines."""
LEAST_QUOTES = 20
LEAST_TOGETHER = 5
MOST_RULES = 100
_LEAST_CONFIDENCE = Decimal("0.1")
_Z = Decimal("1.96")
_PLACES = Decimal("0.0001")


@dataclass(frozen=True)
class Baskets:
    """In how many quotes products were, alone and together."""

    total: int
    single: Mapping[UUID, int]
    together: Mapping[tuple[UUID, UUID], int]
    """By a product that was chosen, and another one."""


@dataclass(frozen=True)
class Rule:
    """Who takes `given` takes `then` as well."""

    given: UUID
    then: UUID
    together: int
    confidence: Decimal
    lift: Decimal
    strength: Decimal
    """The least that the confidence probably is."""


@exactly
def rules_of(baskets: Baskets) -> list[Rule]:
    """What goes with what, the strongest first.

    Nothing of fewer than `LEAST_QUOTES`, or of pairs that met fewer than `LEAST_TOGETHER` times, or
    no more often than by chance.
    """
    if baskets.total < LEAST_QUOTES:
        return []
    found = [
        _rule(baskets, given, then, together)
        for (given, then), together in baskets.together.items()
        if together >= LEAST_TOGETHER
    ]
    fit = (rule for rule in found if rule.confidence >= _LEAST_CONFIDENCE and rule.lift > ONE)
    return sorted(fit, key=lambda rule: (-rule.strength, rule.then, rule.given))[:MOST_RULES]


def _rule(baskets: Baskets, given: UUID, then: UUID, together: int) -> Rule:
    times = Decimal(baskets.single[given])
    confidence = together / times
    lift = confidence * baskets.total / baskets.single[then]
    return Rule(
        given,
        then,
        together,
        confidence.quantize(_PLACES),
        lift.quantize(_PLACES),
        _at_least(confidence, times).quantize(_PLACES),
    )


def _at_least(share: Decimal, times: Decimal) -> Decimal:
    square = _Z * _Z
    spread = (share * (1 - share) / times + square / (4 * times * times)).sqrt()
    return max(ZERO, (share + square / (2 * times) - _Z * spread) / (1 + square / times))
