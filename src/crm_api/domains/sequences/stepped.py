"""Going on with enrolments: by the clock, and by what happens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.sequences.keeping import StepRuns
from crm_api.domains.sequences.models import SequenceEnrolment, SequenceState
from crm_api.domains.sequences.repository import AREA, Enrolments, Sequences
from crm_api.domains.sequences.stepping import Stepper
from crm_api.kit.crud.feed import Feed
from crm_api.kit.crud.places import FeedPlace
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Unavailable
from crm_api.kit.rounds import Rounds

STRETCH = 200
_TEXTS = ("/subject", "/body", "/description")
_MESSAGES = ("message.received", "message.assigned", "message.sent", "message.failed")
_TASKS = ("task.completed", "task.cancelled", "task.deleted")
_DEALS = ("deal.won",)


class Steps(Rounds):
    """Takes the steps whose time has come; of several workers one takes each."""

    sql = "SELECT organization_id, enrolment_id AS id FROM crm_sequence_steps_due($1)"

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Take the next step of an enrolment; whether there may be another at once."""
        if AREA in tx.actor.closed:
            await Enrolments(tx).put_off(id)
            return False
        return await step_once(tx, id)


class Listening(Rounds):
    """Heeds replies, bounces, what has left and what was done, for each organization.

    What it makes of them and the place in the feed are one transaction. The stepper asks for the
    same before it takes a step, so whatever is late here is late for nobody who is written to.
    """

    sql = "SELECT id AS organization_id, id FROM crm_organizations_with_sequence_news($1) AS id"
    leaves = True

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Take up what is new to an organization."""
        del id
        await tx.learned.learn()
        tx.actor.require(f"{AREA}:write")
        place = FeedPlace(tx, SequenceState.__tablename__)
        start = await place.lock()
        if start is None:
            return False
        topics = (*_MESSAGES, *_TASKS, *_DEALS)
        stretch = await Feed(tx, {}).stretch(start, STRETCH, types=topics)
        sent = [row["record_id"] for row in stretch.rows if row["type"] == "message.sent"]
        await StepRuns(tx).left(sent)
        # In one order, so that none wait in a ring.
        for enrolment_id in sorted(await _concerned(tx, stretch.rows)):
            await heed_once(tx, enrolment_id)
        await place.move(stretch.end)
        return not stretch.whole


async def _concerned(tx: Tx, rows: Sequence[Any]) -> set[UUID]:
    """What is under way and has to do with some events."""
    records = Enrolments(tx)
    of = {topics: [r["record_id"] for r in rows if r["type"] in topics] for topics in _ALL}
    messages = await records.messages(of[_MESSAGES]) if of[_MESSAGES] else []
    bounced = [row["bounced_id"] for row in messages if row["bounced_id"] is not None]
    contacts = [row["contact_id"] for row in messages if row["contact_id"] is not None]
    return {
        *await records.of_runs([*of[_MESSAGES], *of[_TASKS], *bounced]),
        *await records.of_contacts(contacts),
        *await records.of_threads([row["conversation_id"] for row in messages]),
        *await records.of_deals(of[_DEALS]),
    }


_ALL = (_MESSAGES, _TASKS, _DEALS)


async def step_once(tx: Tx, id: UUID) -> bool:
    """Take the next step of an enrolment whose time has come; whether there was one to take."""
    now = await Enrolments(tx).due(id)
    if now is None:
        return False
    try:
        async with tx.atomic():
            await (await _stepper(tx, id, now)).go()
    except Unavailable:
        raise
    except CrmError as error:
        detail = "; ".join(fault.message for fault in error.faults) or error.detail
        is_text = any((fault.pointer or "").endswith(_TEXTS) for fault in error.faults)
        reason = "template" if is_text else "error"
        await (await _stepper(tx, id, now)).end("failed", reason, detail)
    return True


async def heed_once(tx: Tx, id: UUID) -> None:
    """Have somebody go who is to go, and the stepper look at what was waited for."""
    enrolment = await Enrolments(tx).taken(id)
    if enrolment is None:
        return
    stepper = await stepper_of(tx, enrolment)
    await stepper.heed()
    if enrolment.status == "active" and enrolment.waiting_for in {"message", "task"}:
        tx.change(enrolment, {"next_at": await stepper.enrolments.moment()})


async def _stepper(tx: Tx, id: UUID, now: datetime) -> Stepper:
    enrolment = await Enrolments(tx).taken(id)
    assert enrolment is not None
    stepper = await stepper_of(tx, enrolment)
    stepper.enrolments.now = now
    return stepper


async def stepper_of(tx: Tx, enrolment: SequenceEnrolment) -> Stepper:
    """Whoever goes on with an enrolment that is locked."""
    sequence = await Sequences(tx).found(enrolment.sequence_id)
    assert sequence is not None
    return Stepper(tx, enrolment, sequence)
