"""What shares of the leads members of a pool earn by what they made of those that they had.

Thompson sampling (W. R. Thompson, 1933; O. Chapelle and L. Li, "An Empirical Evaluation of
Thompson Sampling", 2011): each gets as large a share as it is probable that they convert the
best, by what is known of them, a Beta distribution around the rate of all. These probabilities
are not drawn anew for each lead: they are weights of smooth weighted round robin, so that shares
are kept to a lead, and the same choice comes out whenever it is asked for. A part is shared out
evenly, so that whoever had bad luck, or is new, is tried again and again.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np

from crm_api.domains.leads.choosing import EARNED
from crm_api.domains.leads.repository import Assignments
from crm_api.kit.db.tx import Tx

WHOLE = 1_000
"""What the weights of all add up to, but for rounding."""
KEPT = timedelta(days=1)
"""So long weights are gone by before they are learned anew."""
_SURE = 20
"""As many leads of one's own weigh as much as the rate of all (algorithms.md 6)."""
_DRAWS, _NUMBERS = 4_096, 400_000
"""How often all are drawn for, or how many numbers are drawn in all, if that is less."""

Outcome = tuple[int, int]
"""How many leads somebody converted, and how many ended with them."""


def chances(outcomes: Sequence[Outcome], seed: int) -> list[float]:
    """How probable it is of each that they convert the best; together they are 1.

    By a Monte Carlo of up to 4,096 draws, whose error is below 0.008 (one deviation).
    """
    won, ended = np.array(outcomes, np.float64).T
    rate = (won.sum() + 1) / (ended.sum() + 2)
    draws = max(1, min(_DRAWS, _NUMBERS // len(outcomes)))
    drawn = np.random.default_rng(seed).beta(
        _SURE * rate + won, _SURE * (1 - rate) + ended - won, (draws, len(outcomes))
    )
    return (np.bincount(drawn.argmax(axis=1), minlength=len(outcomes)) / draws).tolist()


def shared(outcomes: Sequence[Outcome], exploration: int, seed: int) -> list[int]:
    """The weight of each, of which `exploration` percent are the same for all; none is 0."""
    if not outcomes:
        return []
    even = exploration / 100 / len(outcomes)
    earned = (1 - exploration / 100) * WHOLE
    return [max(1, round(even * WHOLE + earned * one)) for one in chances(outcomes, seed)]


async def earned_in(
    tx: Tx, pool: Any, users: Sequence[str], strategy: str, exploration: int
) -> dict[str, Any] | None:
    """The weights of a pool's members with when they were learned; None by another strategy.

    Those that the pool has, while they are fresh and of the same members.
    """
    if strategy != EARNED or not users:
        return None
    learned = pool.turns.get("learned")
    if learned is not None and _is_fresh(tx, learned, users, exploration):
        return learned
    totals = await _totals(tx, users)
    weights = shared([totals[user] for user in users], exploration, pool.id.int)
    return {
        "at": tx.now.timestamp(),
        "exploration": exploration,
        "weights": dict(zip(users, weights, strict=True)),
    }


def weights_of(members: Sequence[Mapping[str, Any]], earned: Mapping[str, Any] | None) -> list[int]:
    """The weight of each member: what they earned, or else what is said of them."""
    return [m["weight"] if earned is None else earned["weights"][m["user_id"]] for m in members]


def _is_fresh(tx: Tx, learned: Mapping[str, Any], users: Sequence[str], exploration: int) -> bool:
    return (
        learned["exploration"] == exploration
        and learned["weights"].keys() == set(users)
        and 0 <= tx.now.timestamp() - learned["at"] < KEPT.total_seconds()
    )


async def _totals(tx: Tx, users: Sequence[str]) -> dict[str, Outcome]:
    found: dict[str, Outcome] = dict.fromkeys(users, (0, 0))
    outcomes = await Assignments(tx).outcomes([UUID(user) for user in users])
    for (user_id, _), (won, ended) in outcomes.items():
        before = found[str(user_id)]
        found[str(user_id)] = before[0] + won, before[1] + ended
    return found
