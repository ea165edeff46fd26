"""What an experiment shows: conversions by variant and of whom nobody reached."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.campaigns.arithmetic import MISMATCH, needed, sample_ratio
from crm_api.domains.campaigns.converting import (
    ALL,
    HOLDOUT,
    Arm,
    Conversions,
    conversions,
    need_conversions,
)
from crm_api.domains.campaigns.repository import Plan
from crm_api.domains.campaigns.schemas import OF_MAILS, EvaluationInput
from crm_api.domains.campaigns.service import CampaignService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import WrongState
from crm_api.kit.proportions import holm, two_proportions, wilson


async def evaluate(tx: Tx, id: UUID, data: EvaluationInput) -> dict[str, Any]:
    """The arms of an experiment against one another, and all that were reached against no one."""
    service = CampaignService(tx)
    service.need("read")
    await service.get(id)
    need_conversions(tx, data)
    current = await service.records.plan(id)
    if current.launched_at is None:
        raise WrongState("It was not launched.", code="not_launched")
    return weighed(current, data, await conversions(tx, current, data, data.until or tx.now))


def weighed(current: Plan, data: EvaluationInput, found: Conversions) -> dict[str, Any]:
    """What the numbers of an experiment mean."""
    weights = {one["key"]: one["weight"] for one in current.variants} or {ALL: 1}
    arms, shares = found.of(weights), list(weights.values())
    reached = {key: one.reached for key, one in arms.items()}
    frozen = {key: one.frozen for key, one in arms.items()}
    ratio = _ratio(reached, shares)
    first, *others = arms
    tests = compared(reached, first, others)
    base = reached[first][0] / max(reached[first][1], 1)
    # A share cannot be more than all: without room for the lift nothing can be told.
    fits = 0 < base + data.lift < 1
    least = needed(base, data.lift) if fits else None
    held = None if data.conversion in OF_MAILS else found.arms.get(HOLDOUT)
    return {
        "conversion": data.conversion,
        "event": data.event,
        "reached_by": "sends" if found.is_told else "audience",
        "arms": [_arm(key, one) for key, one in arms.items()],
        "comparisons": tests,
        "holdout": None if held is None else _uplift(frozen, held.frozen),
        "sample_ratio_p": ratio,
        "frozen_sample_ratio_p": _ratio(frozen, shares),
        "needed_per_arm": least,
        "verdict": _verdict(reached, tests, ratio, least),
    }


def _ratio(arms: Mapping[str, tuple[int, int]], shares: Sequence[int]) -> float:
    return sample_ratio([number for _, number in arms.values()], shares)


def _arm(key: str, one: Arm) -> dict[str, Any]:
    low, high = wilson(*one.reached)
    (had, of), (frozen_had, of_frozen) = one.reached, one.frozen
    return {
        "key": key,
        "reached": of,
        "reached_conversions": had,
        "reached_rate": had / of if of else None,
        "low": low,
        "high": high,
        "frozen": of_frozen,
        "frozen_conversions": frozen_had,
        "frozen_rate": frozen_had / of_frozen if of_frozen else None,
    }


def compared(
    arms: Mapping[str, tuple[int, int]], first: str, others: Sequence[str]
) -> list[dict[str, Any]]:
    """Each of the others against the first, adjusted for how many these are."""
    raw = [two_proportions(arms[key], arms[first]) for key in others]
    adjusted = holm([p for _, p in raw])
    return [
        {"key": key, "against": first, "z": z, "p": p, "adjusted_p": q}
        for key, (z, p), q in zip(others, raw, adjusted, strict=True)
    ]


def _uplift(arms: Mapping[str, tuple[int, int]], held: tuple[int, int]) -> dict[str, Any]:
    """All who were to be reached against the hold-out, both as they were frozen.

    In the hold-out are those as well whom nothing would have reached.
    """
    whole = (sum(one[0] for one in arms.values()), sum(one[1] for one in arms.values()))
    z, p = two_proportions(whole, held)
    low, high = wilson(*held)
    rate = held[0] / held[1]
    uplift = whole[0] / whole[1] - rate if whole[1] else None
    told = {"frozen": held[1], "frozen_conversions": held[0], "frozen_rate": rate}
    return {"key": HOLDOUT, **told, "low": low, "high": high, "uplift": uplift, "z": z, "p": p}


def _verdict(
    arms: Mapping[str, tuple[int, int]],
    tests: Sequence[Mapping[str, Any]],
    ratio: float,
    least: int | None,
) -> str:
    if not tests:
        return "no_experiment"
    if ratio < MISMATCH:
        return "sample_ratio_mismatch"
    if least is None or min(number for _, number in arms.values()) < least:
        return "insufficient_data"
    return "different" if any(one["adjusted_p"] < 0.05 for one in tests) else "no_difference"
