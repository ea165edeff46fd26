"""What is done with conversations, each as one step."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.domains.conversations.models import ConversationStatus
from crm_api.domains.conversations.schemas import ConversationVerb, OutgoingInput, ReplyInput
from crm_api.domains.conversations.sending import kept_back
from crm_api.domains.conversations.service import ConversationService, MessageService, Outgoing
from crm_api.domains.conversations.texts import folded_address, is_reply
from crm_api.kit.crud.transitions import Way, need_way, way
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, WrongState

WAYS: Mapping[ConversationVerb, Way[ConversationStatus]] = {
    "pend": way("open", "pending", "pended"),
    "close": way("open pending", "closed", "closed"),
    "reopen": way("pending closed", "open", "reopened"),
}


class ConversationActions:
    """The actions of conversations; whoever acts holds the lock, so that one does."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.threads = ConversationService(tx)
        self.messages = MessageService(tx)

    async def go(self, id: UUID, verb: ConversationVerb, expected: int | None = None) -> Any:
        """Have it wait, end, go on, or be read; raises `WrongState`."""
        self.threads.need("update")
        current = await self.threads.locked(id, expected)
        if verb == "read":
            return await self.threads.told(
                await self.threads.change(current, {"is_unread": False}, verb="read")
            )
        found = need_way("conversation", WAYS, current.status, verb)
        values: dict[str, Any] = {"status": found.after, "closed_at": None}
        if verb == "close":
            values |= {"closed_at": self.tx.now, "needs_answer": False, "is_unread": False}
        return await self.threads.told(await self.threads.change(current, values, verb=found.event))

    async def reply(self, id: UUID, data: ReplyInput, expected: int | None = None) -> Any:
        """Answer in it; returns the message, which leaves by a job. Raises `Blocked`, `Invalid`."""
        self.threads.need("update")
        current = await self.threads.locked(id, expected)
        if current.channel_id is None:
            message = "It has no channel to answer by: set its channel_id."
            raise WrongState(message, code="no_channel")
        to, contact_id, is_answer = await self._recipient(current, data)
        subject = data.subject or current.subject
        if not is_reply(subject):
            subject = f"Re: {subject}"[:500]
        made = await self.messages.send(
            Outgoing(
                current.channel_id,
                data.body,
                data.purpose,
                contact_id=contact_id,
                subject=subject,
                conversation_id=id,
                to=to,
                is_answer=is_answer,
            )
        )
        if data.close and current.status != "closed":
            await self.tx.flush()
            await self.go(id, "close")
        return made

    async def _recipient(
        self, current: Any, data: ReplyInput
    ) -> tuple[str | None, UUID | None, bool]:
        """To whom, whose contact that is, and whether they wrote."""
        key = None
        if data.to is not None:
            kind = "email" if "@" in data.to else "sms"
            key = folded_address(kind, data.to, self.tx.actor.country)
        wrote = await self.messages.records.last_sender(current.id, key)
        if wrote is not None:
            is_theirs = current.contact_id is not None and wrote["from_key"] == current.counterpart
            return wrote["from_address"], current.contact_id if is_theirs else None, True
        if data.to is not None:
            message = "Only who takes part is answered: nobody wrote from that address."
            raise Invalid.at("/to", "takes_no_part", message)
        if current.contact_id is None:
            raise WrongState("Nobody wrote yet, and it is with no contact.", code="no_recipient")
        return None, current.contact_id, False

    async def send(self, data: OutgoingInput) -> Any:
        """Write to a contact; returns the message, which leaves by a job. Raises `Blocked`."""
        self.messages.need("create")
        await self.messages.guard.refer({"contact_id": data.contact_id})
        if data.conversation_id is not None:
            await self.threads.locked(data.conversation_id)
        return await self.messages.send(Outgoing(**data.model_dump()))

    async def cancel(self, id: UUID, expected: int | None = None) -> Any:
        """Have a message that waits not leave; raises `WrongState` where it may have left."""
        self.messages.need("update")
        await self.messages.with_thread(id)
        current = await self.messages.locked(id, expected)
        shown = await kept_back(self.tx, current, "cancelled")
        if shown is None:
            what = "on its way" if current.status == "queued" else current.status
            raise WrongState(f"It is {what}: only what waits can be kept.", code="not_waiting")
        return await self.messages.told(shown)
