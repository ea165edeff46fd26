"""What becomes of attendees in the background: they are told."""

from typing import Any
from uuid import UUID

from crm_api.domains.attendees.messages import TellAttendees
from crm_api.domains.attendees.repository import Attendees
from crm_api.domains.attendees.service import AttendeeService
from crm_api.domains.attendees.settings import inviting_channel
from crm_api.domains.attendees.telling import Telling
from crm_api.kit.db.states import await_knowledge
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.jobs import JobContext, runs


@runs(TellAttendees)
async def tell_attendees(context: JobContext, message: TellAttendees) -> dict[str, Any]:
    """Tell the attendees of bookings what is new; each booking is a transaction."""
    ids = [UUID(id) for id in message.booking_ids] or await _all(context)
    told = 0
    for id in ids:
        async with unit_of_work(context.tx()) as tx:
            await context.job.hold(tx)
            await tx.learned.learn()
            channel = await inviting_channel(tx)
            if channel is not None:
                told += await Telling(tx, channel).tell(id)
            # After all of them are locked in their order: some alone first would make a ring.
            await AttendeeService(tx).ask_again([id])
    return {"told": told}


async def _all(context: JobContext) -> list[UUID]:
    async with unit_of_work(context.tx(read_only=True)) as tx:
        await await_knowledge(tx)
        return await Attendees(tx).bookings_ahead()
