"""Giving very many leads of nobody at once: chosen for under the lock of their pool, and given.

Their decisions refer to what they have in common, which is written down once (`LeadGrounds`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from crm_api.domains.leads.desks import Desk
from crm_api.domains.leads.models import LeadGrounds
from crm_api.domains.leads.plan_repository import grounds_of
from crm_api.domains.leads.repository import ToGive
from crm_api.domains.leads.service import Given, Handed, LeadService
from crm_api.domains.leads.sharing import Choice, Sharing, candidates_of
from crm_api.domains.leads.states import FREE
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id


class Dealt(NamedTuple):
    """Who has a lead by now, or why nobody has."""

    user_id: UUID | None
    reason: str | None = None


@dataclass(frozen=True)
class _Told:
    """What decisions of one pool say."""

    given: Given
    decision: Mapping[str, Any]


class Dealing:
    """Gives leads out of a pool, and those that it falls back on, for one reason.

    The leads are locked, and the pools after them.
    """

    def __init__(self, leads: LeadService, reason: str) -> None:
        self.leads, self.tx, self.reason = leads, leads.tx, reason
        self._told: dict[tuple[int, int], _Told] = {}

    async def give(
        self, pool_id: UUID, ids: Sequence[UUID], rows: Mapping[UUID, ToGive]
    ) -> list[Dealt]:
        """What became of each of some leads, in the order of the choices; `rows` are locked."""
        desk = await Desk.open(self.tx, [pool_id], ids)
        sharing, grounds_id = Sharing(desk.chain(pool_id)), new_id()
        had, choices = desk.had(), list[Choice]()
        dealt: list[Dealt] = []
        to_give: list[Handed] = []
        for id in ids:
            row = rows.get(id)
            if (wrong := _against(row, sharing)) is not None or row is None:
                dealt.append(Dealt(None, wrong))
                continue
            choice = sharing.pick(row, had.get(id, ()))
            choices.append(choice)
            if choice.place is None:
                dealt.append(Dealt(None, "nobody_available"))
                continue
            user_id = sharing.tables[choice.pool].seats.candidates[choice.place].user_id
            told = self._common(desk, sharing, choice, grounds_id)
            own = {"ground": choice.ground, "nth": len(choices) - 1}
            to_give.append(Handed(row, user_id, told.given, {**told.decision, **own}))
            dealt.append(Dealt(user_id))
        if to_give:
            self.tx.insert(LeadGrounds, {"id": grounds_id, "told": sharing.told(choices)})
        await self.leads.hand(to_give)
        desk.settle(sharing)
        desk.keep()
        return dealt

    def _common(self, desk: Desk, sharing: Sharing, choice: Choice, grounds_id: UUID) -> _Told:
        assert choice.place is not None
        key = choice.pool, choice.place
        told = self._told.get(key)
        if told is None:
            seats = sharing.tables[choice.pool].seats
            respond_by = desk.respond_by(
                desk.pools[seats.pool_id], seats.candidates[choice.place].user_id
            )
            told = self._told[key] = _Told(
                Given("plan", seats.pool_id, reason=self.reason, respond_by=respond_by),
                {
                    "pool_id": str(seats.pool_id),
                    "rule_id": None,
                    "strategy": seats.strategy,
                    "grounds_id": str(grounds_id),
                },
            )
        return told


def _against(row: ToGive | None, sharing: Sharing) -> str | None:
    """Why a lead can be nobody's, whoever it would be."""
    if row is None:
        return "gone"
    if row.owner_id is not None or row.status not in FREE:
        return "not_free"
    return None if sharing.tables else "pool_inactive"


async def whole(tx: Tx, decisions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Decisions with everybody who was looked at; those that share grounds have them there."""
    ids = {UUID(one["grounds_id"]) for one in decisions if "grounds_id" in one}
    grounds = await grounds_of(tx, list(ids))
    return [_whole(one, grounds) if "grounds_id" in one else one for one in decisions]


def _whole(
    decision: Mapping[str, Any], grounds: Mapping[UUID, Mapping[str, Any]]
) -> dict[str, Any]:
    kept = grounds.get(UUID(decision["grounds_id"]))
    nth = decision.get("nth")
    candidates = [] if kept is None else candidates_of(kept, decision["ground"], nth)
    shown = {n: v for n, v in decision.items() if n not in {"grounds_id", "ground", "nth", "pool"}}
    return {**shown, "rules": [], "candidates": candidates}
