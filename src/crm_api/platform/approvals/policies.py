"""The rules of policies, and of who stands in for whom."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.access import Action
from crm_api.kit.actor import missing_right
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.rights import Guard
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.states import hold_state, publish_state
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Forbidden, Invalid
from crm_api.kit.query.conditions import check
from crm_api.kit.query.listing import Listing
from crm_api.platform.approvals.fingerprints import is_material
from crm_api.platform.approvals.models import ApprovalDelegation, ApprovalPolicy
from crm_api.platform.approvals.repository import Approvals, Delegations, Policies
from crm_api.platform.approvals.schemas import (
    ApprovalDelegationCreate,
    ApprovalDelegationUpdate,
    ApprovalPolicyCreate,
    ApprovalPolicyUpdate,
)

MANAGE = "manage_settings"
_MATTERS = frozenset({"filter", "material_fields", "steps"})
_TABLES = {"user": "users", "team": "teams", "role": "roles"}
_THERE = "SELECT id FROM {} WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL"


class ApprovalPolicyService(NamedService[ApprovalPolicy]):
    """What is to be approved, and by whom; requests go on by the policy as it was."""

    repository = Policies
    personal = Impersonal("The organization's own rules.")
    area = "approval_policies"
    plural = "approval_policies"
    create_shape = ApprovalPolicyCreate
    update_shape = ApprovalPolicyUpdate
    records: Policies
    targets: ClassVar[frozenset[str]] = frozenset()
    """What can be approved, by the word for a record; also records of custom objects can."""

    async def prepare(
        self, values: dict[str, Any], current: ApprovalPolicy | None
    ) -> dict[str, Any]:
        """A policy fits the records that it is for, and names approvers who are there."""
        values = await super().prepare(values, current)
        if "steps" in values:
            # As they are stored, so that equal steps are no change.
            values["steps"] = decode(encode(values["steps"]))
        if not _MATTERS.isdisjoint(values):
            whole = {**(columns_of(current) if current else {}), **values}
            listing = target_service(self.tx, whole["target"]).records.listing
            await self._check(listing, whole, values)
        if current is None:
            await _make_known(self.tx, values["target"])
        return values

    async def _check(
        self, listing: Listing, policy: Mapping[str, Any], given: Mapping[str, Any]
    ) -> None:
        check(self.tx, listing, policy["filter"])
        faults = [
            Fault(
                "unknown_field", f"{listing.entity} has no field {name!r}.", f"/material_fields/{n}"
            )
            for n, name in enumerate(policy["material_fields"])
            if not is_material(self.tx, listing, name)
        ]
        if faults:
            raise Invalid("A field is not there.", faults=faults)
        if "steps" in given:
            for place, step in enumerate(given["steps"]):
                _check_condition(self.tx, listing, step["filter"], f"/steps/{place}")
            await _need_approvers(self.tx, given["steps"])


class OwnOrManaged(Guard):
    """Lets users change what hands on their own decisions, and managers what is of others."""

    def need(self, action: Action) -> None:
        """Raise `Forbidden` unless the credential has the scope; whose it is counts later."""
        verb = "read" if action == "read" else "write"
        self._actor.need_scope(f"{self._area}:{verb}")

    async def permit(self, ids: Sequence[UUID], action: Action) -> None:
        """Raise `Forbidden` unless all of these are the user's own, or managed by them."""
        del action
        access = self._actor.access
        if access is None or access.holds(MANAGE):
            return
        users = await self._records.users_of(ids)
        if any(user != access.user_id for user in users):
            raise missing_right(MANAGE)

    async def prepare(self, ids: Sequence[UUID]) -> None:
        """Nothing is known ahead."""


