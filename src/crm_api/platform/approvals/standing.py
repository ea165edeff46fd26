"""Whether a record is approved: for the parts of the product that do nothing without that."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import WrongState
from crm_api.kit.query.conditions import passes, passing_of
from crm_api.platform.approvals.fingerprints import Fingerprints, all_material
from crm_api.platform.approvals.models import Approval, ApprovalPolicy
from crm_api.platform.approvals.policies import target_service
from crm_api.platform.approvals.repository import Approvals, Policies

Status = Literal["approved", "pending", "rejected", "wanted"]
_SPEAKS: dict[str, Status] = {"approved": "approved", "pending": "pending", "rejected": "rejected"}


@dataclass(frozen=True)
class Need:
    """A policy that wants a record approved, and how far that is."""

    policy_id: UUID
    policy_name: str
    purpose: str
    status: Status
    material_fields: Sequence[str]
    """What the request is about, or would be: nothing is said of other fields."""
    approval_id: UUID | None = None
    waiting_for: Sequence[str] = ()


@dataclass(frozen=True)
class Standing:
    """What every policy that wants a record approved says of it as it is now."""

    policies: Sequence[Need]

    @property
    def is_approved(self) -> bool:
        """Whether nothing is missing; also where no policy wants it."""
        return all(need.status == "approved" for need in self.policies)


async def standing(tx: Tx, target: str, id: UUID, purpose: str | None = None) -> Standing:
    """How a record stands with the policies of its kind, whoever asks.

    What goes by it holds the record's lock: then what it says is so up to the commit.
    """
    service = service_of(tx, target)
    listing = service.records.listing
    wanting = [
        policy
        for policy in await Policies(tx).active(target, purpose)
        if await passes(tx, listing, id, policy.filter)
    ]
    if not wanting:
        return Standing([])
    asked = await Approvals(tx).about(target, id)
    prints = await Fingerprints.read(tx, type(service), [id])
    common = all_material(type(service))
    return Standing([_need(policy, asked, prints, common) for policy in wanting])


async def approved_among(tx: Tx, target: str, ids: Collection[UUID], purpose: str) -> set[UUID]:
    """Those of some records that policies of a purpose want approved, and that all of these do.

    Whoever asks, by statements that do not grow with the records. Nothing is locked: what is voided
    meanwhile was approved when it was asked about.
    """
    if tx.bounded:
        return await _approved_among(tx, target, ids, purpose)
    async with at_one_moment(tx) as reader:
        return await _approved_among(reader, target, ids, purpose)


async def _approved_among(tx: Tx, target: str, ids: Collection[UUID], purpose: str) -> set[UUID]:
    policies = await Policies(tx).active(target, purpose)
    if not policies:
        return set()
    service = service_of(tx, target)
    listing, common = service.records.listing, all_material(type(service))
    asked: dict[UUID, list[Approval]] = {}
    for one in await Approvals(tx).said_of(target, ids, list(_SPEAKS)):
        asked.setdefault(one.record_id, []).append(one)
    candidates = sorted(asked)
    prints = await Fingerprints.read(tx, type(service), candidates)
    needs: dict[UUID, list[Need]] = {}
    for policy in policies:
        for id in await passing_of(tx, listing, candidates, policy.filter):
            needs.setdefault(id, []).append(_need(policy, asked[id], prints, common))
    return {id for id, those in needs.items() if Standing(those).is_approved}


def _need(
    policy: ApprovalPolicy,
    asked: Sequence[Approval],
    prints: Fingerprints,
    common: Sequence[str],
) -> Need:
    """By the last request for the record as it is that somebody has decided on, or will."""
    for one in asked:
        if (
            one.policy_id == policy.id
            and one.status in _SPEAKS
            and prints.is_there(one.record_id)
            and prints.of(one.record_id, one.material_fields, one.salt) == one.content_hash
        ):
            status, waiting = _SPEAKS[one.status], tuple(one.waiting_for)
            fields = one.material_fields
            return Need(policy.id, policy.name, policy.purpose, status, fields, one.id, waiting)
    fields = policy.material_fields or common
    return Need(policy.id, policy.name, policy.purpose, "wanted", fields)


async def need_approval(tx: Tx, target: str, id: UUID, purpose: str | None = None) -> None:
    """Raise `WrongState` with what is missing unless a record is approved as it is."""
    found = await standing(tx, target, id, purpose)
    missing = [need for need in found.policies if need.status != "approved"]
    if missing:
        names = ", ".join(need.policy_name for need in missing)
        raise WrongState(
            f"It is not approved yet: {names}.",
            code="approval_needed",
            details={"policies": [_told(need) for need in missing]},
        )


async def shown_standing(
    tx: Tx, target: str, id: UUID, purpose: str | None = None
) -> dict[str, Any]:
    """The same for clients who see the record; raises `NotFound`."""
    tx.actor.require("approvals:read")
    service = target_service(tx, target)
    await service.get(id)
    async with at_one_moment(tx) as reader:
        found = await standing(reader, target, id, purpose)
    return {"is_approved": found.is_approved, "policies": [_told(n) for n in found.policies]}


def _told(need: Need) -> dict[str, Any]:
    return {
        "policy_id": need.policy_id,
        "policy_name": need.policy_name,
        "purpose": need.purpose,
        "status": need.status,
        "approval_id": need.approval_id,
        "waiting_for": list(need.waiting_for),
    }
