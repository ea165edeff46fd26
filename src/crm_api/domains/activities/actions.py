"""What is done with activities: completed, cancelled, corrected, timed; each as one step."""

from typing import Any, cast
from uuid import UUID

from msgspec import defstruct, structs

from crm_api.domains.activities.action_schemas import (
    ActivityCompletion,
    ActivityVerb,
    Correction,
    Planned,
)
from crm_api.domains.activities.models import Activity
from crm_api.domains.activities.service import ActivityService, me_of
from crm_api.domains.activities.states import ACTIVITY_WAYS
from crm_api.domains.activities.tasks import TaskService
from crm_api.kit.crud.transitions import need_way, not_for, ways_from
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Fault, WrongState


async def plan(tx: Tx, data: Planned) -> dict[str, UUID | None]:
    """Make what is planned with an action; returns the ids of what was made."""
    made: dict[str, UUID | None] = {"next_task_id": None, "next_activity_id": None}
    for name, service in (("next_task", TaskService), ("next_activity", ActivityService)):
        given = getattr(data, name)
        if given is not None:
            try:
                made[f"{name}_id"] = (await service(tx).create(given)).id
            except CrmError as error:
                raise error.under(f"/{name}") from None
    return made


def with_made(shown: Any, made: dict[str, UUID | None]) -> Any:
    """A representation with what was made in the same moment."""
    values = structs.asdict(shown)
    shape = defstruct("Completed", [(name, Any) for name in (*values, *made)])
    return shape(**values, **made)


class ActivityActions:
    """The actions of activities, under the lock of the activity."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.activities = ActivityService(tx)

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """Where an activity stands, and what may be done with it."""
        found = await self.activities.get(id)
        return {"status": found.status, "allowed": list(ways_from(ACTIVITY_WAYS, found.status))}

    async def complete(
        self, id: UUID, data: ActivityCompletion, expected: int | None = None
    ) -> Any:
        """Have a planned activity happened, with what is planned next in the same moment."""
        current = await self._begun(id, "complete", expected)
        given = data.model_dump(exclude_unset=True, exclude={"next_task", "next_activity"})
        values = {name: value for name, value in given.items() if value is not None}
        self.activities.guard.fields(values)
        if current.timer_started_at is not None:
            values = {**self._stopped(current), **values}
        default = min(current.ended_at or self.tx.now, self.tx.now)
        if current.starts_at is not None:
            default = max(default, current.starts_at)
        values = {"ended_at": default, **values} if current.starts_at else values
        values = self.activities.checked(self.activities.derive(values, current), current)
        values |= {"status": "completed", "completed_at": self.tx.now}
        shown = await self.activities.told(
            await self.activities.change(current, values, verb="completed")
        )
        return with_made(shown, await plan(self.tx, data))

    async def go(self, id: UUID, verb: ActivityVerb, expected: int | None = None) -> Any:
        """Cancel a planned activity, or plan a cancelled one again."""
        current = await self._begun(id, verb, expected)
        way = ACTIVITY_WAYS[verb]
        values = {"status": way.after, "timer_started_at": None, "timer_user_id": None}
        shown = await self.activities.change(current, values, verb=way.event)
        return await self.activities.told(shown)

    async def correct(self, id: UUID, data: Correction, expected: int | None = None) -> Any:
        """Have a completed activity say what really happened; what it said is in its history."""
        service = self.activities
        service.need("update")
        current = await service.locked(id, expected)
        if current.status != "completed":
            raise not_for("activity", current.status, "correct", [])
        try:
            values = await service.corrected(current, cast("Any", data).changes)
        except CrmError as error:
            raise error.under("/changes") from None
        values |= {"corrected_at": self.tx.now, "correction_reason": data.reason}
        await service.admit(values, current)
        told = {"correction_reason": data.reason}
        return await service.told(
            await service.change(current, values, verb="corrected", told=told)
        )

    async def start_timer(self, id: UUID, expected: int | None = None) -> Any:
        """Begin to count the time of a planned activity; one at a time for each user."""
        user = me_of(self.activities)
        await self.activities.records.lock_keys("timer", [str(user)])
        current = await self._begun(id, "complete", expected, "start-timer")
        running = await self.activities.records.timed_by(user)
        if running == id:
            return await self.activities.told(self.activities.shown_of(current))
        if running is not None or current.timer_user_id is not None:
            message = "A timer runs already; stop it first."
            faults = [Fault("timer_running", message, "/timer_started_at")]
            details = {"activity_id": running or id}
            raise WrongState(message, code="timer_running", faults=faults, details=details)
        values = {"timer_started_at": self.tx.now, "timer_user_id": user}
        is_over = current.ended_at is not None and current.ended_at < self.tx.now
        if not is_over and (current.starts_at is None or current.starts_at > self.tx.now):
            values["starts_at"] = self.tx.now
        shown = await self.activities.change(current, values, verb="timer_started")
        return await self.activities.told(shown)

    async def stop_timer(self, id: UUID, expected: int | None = None) -> Any:
        """Add the time since the start of the timer to the duration."""
        self.activities.need("update")
        current = await self.activities.locked(id, expected)
        if current.timer_started_at is None:
            raise WrongState("No timer runs for it.", code="no_timer")
        shown = await self.activities.change(current, self._stopped(current), verb="timer_stopped")
        return await self.activities.told(shown)

    def _stopped(self, current: Activity) -> dict[str, Any]:
        assert current.timer_started_at is not None
        passed = max(0, int((self.tx.now - current.timer_started_at).total_seconds()))
        return {
            "timer_started_at": None,
            "timer_user_id": None,
            "duration": (current.duration or 0) + passed,
        }

    async def _begun(
        self, id: UUID, verb: ActivityVerb, expected: int | None, word: str | None = None
    ) -> Activity:
        self.activities.need("update")
        current = await self.activities.locked(id, expected)
        if word is not None and current.status != "planned":
            raise not_for("activity", current.status, word, [])
        need_way("activity", ACTIVITY_WAYS, current.status, verb)
        return current
