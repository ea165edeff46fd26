"""From step to step: who is asked next, and until when."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault
from crm_api.kit.query.conditions import passes
from crm_api.platform.approvals.approvers import Approvers
from crm_api.platform.approvals.flow import needed, with_step
from crm_api.platform.approvals.repository import Approvals

Working = Callable[[Tx, datetime, timedelta], Awaitable[datetime]]


class Course:
    """The course of one request about one record, which is locked."""

    working: ClassVar[Working]
    """When so much working time has passed."""

    def __init__(
        self, tx: Tx, service: CrudService[Any], record_id: UUID, owner: UUID | None
    ) -> None:
        self._tx, self._service, self._record_id = tx, service, record_id
        self.approvers = Approvers(tx, service, record_id, owner)

    async def onwards(
        self, steps: Sequence[Mapping[str, Any]], place: int, but: UUID | None
    ) -> dict[str, Any]:
        """The values of a request whose steps before a place are through; `but` is not asked."""
        after = [dict(step) for step in steps]
        now = await Approvals(self._tx).now()
        listing = self._service.records.listing
        for n in range(place, len(after)):
            step = after[n]
            if not await passes(self._tx, listing, self._record_id, step["filter"]):
                after = with_step(after, n, status="skipped", ended_at=_written(now))
                continue
            users = [str(id) for id in await self.approvers.of(step["approvers"], but)]
            begun = {"status": "pending", "user_ids": users, "started_at": _written(now)}
            due = await self._due(step["escalation"], now)
            steps_now = with_step(after, n, **begun)
            return {"steps": steps_now, "step": n, "waiting_for": users, "due_at": due}
        ended = {"status": "approved", "ended_at": now}
        return {"steps": after, "step": None, "waiting_for": [], "due_at": None, **ended}

    async def need_approvers(self, steps: Sequence[Mapping[str, Any]], but: UUID | None) -> None:
        """Raise `Conflict` where a step that is wanted asks fewer who may decide than it takes."""
        faults: list[Fault] = []
        listing = self._service.records.listing
        for n, step in enumerate(steps):
            if not await passes(self._tx, listing, self._record_id, step["filter"]):
                continue
            users = await self.approvers.of(step["approvers"], but)
            missing = needed({**step, "user_ids": users}) - len(users)
            if missing > 0:
                message = f"{step['name']}: too few who see the record and may decide."
                faults.append(Fault("too_few_approvers", message, pointer=f"/steps/{n}"))
        if faults:
            raise Conflict(faults[0].message, code="too_few_approvers", faults=faults)

    async def _due(self, escalation: Mapping[str, Any] | None, now: datetime) -> datetime | None:
        if escalation is None:
            return None
        after = timedelta(minutes=escalation["after_minutes"])
        if not escalation["working_time"]:
            return now + after
        try:
            return await Course.working(self._tx, now, after)
        except Conflict:
            # Where nobody ever works nothing is ever late, and the request goes on.
            return None


def _written(at: datetime) -> str:
    """An instant as JSON columns hold it."""
    return decode(encode(at))
