"""What a plan holds: who gets which of its leads, how fair that is, and what is left."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from uuid import UUID

from crm_api.domains.leads.choosing import gini, jain
from crm_api.domains.leads.sharing import Choice, Sharable, Sharing

SLICE = 5_000
"""How many leads are planned without letting others run, kept together and given at once."""


@dataclass(frozen=True)
class Drawn:
    """A plan that is made: its columns, its leads in slices (`LeadPlanSlice.items`), its grounds."""

    values: dict[str, Any]
    slices: Iterable[Mapping[str, Any]]
    grounds: Mapping[str, Any]


async def drawn(
    sharing: Sharing, leads: Sequence[Sharable], had: Mapping[UUID, Sequence[UUID]]
) -> list[Choice]:
    """One choice after the other, in the order of the leads."""
    found: list[Choice] = []
    if not sharing.tables:
        return [Choice(0, None, 0)] * len(leads)
    for number, lead in enumerate(leads, 1):
        found.append(sharing.pick(lead, had.get(lead.id, ())))
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return found


def left_of(choices: Sequence[Choice], *, is_there: bool) -> dict[str, int]:
    """How many go to nobody, by the reason."""
    left = sum(choice.place is None for choice in choices)
    return {"nobody_available" if is_there else "pool_inactive": left} if left else {}


def items_of(leads: Sequence[Sharable], choices: Sequence[Choice]) -> Iterable[dict[str, Any]]:
    """Everything in slices, each made as it is asked for."""
    for start in range(0, len(leads), SLICE):
        own, chosen = leads[start : start + SLICE], choices[start : start + SLICE]
        yield {
            "leads": [str(lead.id) for lead in own],
            "versions": [lead.version for lead in own],
            "pools": [choice.pool for choice in chosen],
            "places": [choice.place for choice in chosen],
            "grounds": [choice.ground for choice in chosen],
            "outcomes": [None] * len(own),
        }


def fairness_of(
    before: Mapping[tuple[UUID, UUID], tuple[int, int]],
    sharing: Sharing,
    leads: Sequence[Sharable],
    choices: Sequence[Choice],
) -> dict[str, Any]:
    """How equal open leads are for the weights of the members, before and after.

    `before` is by pool and member: how many they have open, and their weight.
    """
    given: Counter[tuple[UUID, UUID]] = Counter()
    scores: Counter[tuple[UUID, UUID]] = Counter()
    keys = [
        [(table.seats.pool_id, c.user_id) for c in table.seats.candidates]
        for table in sharing.tables
    ]
    for lead, choice in zip(leads, choices, strict=True):
        if choice.place is not None:
            key = keys[choice.pool][choice.place]
            given[key] += 1
            scores[key] += lead.score or 0
    then = [Fraction(open, weight) for open, weight in before.values()]
    now = [Fraction(open + given[key], weight) for key, (open, weight) in before.items()]
    quality = [Fraction(scores[key], weight) for key, (_, weight) in before.items()]
    members = [
        {
            "user_id": str(key[1]),
            "pool_id": str(key[0]),
            "weight": weight,
            "before": open,
            "given": given[key],
            "score": scores[key],
        }
        for key, (open, weight) in before.items()
    ]
    return {
        "members": members,
        "jain_before": f"{float(jain(then)):.4f}",
        "jain_after": f"{float(jain(now)):.4f}",
        "gini_before": f"{float(gini(then)):.4f}",
        "gini_after": f"{float(gini(now)):.4f}",
        "gini_score": f"{float(gini(quality)):.4f}",
    }
