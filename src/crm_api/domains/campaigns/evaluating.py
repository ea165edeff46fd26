"""What an experiment shows: conversions by variant and of whom nobody reached."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select

from crm_api.domains.campaigns.arithmetic import MISMATCH, needed, sample_ratio
from crm_api.domains.campaigns.repository import Plan
from crm_api.domains.campaigns.schemas import EvaluationInput
from crm_api.domains.campaigns.service import CampaignService
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.segments.asking import asked
from crm_api.domains.segments.repository import BEHAVIOUR_AREA
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import WrongState
from crm_api.kit.proportions import holm, two_proportions, wilson
from crm_api.kit.query.filters import parse

Part = Literal["members", "responded", "converted"]
HOLDOUT, ALL = "holdout", "all"
# Somebody who was merged since is still counted: by who they were when it was frozen.
_CONVERSIONS = """
    WITH did AS MATERIALIZED (
        SELECT contact_id AS id FROM behaviour_events WHERE organization_id = $1 AND name = $3
            AND occurred_at >= $4 AND occurred_at < $5 AND deleted_at IS NULL
        UNION SELECT moved_from FROM behaviour_events WHERE organization_id = $1 AND name = $3
            AND occurred_at >= $4 AND occurred_at < $5 AND deleted_at IS NULL
            AND moved_from IS NOT NULL)
    SELECT m.is_holdout, m.variant, count(*)::int AS number, count(did.id)::int AS conversions
    FROM campaign_members m LEFT JOIN did ON did.id = m.contact_id
    WHERE m.organization_id = $1 AND m.campaign_id = $2 AND m.excluded_reason IS NULL
    GROUP BY 1, 2
"""
# Those whom the actor sees, so that lists reconcile; by deeds since the launch of each campaign.
_RESULTS = """
    WITH seen AS MATERIALIZED ({seen}),
    who AS MATERIALIZED (
        SELECT m.campaign_id, m.contact_id, c.launched_at FROM campaign_members m
        JOIN campaigns c ON c.organization_id = $1 AND c.id = m.campaign_id
        JOIN seen ON seen.id = m.contact_id
        WHERE m.organization_id = $1 AND m.campaign_id = ANY($2) AND m.excluded_reason IS NULL
            AND NOT m.is_holdout)
    SELECT w.campaign_id, w.contact_id,
        EXISTS (SELECT FROM behaviour_events v WHERE v.organization_id = $1
            AND v.contact_id = w.contact_id AND v.occurred_at >= w.launched_at
            AND v.deleted_at IS NULL) AS responded,
        EXISTS (SELECT FROM behaviour_events v WHERE v.organization_id = $1
            AND v.contact_id = w.contact_id AND v.occurred_at >= w.launched_at AND v.name = $3
            AND v.deleted_at IS NULL) AS converted
    FROM who w
"""
_COUNTED = """
    SELECT campaign_id, count(*)::int AS members,
        (count(*) FILTER (WHERE responded))::int AS responded,
        (count(*) FILTER (WHERE converted))::int AS converted
    FROM ({results}) r GROUP BY campaign_id
"""
_THOSE = """
    SELECT contact_id FROM ({results}) r WHERE ($4 = 'members' OR ($4 = 'responded' AND responded)
        OR ($4 = 'converted' AND converted)) ORDER BY contact_id LIMIT $5
"""


def _seen(tx: Tx, sql: str, behind: int) -> tuple[str, list[Any]]:
    tx.actor.require(f"{CONTACTS.area}:read")
    tx.actor.require(f"{BEHAVIOUR_AREA}:read")
    everybody = select(CONTACTS.model.id)
    seen, values = asked(
        tx, CONTACTS, everybody, parse({}, CONTACTS, tx), behind=behind, named="ids"
    )
    return sql.replace("{results}", _RESULTS).replace("{seen}", seen), values


async def results_of(tx: Tx, ids: Sequence[UUID], event: str) -> Sequence[Mapping[str, Any]]:
    """By campaign its members who are seen, who did anything, and who did something."""
    sql, values = _seen(tx, _COUNTED, 3)
    return await tx.fetch(sql, tx.organization_id, list(ids), event, *values)


async def members_who(tx: Tx, id: UUID, event: str, part: Part, most: int) -> list[UUID]:
    """Those whom one of these numbers counts."""
    sql, values = _seen(tx, _THOSE, 5)
    rows = await tx.fetch(sql, tx.organization_id, [id], event, part, most, *values)
    return [row["contact_id"] for row in rows]


async def conversions(tx: Tx, current: Plan, event: str, until: Any) -> dict[str, Any]:
    """How many did something since the launch, by variant; `all` where there are none."""
    rows = await tx.fetch(
        _CONVERSIONS, tx.organization_id, current.id, event, current.launched_at, until
    )
    return {
        HOLDOUT if row["is_holdout"] else row["variant"] or ALL: (
            row["conversions"],
            row["number"],
        )
        for row in rows
    }


async def evaluate(tx: Tx, id: UUID, data: EvaluationInput) -> dict[str, Any]:
    """The arms of an experiment against one another, and all that were reached against no one."""
    service = CampaignService(tx)
    service.need("read")
    await service.get(id)
    tx.actor.require(f"{BEHAVIOUR_AREA}:read")
    current = await service.records.plan(id)
    if current.launched_at is None:
        raise WrongState("It was not launched.", code="not_launched")
    found = await conversions(tx, current, data.event, data.until or tx.now)
    weights = {one["key"]: one["weight"] for one in current.variants} or {ALL: 1}
    arms = {key: found.get(key, (0, 0)) for key in weights}
    ratio = sample_ratio([arms[key][1] for key in arms], list(weights.values()))
    first, *others = arms
    tests = _tests(arms, first, others)
    base = arms[first][0] / max(arms[first][1], 1)
    # A share cannot be more than all: without room for the lift nothing can be told.
    fits = 0 < base + data.lift < 1
    least = needed(base, data.lift) if fits else None
    return {
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


def _tests(
    arms: Mapping[str, tuple[int, int]], first: str, others: Sequence[str]
) -> list[dict[str, Any]]:
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
