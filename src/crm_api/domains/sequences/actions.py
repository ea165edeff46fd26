"""What is done with enrolments: paused, resumed, moved, skipped, completed, removed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.domains.activities.action_schemas import TaskCompletion
from crm_api.domains.activities.task_actions import TaskActions
from crm_api.domains.sequences.keeping import StepRuns, withdraw
from crm_api.domains.sequences.models import SequenceEnrolment
from crm_api.domains.sequences.repository import Sequences
from crm_api.domains.sequences.schemas import EnrolmentMove, EnrolmentReasonInput, EnrolmentVerb
from crm_api.domains.sequences.service import EnrolmentService, in_it_already
from crm_api.domains.sequences.stepped import stepper_of
from crm_api.domains.sequences.steps import read_step, walked
from crm_api.kit.crud.transitions import Way, need_way, way
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound, WrongState
from crm_api.platform.automations.flow import Way as Place
from crm_api.platform.automations.flow import after, step_at

WAYS: Mapping[EnrolmentVerb, Way[str]] = {
    "pause": way("active", "paused", "paused"),
    "resume": way("paused failed", "active", "resumed"),
    "skip": way("active paused", "active", "skipped"),
    "complete": way("active", "active", "completed"),
    "remove": way("active paused failed", "exited", "removed"),
    "move": way("active paused failed", "active", "moved"),
}
_FRESH: Mapping[str, Any] = {
    "status": "active",
    "exit_reason": None,
    "exit_detail": None,
    "waiting_for": None,
    "reasons": [],
    "task_id": None,
    "ended_at": None,
}


class EnrolmentActions:
    """The actions of enrolments, under the lock that the stepper takes as well."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.enrolments = EnrolmentService(tx)

    async def go(self, id: UUID, verb: EnrolmentVerb, data: Any, expected: int | None) -> Any:
        """Do it; returns the enrolment after it."""
        self.enrolments.need("update")
        current = await self.enrolments.locked(id, expected)
        one = need_way("sequence_enrolment", WAYS, current.status, verb)
        act = {
            "pause": self._pause,
            "resume": self._resume,
            "skip": self._skip,
            "complete": self._complete,
            "remove": self._remove,
            "move": self._move,
        }[verb]
        return await self.enrolments.told(await act(current, one, data))

    async def log(self, id: UUID) -> dict[str, Any]:
        """What was done with somebody, in order."""
        await self.enrolments.get(id)
        return {"data": await StepRuns(self.tx).of(id)}

    async def _pause(self, current: SequenceEnrolment, one: Way[str], data: Any) -> Any:
        del data
        await withdraw(self.tx, current)
        values = {"status": one.after, "next_at": None}
        return await self.enrolments.change(current, values, verb=one.event)

    async def _resume(self, current: SequenceEnrolment, one: Way[str], data: Any) -> Any:
        """Go on where it stands; what failed is tried anew."""
        del data
        if current.status == "failed":
            return await self._begin(current, one, {})
        values = {"status": one.after, "next_at": await self.enrolments.moment()}
        return await self.enrolments.change(current, values, verb=one.event)

    async def _begin(
        self, current: SequenceEnrolment, one: Way[str], values: Mapping[str, Any]
    ) -> Any:
        """Have a step be taken at once, in a round of its own."""
        if current.ended_at is not None:
            taken = await self.enrolments.records.in_it(current.sequence_id, [current.contact_id])
            if taken:
                raise in_it_already()
        fresh = {
            **_FRESH,
            "next_at": await self.enrolments.moment(),
            "round": await StepRuns(self.tx).last_round(current.id) + 1,
            **values,
        }
        return await self.enrolments.change(current, fresh, verb=one.event)

    async def _skip(self, current: SequenceEnrolment, one: Way[str], data: Any) -> Any:
        """Go on after the step that is next, or that is waited for."""
        del one, data
        stepper = await stepper_of(self.tx, current)
        if current.place is None:
            raise WrongState("There is no step yet.", code="no_step")
        steps = await stepper.steps()
        way_: Place = tuple(current.place)
        if current.waiting_for in {"message", "task", "time"}:
            if not await withdraw(self.tx, current):
                raise WrongState("Its mail is leaving now.", code="leaving")
            await StepRuns(self.tx).settle(current, await self._came(current))
        else:
            stepper.note(read_step(step_at(steps, way_)), "skipped", {})
        await stepper.move(after(steps, way_), action="skip", status=current.status)
        return self.enrolments.shown_of(current)

    async def _came(self, current: SequenceEnrolment) -> str:
        """What came of the step that is skipped: a mail that has left is no less one for it."""
        if current.waiting_for == "message" and current.message_id is not None:
            found = await self.enrolments.records.message(current.message_id)
            if found is not None and found["status"] == "sent":
                return "sent"
        return "skipped"

    async def _complete(self, current: SequenceEnrolment, one: Way[str], data: Any) -> Any:
        """Have the task be done that is waited for, and go on."""
        if current.waiting_for != "task" or current.task_id is None:
            raise WrongState("It waits for no task.", code="no_task")
        task = await self.enrolments.records.task(current.task_id)
        if task is not None and task["status"] not in {"done", "cancelled"}:
            reason = data.reason if isinstance(data, EnrolmentReasonInput) else None
            done = TaskCompletion.model_validate({"comment": reason})
            await TaskActions(self.tx).complete(current.task_id, done)
            await self.tx.flush()
        values = {"next_at": await self.enrolments.moment()}
        return await self.enrolments.change(current, values, verb=one.event)

    async def _remove(self, current: SequenceEnrolment, one: Way[str], data: Any) -> Any:
        del one
        reason = data.reason if isinstance(data, EnrolmentReasonInput) else None
        stepper = await stepper_of(self.tx, current)
        return await stepper.end("exited", "removed", reason)

    async def _move(self, current: SequenceEnrolment, one: Way[str], data: EnrolmentMove) -> Any:
        """Go on with another version, or at another step of it."""
        sequences = Sequences(self.tx)
        stepper = await stepper_of(self.tx, current)
        number = data.number or stepper.sequence.published_version or 0
        try:
            steps = await sequences.steps(current.sequence_id, number)
        except NotFound:
            message = f"There is no version {number}."
            raise Invalid.at("/number", "unknown_reference", message) from None
        step = data.step or "/steps/0"
        if step not in {at for at, _ in walked(steps)}:
            message = "There is no such step in that version."
            raise Invalid.at("/step", "unknown_reference", message)
        await withdraw(self.tx, current)
        place = [int(p) if p.isdigit() else p for p in step.removeprefix("/steps/").split("/")]
        values = {"sequence_version": number, "place": place, "step": step, "message_id": None}
        return await self._begin(current, one, values)
