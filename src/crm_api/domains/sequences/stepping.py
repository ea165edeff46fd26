"""Taking steps: each once in its round, under the lock of the enrolment."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from crm_api.domains.activities.schemas import TaskCreate
from crm_api.domains.activities.tasks import TaskService
from crm_api.domains.conversations.service import MessageService, Outgoing
from crm_api.domains.sequences.keeping import WITHDRAWN, StepRuns
from crm_api.domains.sequences.models import Sequence as SequenceRow
from crm_api.domains.sequences.models import SequenceEnrolment
from crm_api.domains.sequences.repository import Enrolments, Sequences
from crm_api.domains.sequences.service import EnrolmentService
from crm_api.domains.sequences.steps import ENTITY, Call, Chore, Mail, Pause, read_step
from crm_api.domains.sequences.turns import Turn, run_of
from crm_api.kit.automation import Outcome, Step, condition_of, zone_of
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.owners import hand_down
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked, Invalid, WrongState
from crm_api.kit.query.page import passing
from crm_api.platform.automations.actions import shaped
from crm_api.platform.automations.flow import Way, after, into, pointer_of, step_at

FOR_NOW = frozenset({"quiet_hours", "guarded", "approval_required", "contact_pressure"})
"""What the gate of outreach says that passes by itself; all else it says for good."""
_EXITS: Mapping[str, str] = {
    "suppressed": "suppressed",
    "suppressed_segment": "suppressed",
    "withdrawn": "unsubscribed",
    "denied": "unsubscribed",
    "no_consent": "no_consent",
    "expired": "no_consent",
    "address_unusable": "unreachable",
    "no_address": "unreachable",
    "unknown_person": "removed",
    "in_bin": "removed",
    "erased": "removed",
}
_LATER = timedelta(hours=1)
_LOOK_AGAIN = timedelta(minutes=15)


class _Ends(Exception):
    """Somebody is through with the sequence."""

    def __init__(self, status: str, reason: str | None, detail: str | None = None) -> None:
        super().__init__(status, reason, detail)
        self.status, self.reason, self.detail = status, reason, detail


class Stepper:
    """Goes on with one enrolment, which is locked: whoever else wants to waits or passes it by."""

    def __init__(self, tx: Tx, enrolment: SequenceEnrolment, sequence: SequenceRow) -> None:
        self.tx, self.one, self.sequence = tx, enrolment, sequence
        self.enrolments = EnrolmentService(tx)
        self.records: Enrolments = self.enrolments.records
        self.runs = StepRuns(tx)
        self.turn = Turn(
            tx,
            run_of(enrolment.id, sequence.id, enrolment.contact_id),
            sequence.send_window,
            deal_id=enrolment.deal_id,
            sender_id=enrolment.sender_id,
        )

    async def go(self) -> None:
        """Settle what was waited for and take the next step, or note why it has to wait."""
        try:
            await self.heed()
            if self.one.status == "active":
                await self._go()
        except _Ends as end:
            await self.end(end.status, end.reason, end.detail)

    async def heed(self) -> None:
        """Have somebody go who answered, cannot be reached, or is where they should be."""
        try:
            await self._heed()
        except _Ends as end:
            await self.end(end.status, end.reason, end.detail)

    async def end(self, status: str, reason: str | None, detail: str | None = None) -> Any:
        """Have somebody be through with it; what has not begun to leave does not."""
        return await self.enrolments.end(self.one, status, reason, detail)

    # What ends it

    async def _heed(self) -> None:
        one, sequence = self.one, self.sequence
        of_contact = sequence.reply_scope == "contact"
        reply = await self.records.reply(one, of_contact=of_contact)
        if reply is not None:
            await self.runs.replied(one.id, reply["at"])
        if reply is not None and one.ends_on_reply:
            raise _Ends("exited", "replied")
        if await self.records.bounce(one.id) is not None:
            raise _Ends("exited", "bounced")
        if sequence.status == "archived" or sequence.deleted_at is not None:
            raise _Ends("exited", "archived")
        if await self.records.contact(one.contact_id) is None:
            raise _Ends("exited", "removed")
        if one.deal_id is not None and await self.records.is_won(one.deal_id):
            raise _Ends("exited", "deal_won")
        if sequence.goal and await self._has_reached():
            raise _Ends("exited", "goal_met")

    async def _has_reached(self) -> bool:
        try:
            filter = condition_of(self.tx, ENTITY, self.sequence.goal)
        except Invalid:
            # It names what is no longer there: nobody reaches it.
            return False
        records = service_of(self.tx, ENTITY).records
        ids = [self.one.contact_id]
        return bool(await passing(self.tx, records.listing, records.sight, ids, filter))

    # What comes next

    async def _go(self) -> None:
        settle = {"message": self._has_left, "task": self._is_done, "time": self._has_passed}
        known = settle.get(self.one.waiting_for or "")
        if known is not None and not await known():
            return
        if self.sequence.status != "active":
            await self.wait("sequence", None)
        elif (
            away := await self._away_until()
        ) is not None and away > await self.enrolments.moment():
            await self.wait("out_of_office", away)
        else:
            await self._take()

    async def _away_until(self) -> datetime | None:
        days = self.sequence.auto_reply_days
        said = None if days is None else await self.records.auto_reply(self.one)
        return None if said is None or days is None else said["at"] + timedelta(days=days)

    async def wait(self, what: str, until: datetime | None, reasons: Sequence[str] = ()) -> None:
        """Note why nothing happens for now; told where that is news."""
        values: dict[str, Any] = {"waiting_for": what, "reasons": list(reasons)}
        is_news = any(getattr(self.one, name) != value for name, value in values.items())
        if is_news:
            await self.enrolments.change(self.one, {**values, "next_at": until}, verb="waiting")
        else:
            self.tx.change(self.one, {"next_at": until})

    async def _has_left(self) -> bool:
        """Whether the step is to be taken again at once, once it is known what became of its mail."""
        one = self.one
        found = None if one.message_id is None else await self.records.message(one.message_id)
        if found is None:
            raise _Ends("failed", "not_sent", "Its mail is gone.")
        if found["status"] == "queued":
            self.tx.change(one, {"next_at": await self.enrolments.moment() + _LOOK_AGAIN})
            return False
        if found["status"] == "sent":
            await self.runs.settle(one, "sent")
            await self._on()
            return False
        reasons: list[str] = decode(found["reasons"]) or []
        if found["failure"] == WITHDRAWN or FOR_NOW.issuperset(reasons or ["?"]):
            is_ours = found["failure"] == WITHDRAWN
            await self.runs.settle(one, WITHDRAWN if is_ours else "postponed", reasons)
            await self._anew(reasons)
            return is_ours
        await self.runs.settle(one, "failed", reasons)
        raise _refused(reasons, found["failure"])

    async def _has_passed(self) -> bool:
        until = await self.runs.until(self.one)
        if until is not None and until > await self.enrolments.moment():
            # It was paused meanwhile.
            self.tx.change(self.one, {"next_at": until})
            return False
        await self.runs.settle(self.one, "done")
        await self._on()
        return False

    async def _anew(self, reasons: Sequence[str]) -> None:
        """Have the same step be taken again in another round."""
        values = {"round": self.one.round + 1, "message_id": None, "waiting_for": None}
        self.tx.change(self.one, values)
        if reasons:
            await self.wait("gate", await self.enrolments.moment() + _LATER, reasons)

    async def _is_done(self) -> bool:
        one = self.one
        found = None if one.task_id is None else await self.records.task(one.task_id)
        is_gone = found is None or found["deleted_at"] is not None
        if found is not None and not is_gone and found["status"] not in {"done", "cancelled"}:
            # Whatever becomes of it is told by the feed.
            self.tx.change(one, {"next_at": None})
            return False
        done = found is not None and not is_gone and found["status"] == "done"
        await self.runs.settle(one, "done" if done else "skipped")
        await self._on()
        return False

    # Steps

    async def _take(self) -> None:
        if self.one.place is None:
            self.tx.change(self.one, await self.enrolments.begun(self.sequence))
        steps = await self.steps()
        way: Way = tuple(self.one.place or ())
        step = read_step(step_at(steps, way))
        with self.tx.caused_by(self.one.id):
            if isinstance(step, Mail):
                await self._mail(step)
            elif isinstance(step, Call | Chore):
                await self._ask(step)
            elif isinstance(step, Pause):
                until = await self.turn.after(
                    step.duration, is_working=step.is_working, now=await self.enrolments.moment()
                )
                self.note(step, "waiting", {"until": until.isoformat()})
                await self.wait("time", until)
            else:
                outcome = await step.act(self.turn)
                self.note(step, "done", dict(outcome.result))
                await self.move(_next(steps, way, outcome), action=step.action)

    async def _mail(self, step: Mail) -> None:
        turn, now = self.turn, await self.enrolments.moment()
        window = await turn.window()
        if (opens := window.opening(now)) > now:
            await self.wait("window", opens)
            return
        if (free := await self._free_from(window)) is not None:
            await self.wait("limit", free)
            return
        if self.sequence.channel_id is None:
            raise WrongState("Its mail has no channel any more.", code="no_channel")
        variant = step.way_for(self.one.id)
        at, said = step.ways()[variant]
        subject = said.subject and await turn.text(said.subject, f"{at}/subject", whole=True)
        body = _said(await turn.text(said.body, f"{at}/body", whole=True), f"{at}/body")
        thread = self.one.conversation_id if step.goes_on else None
        outgoing = Outgoing(
            self.sequence.channel_id,
            body,
            self.sequence.purpose,
            self.one.contact_id,
            subject=_one_line(subject),
            conversation_id=thread,
        )
        try:
            sent = await MessageService(self.tx).send(outgoing)
        except Blocked as error:
            reasons = [fault.code for fault in error.faults]
            if not FOR_NOW.issuperset(reasons or ["?"]):
                self.note(step, "failed", {}, reasons=reasons, variant=variant)
                raise _refused(reasons, None) from None
            await self.wait("gate", now + _LATER, reasons)
            return
        self.note(step, "queued", {}, message_id=sent.id, variant=variant)
        values: dict[str, Any] = {
            "message_id": sent.id,
            "conversation_id": sent.conversation_id,
            "waiting_for": "message",
            "reasons": [],
            # The feed tells when it has left; this is for when it does not.
            "next_at": now + _LOOK_AGAIN,
        }
        await self.enrolments.change(self.one, values, verb="waiting")

    async def _free_from(self, window: Any) -> datetime | None:
        """From when on there is room again; None where there is some now."""
        limits = {
            "sequence_id": (self.one.sequence_id, self.sequence.daily_limit),
            "sender_id": (self.one.sender_id, self.sequence.sender_daily_limit),
        }
        zone = await zone_of(self.tx)
        midnight = self.tx.now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        for column, (id, most) in limits.items():
            if id is None or most is None:
                continue
            # Of those who would be the last one, one is.
            await self.records.lock_keys(f"daily_{column}", [str(id)])
            if await self.runs.mails_since(column, id, midnight, most) >= most:
                return window.opening(midnight + timedelta(days=1))
        return None

    async def _ask(self, step: Call | Chore) -> None:
        turn = self.turn
        said = step.description and await turn.text(step.description, "/description", whole=True)
        subject = _one_line(
            _said(await turn.text(step.subject, "/subject", whole=True), "/subject")
        )
        calendar = await turn.calendar()
        due = calendar.add_days(self.tx.now, step.due_in_days).astimezone(calendar.zone).date()
        sender = self.one.sender_id
        if sender is not None and not await self.records.is_there(sender):
            sender = hand_down(self.tx, self.one.owner_id)
        contact = await turn.contact()
        asked = {
            "subject": str(subject)[:200],
            "description": said[:20_000] if said and said.strip() else None,
            "kind": step.kind,
            "priority": step.priority,
            "due_on": due.isoformat(),
            "time_zone": str(calendar.zone),
            "contact_id": self.one.contact_id,
            "company_id": contact["company_id"],
            "deal_id": self.one.deal_id,
            "owner_id": sender,
        }
        made = await TaskService(self.tx).create(shaped(TaskCreate, asked, ""))
        self.note(step, "waiting" if step.waits else "done", {}, task_id=made.id)
        if not step.waits:
            await self._on(done=step)
            return
        values: dict[str, Any] = {
            "task_id": made.id,
            "waiting_for": "task",
            "reasons": [],
            "next_at": None,
        }
        await self.enrolments.change(self.one, values, verb="waiting")

    async def steps(self) -> Sequence[Mapping[str, Any]]:
        """Those of the version that they go through."""
        number = self.one.sequence_version or 0
        return await Sequences(self.tx).steps(self.one.sequence_id, number)

    def note(self, step: Step, outcome: str, result: Mapping[str, Any], **more: Any) -> None:
        """Write down that a step was taken."""
        kept = {"place": self.one.step, "action": step.action, "outcome": outcome}
        ended = None if outcome in {"queued", "waiting"} else self.tx.now
        self.runs.note(self.one, **kept, result=dict(result), ended_at=ended, **more)

    # Moving on

    async def _on(self, done: Step | None = None) -> None:
        """Go on after the step that is done with."""
        steps = await self.steps()
        way: Way = tuple(self.one.place or ())
        action = (done or read_step(step_at(steps, way))).action
        await self.move(after(steps, way), action=action)

    async def move(self, way: Way | None, *, action: str, status: str = "active") -> None:
        """Go on with a step, or have somebody be through where there is none."""
        told = {"sequence_id": self.one.sequence_id, "done": self.one.step, "action": action}
        values = {
            "status": status,
            "place": None if way is None else list(way),
            "step": None if way is None else pointer_of(way),
            "next_at": await self.enrolments.moment() if status == "active" else None,
            "waiting_for": None,
            "reasons": [],
            "task_id": None,
        }
        await self.enrolments.change(self.one, values, verb="step_done", told=told)
        if way is None:
            await self.enrolments.end(self.one, "finished", None)


def _next(steps: Any, way: Way, outcome: Outcome) -> Way | None:
    if outcome.ends:
        return None
    return after(steps, way) if outcome.arm is None else into(steps, way, outcome.arm)


def _refused(reasons: list[str], failure: str | None) -> _Ends:
    for reason in reasons:
        if reason in _EXITS:
            return _Ends("exited", _EXITS[reason], ", ".join(reasons))
    return _Ends("failed", "not_sent", ", ".join(reasons) or failure)


def _said(text: str, at: str) -> str:
    if not text.strip():
        raise Invalid.at(at, "empty_value", "Nothing is said.")
    return text


def _one_line(text: str | None) -> str | None:
    return " ".join(text.split())[:500] if text else None
