"""Removal effects in a Markov chain of touches; needs no database.

Paths are walks through an absorbing chain of the first order, from a start to a conversion or to
nothing. The removal effect of a channel is the share of conversions that is lost when whoever
comes to it ends in nothing (E. Anderl, I. Becker, F. von Wangenheim, J. H. Schumann, Mapping the
customer journey, International Journal of Research in Marketing 33, 2016, 457-474).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np

Paths = Mapping[Sequence[str], tuple[int, int]]
"""How many went each way: those who converted in the end, and those who did not."""
MOST = 500
"""So many channels are told apart: the time grows with the cube of them."""


def removal_effects(paths: Paths) -> dict[str, float]:
    """The removal effect of each key that stands on a path; all zero where nobody converted."""
    places: dict[str, int] = {}
    for path in paths:
        for key in path:
            places.setdefault(key, len(places) + 1)
    size = len(places) + 1
    moves = np.zeros((size, size + 1))
    ends = size
    total = np.zeros(size)
    for path, (converted, lost) in paths.items():
        number = converted + lost
        way = [0, *(places[key] for key in path)]
        for here, there in pairwise(way):
            moves[here, there] += number
            total[here] += number
        moves[way[-1], ends] += converted
        total[way[-1]] += number
    share = moves / np.where(total == 0, 1, total)[:, None]
    return _effects(share[:, :ends], share[:, ends], places)


def _effects(inner: Any, into: Any, places: Mapping[str, int]) -> dict[str, float]:
    # Visits of each state from each state, of which the first hit of a state is a quotient. So one
    # inverse tells of all removals: a walk that is lost has come to the channel and would have
    # converted from there.
    visits = cast("Any", np.linalg.inv(np.eye(len(into)) - inner))
    converts = visits @ into
    if converts[0] <= 0:
        return dict.fromkeys(places, 0.0)
    found: dict[str, float] = {}
    for key, place in places.items():
        hit = visits[0, place] / visits[place, place]
        found[key] = min(1.0, max(0.0, float(hit * converts[place] / converts[0])))
    return found
