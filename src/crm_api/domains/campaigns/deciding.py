"""Experiments that end: by their rule, or because somebody says so.

The rule looks once a day, a number of times that is fixed at launch. Looking often finds
differences that are none, so each look has its part of the level (Bonferroni), and the variants
that are compared in a look share that (Holm). What it looks at are those who were really sent
something, where that is known. What leaves after a decision with `winner_for_rest` leaves as the
variant that won: senders ask for it (`Campaigns.winner`) as they claim. Those with whom no
experiment was made (`test_percent`) wait for it, and get what it names (`Decisions.followed`).
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.campaigns.arithmetic import MISMATCH, sample_ratio
from crm_api.domains.campaigns.converting import conversions, need_conversions
from crm_api.domains.campaigns.evaluating import compared
from crm_api.domains.campaigns.events import DecideExperiment
from crm_api.domains.campaigns.models import Campaign
from crm_api.domains.campaigns.repository import Plan
from crm_api.domains.campaigns.schemas import DecisionInput, StopRule
from crm_api.domains.campaigns.service import CampaignService
from crm_api.kit.db.queued import enqueue_later
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, WrongState

DECIDED = "experiment_decided"
_LIVE = frozenset({"running", "paused"})
_DAY = timedelta(days=1)


class Decisions:
    """What experiments have decided."""

    followed: ClassVar[list[Callable[[Tx, UUID], Awaitable[None]]]] = []
    """How those who waited get what was decided, in the same transaction."""


def looks(rule: StopRule) -> int:
    """How often a rule looks at most."""
    return rule.max_days - rule.min_days + 1


def verdict(
    rule: StopRule,
    weights: Mapping[str, int],
    arms: Mapping[str, tuple[int, int]],
    *,
    is_last: bool,
) -> dict[str, Any] | None:
    """What a look decides, by conversions and numbers of those reached; None to look again."""
    first, *others = arms
    ratio = sample_ratio([arms[key][1] for key in arms], [weights[key] for key in arms])
    tests = compared(arms, first, others)
    level = rule.alpha / looks(rule)
    enough = min(number for _, number in arms.values()) >= rule.min_per_arm
    told = {
        "arms": [{"key": k, "conversions": c, "number": n} for k, (c, n) in arms.items()],
        "comparisons": tests,
        "level": level,
        "sample_ratio_p": ratio,
        "is_sample_enough": enough,
    }
    if enough and ratio >= MISMATCH:
        rates = {key: had / number for key, (had, number) in arms.items()}
        differing = [one["key"] for one in tests if one["adjusted_p"] < level]
        better = [key for key in differing if rates[key] > rates[first]]
        if better:
            best = max(better, key=lambda key: rates[key])
            return {"variant": best, "reason": "significant", "statistics": told}
        if differing and len(differing) == len(tests):
            return {"variant": first, "reason": "significant", "statistics": told}
    # Without a difference that is shown there is no reason to leave the first one.
    return {"variant": first, "reason": "futility", "statistics": told} if is_last else None


async def begin_looking(tx: Tx, current: Campaign) -> None:
    """Have the rule of an experiment that is launched look for the first time."""
    if current.stop_rule is not None:
        rule = StopRule.model_validate(current.stop_rule)
        message = DecideExperiment(current.id, 0)
        await enqueue_later(tx, message, rule.min_days * _DAY)


async def look(tx: Tx, id: UUID, number: int) -> bool:
    """Decide an experiment by its rule, or look again a day later; whether it is decided."""
    service = CampaignService(tx)
    service.need("update")
    current = await service.records.find(id, lock=True)
    if current is None or current.status not in _LIVE or current.decision is not None:
        return False
    if current.stop_rule is None:
        return False
    rule, plan = StopRule.model_validate(current.stop_rule), Plan.of(current)
    # Where nothing is seen any more, nothing is decided: there seem to be no conversions.
    need_conversions(tx, rule)
    weights = {one["key"]: one["weight"] for one in plan.variants}
    found = await conversions(tx, plan, rule, tx.now, as_rule=True)
    arms = {key: one.reached for key, one in found.of(weights).items()}
    decided = verdict(rule, weights, arms, is_last=number + 1 >= looks(rule))
    if decided is None:
        await enqueue_later(tx, DecideExperiment(id, number + 1), _DAY)
        return False
    made = {**decided, "note": None, "winner_for_rest": rule.winner_for_rest}
    await _decide(service, current, made, by=None)
    return True


async def decide(tx: Tx, id: UUID, data: DecisionInput, expected: int | None) -> Any:
    """Write down what somebody decided of an experiment; raises `WrongState`, `Invalid`."""
    service = CampaignService(tx)
    service.need("update")
    current = await service.locked(id, expected)
    if current.decision is not None:
        raise WrongState("The experiment is decided.", code="already_decided")
    if current.launched_at is None:
        raise WrongState("It was not launched.", code="not_launched")
    if data.variant not in {one["key"] for one in current.variants}:
        raise Invalid.at("/variant", "unknown_variant", "There is no such variant.")
    how = {"reason": "manual", "statistics": None}
    made = {**how, **data.model_dump(include={"variant", "note", "winner_for_rest"})}
    by = None if tx.actor.id is None else str(tx.actor.id)
    return await service.told(await _decide(service, current, made, by=by))


async def _decide(
    service: CampaignService, current: Campaign, made: Mapping[str, Any], *, by: str | None
) -> Any:
    stamp = {"decided_at": service.tx.now.isoformat(), "decided_by": by}
    shown = await service.change(current, {"decision": {**made, **stamp}}, verb=DECIDED)
    if current.test_percent < 100:
        for follow in Decisions.followed:
            await follow(service.tx, current.id)
    return shown
