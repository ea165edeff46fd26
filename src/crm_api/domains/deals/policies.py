"""What pipelines and stages ask of deals beyond fields, criteria and checklists."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from crm_api.domains.deals.artefacts import ARTEFACTS
from crm_api.domains.deals.repository import Deals, Ground
from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked, Fault, Invalid
from crm_api.platform.approvals.standing import standing

STEP = ("next_step", "next_step_on")
"""What a next step is made of."""


def check_artefacts(names: Sequence[str], at: str) -> None:
    """Raise `Invalid` where something is asked for that no part of the product tells of."""
    known = ", ".join(sorted(ARTEFACTS)) or "none"
    faults = [
        Fault("not_a_choice", f"There are: {known}.", at.format(place))
        for place, name in enumerate(names)
        if name not in ARTEFACTS
    ]
    if faults:
        raise Invalid("It asks for what there cannot be of a deal.", faults=faults)


def missing_step(deal: Mapping[str, Any]) -> list[Fault]:
    """What of a next step, its text and its day, a deal has not."""
    return [
        Fault("next_step_needed", "An open deal has a next step, and a day for it.", f"/{name}")
        for name in STEP
        if not deal[name]
    ]


def need_step(values: Mapping[str, Any], deal: Mapping[str, Any], stage: Ground) -> None:
    """Raise `Invalid` where an open deal is written without the next step that it has to have.

    `values` are those that are written: a deal that has been without is changed otherwise.
    """
    if stage["next_step_policy"] != "writes" or stage["kind"] != "open":
        return
    if not any(name in values for name in STEP):
        return
    if faults := missing_step(deal):
        raise Invalid(faults[0].message, faults=faults)


def need_decided(tx: Tx, closes_on: date | None, at: str = "/closes_on") -> None:
    """Raise `Invalid` where the day of a decision is yet to come, as the organization counts days."""
    if closes_on is not None and closes_on > today_of(tx):
        raise Invalid.at(at, "in_future", "What is decided was decided today or before.")


async def need_room(tx: Tx, stage: Ground) -> None:
    """Raise `Blocked` where a stage takes no more deals; nobody else puts one in till the commit.

    Whoever locks a deal as well asks this first.
    """
    if not stage["wip_limit"] or stage["kind"] != "open":
        return
    await Deals(tx).lock_column(stage["id"])
    if faults := await full(tx, stage):
        raise Blocked(faults[0].message, code="stage_full", faults=faults)


async def full(tx: Tx, stage: Ground) -> list[Fault]:
    """Whether a stage takes no more deals, whoever sees those in it."""
    limit = stage["wip_limit"]
    if not limit or stage["kind"] != "open" or await Deals(tx).count_in(stage["id"]) < limit:
        return []
    return [Fault("stage_full", f"{stage['name']} takes {limit} deals at most.", "/stage_id")]


async def missing_artefacts(tx: Tx, id: UUID, target: Ground) -> list[Fault]:
    """What there has to be of a deal in a stage, and is not."""
    names = list(target["required_artefacts"])
    if target["kind"] == "won" and target["win_needs"] not in {"nothing", *names}:
        names.append(target["win_needs"])
    return [
        Fault("artefact_needed", f"The stage needs: {name.replace('_', ' ')}.", "/stage_id")
        for name in names
        if not await _is_there(tx, id, name)
    ]


async def _is_there(tx: Tx, id: UUID, name: str) -> bool:
    find = ARTEFACTS.get(name)
    return find is not None and id in await find(tx, [id])


async def missing_approvals(tx: Tx, id: UUID, target: Ground) -> Iterable[Fault]:
    """The policies whose approval a deal has to have in a stage, and has not."""
    purpose = target["approval_purpose"]
    if purpose is None:
        return []
    found = await standing(tx, "deal", id, purpose)
    return [
        Fault(
            "approval_pending" if need.status == "pending" else "approval_needed",
            f"{need.policy_name}: {need.status}.",
            "/stage_id",
        )
        for need in found.policies
        if need.status != "approved"
    ]
