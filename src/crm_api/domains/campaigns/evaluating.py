"""What an experiment shows: conversions by variant and of whom nobody reached."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.campaigns.arithmetic import MISMATCH, needed, sample_ratio
from crm_api.domains.campaigns.converting import ALL, HOLDOUT, conversions, need_conversions
from crm_api.domains.campaigns.repository import Plan
from crm_api.domains.campaigns.schemas import EvaluationInput
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


def weighed(
    current: Plan, data: EvaluationInput, found: Mapping[str, tuple[int, int]]
) -> dict[str, Any]:
    """What the numbers of an experiment mean."""
    weights = {one["key"]: one["weight"] for one in current.variants} or {ALL: 1}
    arms = {key: found.get(key, (0, 0)) for key in weights}
    ratio = sample_ratio([arms[key][1] for key in arms], list(weights.values()))
    first, *others = arms
    tests = compared(arms, first, others)
    base = arms[first][0] / max(arms[first][1], 1)
    # A share cannot be more than all: without room for the lift nothing can be told.
    fits = 0 < base + data.lift < 1
    least = needed(base, data.lift) if fits else None
    return {
        "conversion": data.conversion,
        "event": data.event,
        "arms": [_arm(key, arms[key]) for key in arms],
        "comparisons": tests,
        "holdout": _uplift(arms, found.get(HOLDOUT)),
        "sample_ratio_p": ratio,
        "needed_per_arm": least,
        "verdict": _verdict(arms, tests, ratio, least),
    }


def _arm(key: str, had: tuple[int, int]) -> dict[str, Any]:
    low, high = wilson(*had)
    rate = had[0] / had[1] if had[1] else None
    return {
        "key": key,
        "number": had[1],
        "conversions": had[0],
        "rate": rate,
        "low": low,
        "high": high,
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


def _uplift(
    arms: Mapping[str, tuple[int, int]], held: tuple[int, int] | None
) -> dict[str, Any] | None:
    if held is None:
        return None
    whole = (sum(one[0] for one in arms.values()), sum(one[1] for one in arms.values()))
    z, p = two_proportions(whole, held)
    rate = held[0] / held[1]
    uplift = whole[0] / whole[1] - rate if whole[1] else None
    return {**_arm(HOLDOUT, held), "uplift": uplift, "z": z, "p": p}


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
