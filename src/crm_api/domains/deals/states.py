"""Where a deal may go from where it stands, and what stands in the way."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.deals.criteria import missing_fields, missing_roles, open_items, unmet
from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.people import DealContacts
from crm_api.domains.deals.policies import full, missing_approvals, missing_artefacts, missing_step
from crm_api.domains.deals.repository import Ground
from crm_api.kit.crud.transitions import not_for
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, WrongState

_VERBS: Mapping[str, Sequence[str]] = {
    "open": ("move", "win", "lose", "split"),
    "won": ("reopen",),
    "lost": ("reopen",),
}
# What the action that leads into such a stage sets by itself.
_SET: Mapping[str, Collection[str]] = {
    "open": (),
    "won": ("closes_on",),
    "lost": ("closes_on", "loss_reason_id"),
}


def need_status(deal: Deal, verb: str) -> None:
    """Raise `WrongState` where an action is not for the status of a deal."""
    if verb not in _VERBS[deal.status]:
        raise not_for("deal", deal.status, verb, _VERBS[deal.status])


class Blockers:
    """What stands in the way of a deal, as things are in this transaction."""

    def __init__(self, tx: Tx, deal: Mapping[str, Any], stages: Sequence[Ground]) -> None:
        """`stages` are those of its pipeline, in their order."""
        self._tx, self._deal = tx, deal
        self._open = [stage for stage in stages if stage["kind"] == "open"]
        self._here = _standing(stages, deal["stage_id"])
        self._leaving: list[Fault] | None = None

    async def of_move(self, target: Ground) -> list[Fault]:
        """Empty where it may go there."""
        if target["id"] == self._here["id"]:
            return []
        if target["kind"] != "open":
            return [Fault("not_open", "Such a stage is reached by win or lose.", "/stage_id")]
        faults = self._of_way(target)
        if self._goes_on(target):
            faults += await self._of_leaving()
        return [*faults, *await self._of_entering(target)]

    async def of_win(self, target: Ground) -> list[Fault]:
        """Empty where it may be won."""
        faults = list[Fault]()
        left = [stage for stage in self._open if self._place(stage) > self._place(self._here)]
        if self._here["graph"] == "strict" and left:
            faults.append(_skips(left))
        faults += await self._of_leaving()
        return [*faults, *await self._of_entering(target)]

    async def of_loss(self, target: Ground) -> list[Fault]:
        """Empty where it may be lost, from wherever it is."""
        return await self._of_entering(target)

    async def of_beginning(self) -> list[Fault]:
        """Empty where it may begin in the open stage where it stands, which is not the first one."""
        before = self._open[: self._place(self._here)]
        faults = [_skips(before)] if self._here["graph"] == "strict" else []
        return [*faults, *await self._of_standing(self._here)]

    def _of_way(self, target: Ground) -> list[Fault]:
        """What the graph of the pipelines says of a step."""
        if target["pipeline_id"] != self._here["pipeline_id"]:
            if target["is_archived"]:
                return [Fault("archived", "The pipeline takes no new deals.", "/stage_id")]
            return []
        graph, here, there = self._here["graph"], self._place(self._here), self._place(target)
        if graph == "forward_only" and there < here:
            return [Fault("goes_back", "In this pipeline deals only go forward.", "/stage_id")]
        between = self._open[min(here, there) + 1 : max(here, there)]
        return [_skips(between)] if graph == "strict" and between else []

    def _goes_on(self, target: Ground) -> bool:
        return target["pipeline_id"] != self._here["pipeline_id"] or self._place(
            target
        ) > self._place(self._here)

    def _place(self, stage: Ground) -> int:
        return next(n for n, one in enumerate(self._open) if one["id"] == stage["id"])

    async def _of_leaving(self) -> list[Fault]:
        """What the stage where it stands wants done before it goes on."""
        if self._leaving is None:
            unmet_ones = await self._unmet(self._here["exit_criteria"], "exit_criteria")
            self._leaving = [*open_items(self._deal, self._here["checklist"]), *unmet_ones]
        return self._leaving

    async def _of_entering(self, target: Ground) -> list[Fault]:
        return [*await self._of_standing(target), *await full(self._tx, target)]

    async def _of_standing(self, target: Ground) -> list[Fault]:
        asked = [name for name in target["required_fields"] if name not in _SET[target["kind"]]]
        missing = missing_fields(self._deal, asked)
        if target["required_roles"]:
            there = await DealContacts(self._tx).roles_in(self._deal["id"])
            missing += missing_roles(there, target["required_roles"])
        own = self._deal["id"]
        return [
            *missing,
            *(_of_step(self._deal, target)),
            *await self._unmet(target["entry_criteria"], "entry_criteria"),
            *await missing_artefacts(self._tx, own, target),
            *await missing_approvals(self._tx, own, target),
        ]

    async def _unmet(self, criteria: Mapping[str, Any], code: str) -> list[Fault]:
        return await unmet(self._tx, self._deal["id"], criteria, code)


def _of_step(deal: Mapping[str, Any], target: Ground) -> list[Fault]:
    asked = target["next_step_policy"] != "off" and target["kind"] == "open"
    return missing_step(deal) if asked else []


def _standing(stages: Sequence[Ground], stage_id: UUID) -> Ground:
    found = next((stage for stage in stages if stage["id"] == stage_id), None)
    if found is None:
        raise WrongState("The stage that it stands in is being removed.", code="stage_in_bin")
    return found


def _skips(stages: Sequence[Ground]) -> Fault:
    names = ", ".join(stage["name"] for stage in stages)
    return Fault("skips_stages", f"It would skip: {names}.", "/stage_id")
