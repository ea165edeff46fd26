"""Removal effects in a Markov chain of touches; needs no database.

Paths are walks through an absorbing chain of the first order, from a start to a conversion or to
nothing. The removal effect of a channel is the share of conversions that is lost when whoever
comes to it ends in nothing (E. Anderl, I. Becker, F. von Wangenheim, J. H. Schumann, Mapping the
customer journey, International Journal of Research in Marketing 33, 2016, 457-474).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

MOST = 500
"""So many channels are told apart: the time grows with the cube of them."""


@dataclass(frozen=True, slots=True)
class Move:
    """How many went from one touch to the next, or began or ended with it."""

    here: str | None
    """None where they began."""
    there: str | None
    """None where they ended."""
    converted: int
    lost: int


def removal_effects(moves: Collection[Move]) -> dict[str, float]:
    """The removal effect of each key that stands on a path; all zero where nobody converted."""
    places: dict[str | None, int] = {None: 0}
    for move in moves:
        for key in (move.here, move.there):
            places.setdefault(key, len(places))
    ends = len(places)
    numbers = np.zeros((ends, ends + 1))
    total = np.zeros(ends)
    for move in moves:
        number, here = move.converted + move.lost, places[move.here]
        total[here] += number
        if move.there is None:
            numbers[here, ends] += move.converted
        else:
            numbers[here, places[move.there]] += number
    share = numbers / np.where(total == 0, 1, total)[:, None]
    keys = {key: place for key, place in places.items() if key is not None}
    return _effects(share[:, :ends], share[:, ends], keys)


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
