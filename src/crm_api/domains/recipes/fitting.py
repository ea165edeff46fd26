"""Which options there is room for in a budget: pure.

A knapsack whose items share what they require. Up to `EXACT` options all of their sets are bounded
and searched, so the answer is the best one; of more, the best of the most worth, and then whatever
else still fits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from crm_api.domains.recipes.goods import Key
from crm_api.kit.pricing.rounding import ZERO, exactly

EXACT = 14


@dataclass(frozen=True)
class Option:
    """Something that may be left out: what it is worth, and the lines that come with it."""

    keys: frozenset[Key]
    worth: Decimal


@exactly
def chosen(
    options: Sequence[Option], costs: Mapping[Key, Decimal], room: Decimal
) -> frozenset[Key]:
    """The lines of the options that are worth most together within the room.

    Of sets that are worth the same the cheapest; of these, the first options.
    """
    order = sorted(range(len(options)), key=lambda place: (-options[place].worth, place))
    search = _Search([options[place] for place in order[:EXACT]], costs, room)
    search.go(0, frozenset(), ZERO, ZERO)
    keys, cost = search.best, search.best_cost
    for place in order[EXACT:]:
        more = options[place].keys - keys
        added = sum((costs[key] for key in more), ZERO)
        if cost + added <= room:
            keys, cost = keys | more, cost + added
    return keys


class _Search:
    def __init__(
        self, options: Sequence[Option], costs: Mapping[Key, Decimal], room: Decimal
    ) -> None:
        self._options, self._costs, self._room = options, costs, room
        self._left = [ZERO]
        for option in reversed(options):
            self._left.append(self._left[-1] + option.worth)
        self._left.reverse()
        self.best: frozenset[Key] = frozenset()
        self.best_worth: Decimal = ZERO
        self.best_cost: Decimal = ZERO

    def go(self, place: int, keys: frozenset[Key], worth: Decimal, cost: Decimal) -> None:
        if worth > self.best_worth or (worth == self.best_worth and cost < self.best_cost):
            self.best, self.best_worth, self.best_cost = keys, worth, cost
        # What is left cannot make it better.
        if place == len(self._options) or worth + self._left[place] < self.best_worth:
            return
        option = self._options[place]
        more = option.keys - keys
        added = sum((self._costs[key] for key in more), ZERO)
        if cost + added <= self._room:
            self.go(place + 1, keys | more, worth + option.worth, cost + added)
        self.go(place + 1, keys, worth, cost)
