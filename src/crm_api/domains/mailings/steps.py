"""What rules and journeys can do by mailings: send one to the contact that a run is about."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.mailings.actions import need_running
from crm_api.domains.mailings.queueing import Queue
from crm_api.domains.mailings.service import MailingService
from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.errors import NotFound


class SendMailing(Step):
    """Send a mailing that runs to the contact, once by each rule or journey, or once in each run of
    it; a campaign's goes to those of its audience alone.
    """

    action: Literal["send_mailing"]
    mailing_id: UUID
    again: bool = Field(
        False, description="Whether another run may send it once more to the same contact."
    )

    async def check(self, about: Checking) -> None:
        """There is such a mailing, and a contact to get it."""
        if about.entity != "contact":
            about.fault("/action", "not_a_contact", "Mailings go to contacts.")
        try:
            await MailingService(about.tx).get(self.mailing_id)
        except NotFound:
            about.fault("/mailing_id", "unknown_reference", "There is no such mailing.")

    async def act(self, at: Situation) -> Outcome:
        """Queue it; the gate is asked as it leaves."""
        service, contact_id = at.subject
        await service.get(contact_id)
        mailings = MailingService(at.tx)
        mailings.need("update")
        current = await mailings.locked(self.mailing_id)
        need_running(current)
        step = str(at.run.id if self.again else at.run.automation_id)
        queue = Queue(at.tx, current)
        number = await queue.contacts([contact_id], step)
        id = await queue.find(contact_id, step)
        return Outcome({"send_id": None if id is None else str(id)}, skipped=number == 0)