class ApprovalDelegationService(CrudService[ApprovalDelegation]):
    """Who decides for whom, and how long."""

    repository = Delegations
    personal = Impersonal("Who decides for whom in the organization.")
    area = "approval_delegations"
    plural = "approval_delegations"
    create_shape = ApprovalDelegationCreate
    update_shape = ApprovalDelegationUpdate
    # Nothing tells two of them from one.
    upserts = False
    records: Delegations

    def __init__(self, tx: Tx) -> None:
        super().__init__(tx)
        self.guard = OwnOrManaged(self.area, self.records)

    async def prepare(
        self, values: dict[str, Any], current: ApprovalDelegation | None
    ) -> dict[str, Any]:
        """Users hand on what is theirs to decide; who manages the settings does it for others."""
        values = await super().prepare(values, current)
        if "starts_at" in values:
            values["starts_at"] = values["starts_at"] or self.tx.now
        whole = {**(columns_of(current) if current else {}), **values}
        me = user_of(self.tx)
        user = whole["user_id"] or me
        if user is None:
            raise Invalid.at("/user_id", "required", "The credential is nobody's: say whose.")
        if user != me:
            need_manager(self.tx)
        if current is None:
            values["user_id"] = user
        _check_delegation({**whole, "user_id": user})
        return values


def _check_delegation(values: Mapping[str, Any]) -> None:
    if values["user_id"] == values["delegate_id"]:
        raise Invalid.at("/delegate_id", "oneself", "Nobody stands in for themselves.")
    if values["ends_at"] is not None and values["ends_at"] <= values["starts_at"]:
        raise Invalid.at("/ends_at", "not_in_order", "It ends after it starts.")


def target_service(tx: Tx, target: str) -> CrudService[Any]:
    """What is in charge of records that can be approved; raises `Invalid` with `/target`."""
    known = {*ApprovalPolicyService.targets, *tx.catalogue.objects}
    if target not in known:
        message = f"There are: {', '.join(sorted(known))}."
        raise Invalid.at("/target", "not_a_choice", message)
    return service_of(tx, target)


def user_of(tx: Tx) -> UUID | None:
    """The user who asks, or for whom a credential does."""
    return None if tx.actor.access is None else tx.actor.access.user_id


def need_manager(tx: Tx) -> None:
    """Raise `Forbidden` unless what is others' may be decided on, too."""
    tx.actor.permitted(MANAGE)


def _check_condition(tx: Tx, listing: Listing, source: Mapping[str, Any], at: str) -> None:
    try:
        check(tx, listing, source)
    except (Invalid, Forbidden) as error:
        raise error.under(at) from None


async def _need_approvers(tx: Tx, steps: Iterable[Mapping[str, Any]]) -> None:
    """Raise `Invalid` where a step names somebody who is not there."""
    named: dict[str, dict[UUID, str]] = {kind: {} for kind in _TABLES}
    for place, step in enumerate(steps):
        lists = {f"/steps/{place}/approvers": step["approvers"]}
        if step["escalation"] is not None:
            lists[f"/steps/{place}/escalation/approvers"] = step["escalation"]["approvers"]
        for at, specs in lists.items():
            for n, spec in enumerate(specs):
                if spec["id"] is not None:
                    named[spec["kind"]].setdefault(UUID(spec["id"]), f"{at}/{n}/id")
    for kind, ids in named.items():
        await _need_there(tx, kind, ids)


async def _need_there(tx: Tx, kind: str, ids: Mapping[UUID, str]) -> None:
    if not ids:
        return
    rows = await tx.fetch(_THERE.format(_TABLES[kind]), tx.organization_id, list(ids))
    missing = ids.keys() - {row["id"] for row in rows}
    if missing:
        message = f"There is no such {kind}."
        faults = [
            Fault("unknown_reference", message, at) for id, at in ids.items() if id in missing
        ]
        raise Invalid(message, faults=faults)


async def _make_known(tx: Tx, target: str) -> None:
    """Have every writer of such records heed that they may be approved (`voiding.py`).

    For good: what was approved is so also when the policy has gone.
    """
    if target in tx.catalogue.approved:
        return
    await hold_state(tx)
    if target not in tx.catalogue.approved:
        since = int((await Approvals(tx).now()).timestamp() * 1000)
        await publish_state(tx, approved={**tx.catalogue.approved, target: since})
