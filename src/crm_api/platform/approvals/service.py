"""Asking for approval, and deciding."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from secrets import token_hex
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.catalogues import REMEMBERED_S
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid, WrongState
from crm_api.kit.ids import new_id
from crm_api.kit.query.conditions import passes
from crm_api.kit.query.filters import parse
from crm_api.kit.query.page import Page
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.platform.approvals.course import Course
from crm_api.platform.approvals.events import EscalateApproval
from crm_api.platform.approvals.fingerprints import Fingerprints, all_material
from crm_api.platform.approvals.flow import agreed, begun, decision, has_agreed, with_step
from crm_api.platform.approvals.models import LIVE, Approval, ApprovalPolicy
from crm_api.platform.approvals.policies import need_manager, target_service, user_of
from crm_api.platform.approvals.repository import APPROVALS, Approvals, Delegations, Policies
from crm_api.platform.approvals.schemas import (
    ApprovalCreate,
    ApprovalDecision,
    ApprovalReassignment,
)

Follow = Callable[[Tx, UUID], Awaitable[None]]
Settled = Callable[[Tx, Collection[UUID]], Awaitable[set[UUID]]]
_ENDED: Mapping[str, Any] = {"step": None, "waiting_for": [], "due_at": None}
_KEY = Selection(("id", "target", "record_id"))


class ApprovalService(CrudService[Approval]):
    """Requests for approval: seen by whoever sees the record, decided by those whom they ask."""

    repository = Approvals
    personal = About(
        ("record_id",),
        end="removed",
        reason="What was decided about the person, and why, goes with them.",
        entity="target",
    )
    area = "approvals"
    plural = "approvals"
    plain = False
    upserts = False
    begins = "requested"
    records: Approvals
    followers: ClassVar[dict[str, Follow]] = {}
    """By kind of record what follows from a request's going on, in the same transaction; the record
    is locked."""
    settled: ClassVar[dict[str, Settled]] = {}
    """By kind of record which of some, locked by their change, are done with: what was approved of
    them stays so, though they become another."""

    # Asking

    async def submit(self, data: ApprovalCreate) -> Any:
        """Ask that a record be approved as it is; raises `WrongState` where nothing is to ask."""
        self.need("create")
        service = target_service(self.tx, data.target)
        service.need("update")
        await self._await_writers(data.target)
        record = await service.records.find(data.record_id, lock=True)
        if record is None:
            message = f"There is no such {data.target}."
            raise Invalid.at("/record_id", "unknown_reference", message)
        await service.guard.permit([record.id], "update")
        policy = await self._chosen(service, record.id, data)
        submitter = user_of(self.tx)
        but = None if policy.submitter_may_approve else submitter
        course = Course(self.tx, service, record.id, record.owner_id)
        await course.need_approvers(policy.steps, but)
        fields = policy.material_fields or all_material(type(service))
        salt, prints = token_hex(16), await Fingerprints.read(self.tx, type(service), [record.id])
        values = {
            "id": new_id(),
            "target": data.target,
            "record_id": record.id,
            "record_version": record.version,
            "policy_id": policy.id,
            "policy_version": policy.version,
            "policy_name": policy.name,
            "purpose": policy.purpose,
            "status": "pending",
            "reason": None,
            "comment": data.comment,
            "material_fields": fields,
            "salt": salt,
            "content_hash": prints.of(record.id, fields, salt),
            "submitter_may_approve": policy.submitter_may_approve,
            "decisions": [],
            "ended_at": None,
            "owner_id": submitter,
            "custom": {},
            "external_ids": {},
        }
        return await self._begin(values, await course.onwards(begun(policy.steps), 0, but))

    async def _begin(self, values: dict[str, Any], first: Mapping[str, Any]) -> Any:
        if first.get("status") != "approved":
            shown = self.add({**values, **first})
            self._watch(values["id"], first)
            return await self.told(shown, new=True)
        # Every step is left out: it was asked for, and it is approved.
        self.add({**values, **first, "status": "pending", "ended_at": None})
        await self.tx.flush()
        current = await self.records.get(values["id"], lock=True)
        return await self._decided(current, first, "approved")

    async def _await_writers(self, target: str) -> None:
        """Wait until all who may change such records know that this voids approvals of them."""
        now = (await self.records.now()).timestamp()
        since = self.tx.catalogue.approved.get(target)
        if since is None and await Policies(self.tx).active(target, None):
            # The first policy is so new that this process does not know of it either.
            since = now * 1000
        if since is not None:
            await asyncio.sleep(max(0.0, since / 1000 + 2 * REMEMBERED_S - now))

    async def _chosen(
        self, service: CrudService[Any], id: UUID, data: ApprovalCreate
    ) -> ApprovalPolicy:
        """The policy to go by: the one that is named, or the first that is not asked for yet."""
        known = await Policies(self.tx).active(data.target, data.purpose)
        if data.policy_id is not None:
            known = [policy for policy in known if policy.id == data.policy_id]
            if not known:
                message = "There is no such active policy for these records."
                raise Invalid.at("/policy_id", "unknown_reference", message)
        live = {one.policy_id: one for one in await self.records.live(data.target, [id])}
        fitting = [p for p in known if await passes(self.tx, service.records.listing, id, p.filter)]
        for policy in fitting:
            if policy.id not in live:
                return policy
        if not fitting:
            raise WrongState("No policy wants that approved.", code="not_wanted")
        status = live[fitting[0].id].status
        code = "already_approved" if status == "approved" else "already_requested"
        ids = [live[policy.id].id for policy in fitting]
        raise WrongState("That was asked for already.", code=code, details={"approval_ids": ids})

    # Deciding

    async def approve(
        self, id: UUID, data: ApprovalDecision, expected_version: int | None = None
    ) -> Any:
        """Agree to the step under way; with the last one the record is approved."""
        current, course, user, principal = await self._asked(id, data, expected_version)
        place = self._place(current)
        if current.steps[place]["rule"] == "count" and has_agreed(place, current.decisions, user):
            raise WrongState("Nobody agrees twice.", code="already_decided")
        now = await self.records.now()
        made = decision(place, "approved", user, now, principal=principal, comment=data.comment)
        decisions = [*current.decisions, made]
        left = [one for one in current.waiting_for if one != str(principal)]
        values: dict[str, Any] = {"decisions": decisions, "waiting_for": left}
        if agreed(current.steps[place], place, decisions):
            ended = {"status": "approved", "ended_at": made["decided_at"]}
            steps = with_step(current.steps, place, **ended)
            but = None if current.submitter_may_approve else current.owner_id
            values |= await course.onwards(steps, place + 1, but)
        return await self._decided(current, values, values.get("status", "progressed"))

    async def reject(
        self, id: UUID, data: ApprovalDecision, expected_version: int | None = None
    ) -> Any:
        """Refuse a request; it is over."""
        current, _, user, principal = await self._asked(id, data, expected_version)
        place, now = self._place(current), await self.records.now()
        made = decision(place, "rejected", user, now, principal=principal, comment=data.comment)
        steps = with_step(current.steps, place, status="rejected", ended_at=made["decided_at"])
        values = {"decisions": [*current.decisions, made], "steps": steps, "ended_at": now}
        return await self._decided(current, {**_ENDED, **values, "status": "rejected"}, "rejected")

    async def recall(
        self, id: UUID, comment: str | None, expected_version: int | None = None
    ) -> Any:
        """Take a request back, by whoever made it or manages the settings."""
        self.need("update")
        current, _ = await self.held(id, expected_version)
        if current.owner_id is None or current.owner_id != user_of(self.tx):
            need_manager(self.tx)
        return await self.take_back(current, comment)

    async def take_back(self, current: Approval, comment: str | None = None) -> Any:
        """End a request that is held, also as a part of what is done with its record."""
        place, now = self._place(current), await self.records.now()
        made = decision(place, "recalled", self.tx.actor.me, now, comment=comment)
        values = {"decisions": [*current.decisions, made], "status": "recalled", "ended_at": now}
        return await self._decided(current, {**_ENDED, **values}, "recalled")

    async def reassign(
        self, id: UUID, data: ApprovalReassignment, expected_version: int | None = None
    ) -> Any:
        """Have somebody else be asked."""
        self.need("update")
        current, course = await self.held(id, expected_version)
        place, before = self._place(current), await self._handing_on(current, data.from_user_id)
        step, to = current.steps[place], str(data.to_user_id)
        if to in step["user_ids"] or to in step["escalated_to"]:
            raise Invalid.at("/to_user_id", "asked_already", "They are asked already.")
        if data.to_user_id == current.owner_id and not current.submitter_may_approve:
            raise Invalid.at("/to_user_id", "own_request", "It is a request of theirs.")
        if not await course.approvers.sees(data.to_user_id):
            message = "There is no such user who sees the record."
            raise Invalid.at("/to_user_id", "unknown_reference", message)
        lists = {
            name: [to if one == str(before) else one for one in step[name]]
            for name in ("user_ids", "escalated_to")
        }
        if before is None:
            lists["user_ids"].append(to)
        made = decision(
            place,
            "reassigned",
            self.tx.actor.me,
            await self.records.now(),
            principal=before,
            to=data.to_user_id,
            comment=data.comment,
        )
        values = {
            "decisions": [*current.decisions, made],
            "steps": with_step(current.steps, place, **lists),
            "waiting_for": [*(o for o in current.waiting_for if o != str(before)), to],
        }
        return await self._decided(current, values, "reassigned")

    async def _handing_on(self, current: Approval, of: UUID | None) -> UUID | None:
        """Who is asked no more; None where somebody is added, by whoever manages the settings."""
        me = user_of(self.tx)
        if of is None and me is not None and str(me) in current.waiting_for:
            return me
        if of is not None and str(of) not in current.waiting_for:
            raise Invalid.at("/from_user_id", "not_asked", "They are not asked now.")
        own = (
            me is not None
            and of is not None
            and (of == me or of in await Delegations(self.tx).stood_in_for(me))
        )
        if not own:
            need_manager(self.tx)
        return of

    async def _asked(
        self, id: UUID, data: ApprovalDecision, expected_version: int | None
    ) -> tuple[Approval, Course, UUID, UUID]:
        """A request to decide on, its course, who decides and for whom; raises `Forbidden`."""
        self.need("update")
        user = user_of(self.tx)
        if user is None:
            raise Forbidden("Users decide, not programs.", code="no_user")
        current, course = await self.held(id, expected_version)
        place = self._place(current)
        if data.step is not None and data.step != place:
            raise WrongState(
                f"The step under way is {place}.", code="other_step", details={"step": place}
            )
        if user == current.owner_id and not current.submitter_may_approve:
            raise Forbidden("Somebody else decides on it.", code="own_request")
        if not await self.is_unchanged(current):
            raise WrongState("The record is another one by now.", code="record_changed")
        return current, course, user, await self._principal(current, user, data.on_behalf_of)

    async def _principal(self, current: Approval, user: UUID, of: UUID | None) -> UUID:
        """For whom a user decides, who is one of those that are asked."""
        asked = set(current.waiting_for)
        if str(user) in asked and of in {None, user}:
            return user
        others = [o for o in await Delegations(self.tx).stood_in_for(user) if str(o) in asked]
        if of is not None:
            others = [other for other in others if other == of]
        if len(others) > 1:
            message = "You stand in for several of those who are asked."
            raise Invalid.at("/on_behalf_of", "required", message)
        if not others:
            raise Forbidden("You are not asked about it.", code="not_asked")
        return others[0]

    async def held(self, id: UUID, expected_version: int | None = None) -> tuple[Approval, Course]:
        """A request and its record, both locked, in this order everywhere; raises `Stale`."""
        row = await self.records.row(id, _KEY)
        service = service_of(self.tx, row.target)
        table = service.repository.model.__tablename__
        owner = await self.records.hold_record(table, row.record_id)
        current = await self.records.get(id, lock=True)
        await self.need_version(current, expected_version)
        return current, Course(self.tx, service, row.record_id, owner)

    def _place(self, current: Approval) -> int:
        if current.status != "pending" or current.step is None:
            message = f"The request is {current.status}."
            raise WrongState(
                message, code="not_pending", details={"approval_status": current.status}
            )
        return current.step

    async def is_unchanged(self, current: Approval) -> bool:
        """Whether the record still says what it did when the request was made."""
        service = type(service_of(self.tx, current.target))
        prints = await Fingerprints.read(self.tx, service, [current.record_id])
        return is_same(prints, current)

    async def _decided(self, current: Approval, values: Mapping[str, Any], verb: str) -> Any:
        shown = await self.go_on(current, values, verb)
        if values.get("step") is not None:
            self._watch(current.id, values)
        return await self.told(shown)

    async def go_on(self, current: Approval, values: Mapping[str, Any], verb: str) -> Any:
        """Set values and tell it, with what whoever hears of it needs to know of the request."""
        told = {
            "target": current.target,
            "record_id": current.record_id,
            "policy_id": current.policy_id,
            "owner_id": current.owner_id,
        }
        shown = await self.change(current, values, verb=verb, told=told)
        if (follow := self.followers.get(current.target)) is not None:
            await follow(self.tx, current.record_id)
        return shown

    def _watch(self, id: UUID, values: Mapping[str, Any]) -> None:
        """Have the step that has begun be looked at when it is overdue."""
        if values["due_at"] is not None:
            self.tx.enqueue(EscalateApproval(id, values["step"]), run_at=values["due_at"])

    # Looking

    async def to_decide(self, query: PageQuery) -> Page:
        """A page of what the user is asked now, or somebody for whom they stand in."""
        self.need("read")
        user = user_of(self.tx)
        if user is None:
            raise Forbidden("Users decide, not programs.", code="no_user")
        people = [user, *await Delegations(self.tx).stood_in_for(user)]
        asked = {
            "status": {"eq": "pending"},
            "or": [{"waiting_for": {"has": str(one)}} for one in people],
        }
        mine = parse(asked, APPROVALS, self.tx)
        return await self.page(replace(query, filter=query.filter.both(mine)))


def is_same(prints: Fingerprints, current: Approval) -> bool:
    """Whether a record says what was approved, or is to be."""
    if current.status not in LIVE or not prints.is_there(current.record_id):
        return False
    now = prints.of(current.record_id, current.material_fields, current.salt)
    return now == current.content_hash
