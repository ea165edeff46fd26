"""The score of a deal, learned from the last deals of the organization that are decided."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.deals.scoring import (
    LEAST,
    Bin,
    Example,
    Facts,
    Fit,
    Kind,
    Model,
    Score,
    learned,
)
from crm_api.domains.deals.service import DealService
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.money import SCALE

_MOST = 5_000
_KINDS: Mapping[str, Kind] = {
    "stage": "reach",
    "age": "reach",
    "pushes": "reach",
    "source": "choice",
    "amount": "choice",
    "has_contact": "choice",
    "has_next_step": "choice",
}
# What each of them tells of a deal.
_FIELDS: Mapping[str, str] = {
    "stage": "stage_id",
    "age": "created_at",
    "pushes": "push_count",
    "source": "source",
    "amount": "base_amount",
    "has_contact": "contact_id",
    "has_next_step": "next_step",
}
_AGES = (0, 7, 30, 90, 180, 365)
_PUSHES = 3
_DECIDED = """
    SELECT d.status = 'won' AS is_won, d.source, d.base_amount, d.created_at, d.closed_at,
        d.contact_id, d.next_step, d.push_count,
        ARRAY(SELECT m.from_stage_id FROM deal_moves m
            WHERE m.organization_id = d.organization_id AND m.deal_id = d.id) AS stages
    FROM deals d WHERE d.organization_id = $1 AND d.status <> 'open' AND d.deleted_at IS NULL
    ORDER BY d.closed_at DESC, d.id DESC LIMIT $2
"""


class DealScoring:
    """Scores of deals."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.deals = DealService(tx)

    async def of(self, id: UUID) -> dict[str, Any]:
        """How probable a deal is to be won, and why; of facts that the actor sees alone.

        What it is learned from are all deals of the organization: nothing is told of a single one.
        """
        self.deals.need("read")
        async with at_one_moment(self.tx) as reader:
            return await DealScoring(reader)._score(id)  # noqa: SLF001 - the same, at one moment

    async def _score(self, id: UUID) -> dict[str, Any]:
        deal = columns_of(await self.deals.records.get(id))
        rows = await self.tx.fetch(_DECIDED, self.tx.organization_id, _MOST)
        hidden = self.tx.actor.hidden("deal")
        kinds: dict[str, Kind] = {
            name: kind for name, kind in _KINDS.items() if _FIELDS[name] not in hidden
        }
        facts = _facts_of({**deal, "stages": [deal["stage_id"]]}, self.tx.now)
        # In a thread, since thousands of deals take their time.
        model, score, quality = await asyncio.to_thread(_learned, kinds, rows, facts)
        answer: dict[str, Any] = {
            "deal_id": id,
            "status": "scored",
            "probability": None,
            "prior": None,
            "won": model.decided[True],
            "lost": model.decided[False],
            "least": LEAST,
            "factors": [],
            "calibration": None if quality is None else _fit_shown(quality),
        }
        if deal["status"] != "open":
            return {**answer, "status": "decided"}
        if score is None:
            return {**answer, "status": "insufficient_data"}
        return {**answer, **await self._shown(score, deal)}

    async def _shown(self, score: Score, deal: Mapping[str, Any]) -> dict[str, Any]:
        stages = await self.deals.stages.grounds(deal["pipeline_id"])
        names = {stage["id"]: stage["name"] for stage in stages}
        factors = [
            {
                "name": one.name,
                "value": _text(names.get(one.value, one.value)),
                "contribution": round(one.evidence, 4),
                "won": one.counted.won,
                "of_won": one.counted.of_won,
                "lost": one.counted.lost,
                "of_lost": one.counted.of_lost,
            }
            for one in score.factors
        ]
        known = {"probability": _percent(score.probability), "prior": _percent(score.prior)}
        return {**known, "factors": factors}


def _learned(
    kinds: Mapping[str, Kind], rows: Sequence[Mapping[str, Any]], facts: Facts
) -> tuple[Model, Score | None, Fit | None]:
    """What deals tell, the last one first, of one with some facts, and how well they do."""
    examples = [Example(_facts_of(_read(row), row["closed_at"]), row["is_won"]) for row in rows]
    examples.reverse()
    model, quality = learned(kinds, examples)
    return model, model.score(facts) if model.suffices else None, quality


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    amount = row["base_amount"]
    return {**row, "base_amount": None if amount is None else Decimal(amount) / SCALE}


def _facts_of(deal: Mapping[str, Any], until: datetime) -> Facts:
    """What is known of a deal up to a moment; `stages` are those it has stood in, the last last."""
    days = (until - deal["created_at"]).days
    amount, pushes = deal["base_amount"], min(deal["push_count"], _PUSHES)
    facts: dict[str, Sequence[Any]] = {
        "pushes": range(pushes + 1),
        "has_contact": (deal["contact_id"] is not None,),
        "has_next_step": (bool(deal["next_step"]),),
    }
    if deal["stages"]:
        facts["stage"] = tuple(dict.fromkeys(deal["stages"]))
    # What was decided before it was written down tells nothing of how long it took.
    if days >= 0:
        facts["age"] = [least for least in _AGES if least <= days]
    if deal["source"] is not None:
        facts["source"] = (deal["source"],)
    if amount is not None:
        facts["amount"] = (_decade(amount),)
    return facts


def _decade(amount: Decimal) -> int:
    """From where on it is up to ten times as much: 1, 10, 100 …; 0 below 1."""
    return 0 if amount < 1 else int(Decimal(10) ** amount.adjusted())


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _percent(share: float) -> float:
    return round(share * 100, 1)


def _fit_shown(found: Fit) -> dict[str, Any]:
    return {
        "deals": found.deals,
        "brier": round(found.brier, 4),
        "baseline": round(found.baseline, 4),
        "bins": [_bin_shown(one) for one in found.bins],
    }


def _bin_shown(one: Bin) -> dict[str, Any]:
    return {
        "deals": one.deals,
        "predicted": _percent(one.predicted),
        "won": _percent(one.won),
    }
