"""What follows for pairs of records under a policy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np

from crm_api.platform.duplicates.matcher import Record
from crm_api.platform.duplicates.model.comparing import LEVELS
from crm_api.platform.duplicates.model.records import Places, Profile, Table, TableBuilder
from crm_api.platform.duplicates.model.scoring import Reason, Scored, Scorer
from crm_api.platform.duplicates.models import Band
from crm_api.platform.duplicates.policies import Learnt, Policy

_ENOUGH_EQUAL = 3
"""Fields that are equal where none of them is unique, before anything is called certain."""


@dataclass(frozen=True)
class Verdict:
    """Two records that are probably one."""

    left: Any
    right: Any
    band: Band
    score: int
    weight: int
    reasons: list[Reason]

    @property
    def told(self) -> dict[str, Any]:
        """The values that are stored and shown."""
        return {
            "band": self.band,
            "score": self.score,
            "weight": self.weight,
            "reasons": [{"field": r.field, "level": r.level, "bits": r.bits} for r in self.reasons],
        }


class Judge:
    """Judges the pairs of a table."""

    def __init__(self, policy: Policy, learnt: Learnt) -> None:
        self._policy = policy
        self._scorer = Scorer(
            policy.fields,
            learnt.knowledge,
            learnt.records,
            learnt.frequencies,
            weights=policy.weights,
        )

    def judge(self, table: Table, left: Places, right: Places) -> list[Verdict]:
        """Those of the pairs that are probably one."""
        scored = self._scorer.score(table, left, right)
        sure = np.zeros(len(left), np.bool_)
        equal = np.zeros(len(left), np.int64)
        for field, levels in zip(self._scorer.fields, scored.levels, strict=True):
            best = levels == len(LEVELS[field.kind]) - 1
            equal += best
            if field.name in self._policy.unique:
                sure |= best
        found = np.nonzero(sure | (scored.likely * 100 >= self._policy.possible))[0]
        return [
            self._verdict(table, scored, int(place), sure=bool(sure[place]), equal=equal[place])
            for place in found
        ]

    def _verdict(
        self, table: Table, scored: Scored, place: int, *, sure: bool, equal: int
    ) -> Verdict:
        policy = self._policy
        score = min(int(scored.likely[place] * 100), 100)
        band: Band = "possible"
        if sure:
            score, band = max(score, policy.certain), "certain"
        elif score >= policy.certain and equal >= _ENOUGH_EQUAL:
            band = "certain"
        elif score >= policy.probable:
            band = "probable"
        return Verdict(
            table.ids[scored.left[place]],
            table.ids[scored.right[place]],
            band,
            score,
            round(10 * (self._scorer.prior + sum(float(bits[place]) for bits in scored.told))),
            self._scorer.reasons(scored, place),
        )


def judged(
    policy: Policy, learnt: Learnt, asked: Profile, others: Sequence[Record]
) -> list[Verdict]:
    """Which of the other records probably are the one that is asked for; its `left` is None."""
    builder = TableBuilder(policy.columns)
    builder.add(None, asked)
    for other in others:
        builder.add(other["id"], policy.profile(other))
    table = builder.built()
    right = np.arange(1, len(table))
    found = Judge(policy, learnt).judge(table, np.zeros_like(right), right)
    return ranked(found)


def ranked(found: Iterable[Verdict]) -> list[Verdict]:
    """The likeliest first."""
    return sorted(found, key=lambda v: (_RANK[v.band], v.weight), reverse=True)


def told_by_id(verdict: Verdict) -> Verdict:
    """The same of a record that is known by its id in another system, which decides by itself."""
    reason = Reason("external_ids", "equal", _ID_BITS)
    return replace(
        verdict,
        band="certain",
        score=100,
        weight=verdict.weight + round(10 * _ID_BITS),
        reasons=[reason, *verdict.reasons],
    )


_ID_BITS = 40.0
"""More than all that may differ between two records of one."""
_RANK: dict[Band, int] = {"possible": 0, "probable": 1, "certain": 2}


def ordered(one: UUID, other: UUID) -> tuple[UUID, UUID]:
    """A pair as it is stored."""
    return (one, other) if one < other else (other, one)


def pairs_of(verdicts: Sequence[Verdict]) -> list[tuple[UUID, UUID]]:
    """The pairs of some verdicts as they are stored."""
    return [ordered(verdict.left, verdict.right) for verdict in verdicts]
