"""What happens to a step that nobody decides in time."""

from collections.abc import Mapping
from typing import Any

from crm_api.kit.actor import Actor
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import NotFound
from crm_api.kit.jobs import JobContext, runs
from crm_api.platform.approvals.course import Course
from crm_api.platform.approvals.events import EscalateApproval
from crm_api.platform.approvals.flow import has_agreed, with_step
from crm_api.platform.approvals.models import Approval
from crm_api.platform.approvals.service import ApprovalService


@runs(EscalateApproval)
async def escalate(context: JobContext, message: EscalateApproval) -> dict[str, Any]:
    """Once, and only if the step still waits: in the system's name, whoever asked for it.

    The job begins by the clock of the database, and so is what is overdue.
    """
    actor = Actor(context.actor.organization_id, "system", scopes=frozenset({"*"}))
    async with unit_of_work(Tx(context.database, actor)) as tx:
        await context.job.advance(tx, 0)
        done = await _escalate(ApprovalService(tx), message)
        await context.job.advance(tx, 1)
    return {"done": done}


async def _escalate(service: ApprovalService, message: EscalateApproval) -> str | None:
    """What was done; None where it is no longer to be done."""
    try:
        current, course = await service.held(message.approval_id)
    except NotFound:
        return None
    now = await service.records.now()
    if current.status != "pending" or current.step != message.step:
        return None
    if current.due_at is None or current.due_at > now:
        return None
    step = current.steps[message.step]
    action, at = step["escalation"]["action"], decode(encode(now))
    if action == "escalate":
        values = await _others(current, course, step, at)
        await service.go_on(current, values, "escalated")
        return action
    ended = {"step": None, "waiting_for": [], "due_at": None, "reason": "overdue", "ended_at": now}
    status = "rejected" if action == "reject" else "expired"
    if action == "reject":
        steps = with_step(current.steps, message.step, status="rejected", ended_at=at)
        ended["steps"] = steps
    await service.go_on(current, {**ended, "status": status}, status)
    return action


async def _others(
    current: Approval, course: Course, step: Mapping[str, Any], at: str
) -> dict[str, Any]:
    """Who is asked as well from now on."""
    assert current.step is not None
    place, but = current.step, None if current.submitter_may_approve else current.owner_id
    found = await course.approvers.of(step["escalation"]["approvers"], but)
    # Who has agreed already was not enough.
    asked = [str(one) for one in found if not has_agreed(place, current.decisions, one)]
    steps = with_step(current.steps, place, escalated_at=at, escalated_to=asked)
    waiting = [*current.waiting_for, *(one for one in asked if one not in current.waiting_for)]
    return {"steps": steps, "waiting_for": waiting, "due_at": None}
