"""How sequences, their versions, enrolments and what was done with these are found and kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.conversations.repository import CHANNELS
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.sequences.models import (
    UNDER_WAY,
    SequenceEnrolment,
    SequenceVersion,
)
from crm_api.domains.sequences.models import Sequence as SequenceRow
from crm_api.domains.sequences.schemas import SequenceEnrolmentOut, SequenceOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import decode
from crm_api.kit.errors import NotFound
from crm_api.kit.query.listing import About, Listing, Relation, Searched
from crm_api.platform.identity.repository import USERS

AREA, ENROLMENTS_AREA = "sequences", "sequence_enrolments"
SEQUENCES: Listing = Listing(
    model=SequenceRow,
    out=SequenceOut,
    area=AREA,
    sorts={"name": SequenceRow.sort_name},
    relations=(Relation("channel", lambda: CHANNELS, SequenceRow.channel_id, CHANNELS.model.id),),
    search=Searched(names=("name",), others=("tags", "description", "external_ids")),
)
ENROLMENTS: Listing = Listing(
    model=SequenceEnrolment,
    out=SequenceEnrolmentOut,
    area=ENROLMENTS_AREA,
    relations=(
        Relation(
            "sequence",
            lambda: SEQUENCES,
            SequenceEnrolment.sequence_id,
            SequenceRow.id,
            back="enrolments",
        ),
        Relation(
            "contact",
            lambda: CONTACTS,
            SequenceEnrolment.contact_id,
            CONTACTS.model.id,
            back="sequence_enrolments",
        ),
        Relation(
            "deal",
            lambda: DEALS,
            SequenceEnrolment.deal_id,
            DEALS.model.id,
            back="sequence_enrolments",
        ),
        Relation("sender", lambda: USERS, SequenceEnrolment.sender_id, USERS.model.id),
    ),
    about=About("target", ("contact_id",), lambda: (CONTACTS,), tells=False),
)
_VERSIONS = """
    SELECT number, steps, published_at, published_by FROM sequence_versions
    WHERE organization_id = $1 AND sequence_id = $2 AND ($3::int IS NULL OR number = $3)
    ORDER BY number DESC
"""
_FORGET = (
    "DELETE FROM sequence_step_runs WHERE organization_id = $1 AND sequence_id = ANY($2)",
    "DELETE FROM sequence_versions WHERE organization_id = $1 AND sequence_id = ANY($2)",
)
# Those that waited for the sequence, or all that are under way so that they end.
_WAKE = """
    UPDATE sequence_enrolments SET next_at = now(), waiting_for = NULL
    WHERE organization_id = $1 AND sequence_id = $2 AND status = 'active'
        AND waiting_for = 'sequence' AND deleted_at IS NULL
"""
_END = """
    UPDATE sequence_enrolments SET status = 'active', next_at = now()
    WHERE organization_id = $1 AND sequence_id = $2 AND status IN ('active', 'paused')
        AND deleted_at IS NULL
"""
_DUE = """
    SELECT now() AS now FROM sequence_enrolments
    WHERE organization_id = $1 AND id = $2 AND status = 'active' AND deleted_at IS NULL
        AND next_at <= now()
    FOR NO KEY UPDATE SKIP LOCKED
"""
_IN_IT = """
    SELECT contact_id FROM sequence_enrolments
    WHERE organization_id = $1 AND sequence_id = $2 AND contact_id = ANY($3)
        AND status IN ('active', 'paused') AND deleted_at IS NULL
"""
_OF_CONTACTS = """
    SELECT id FROM sequence_enrolments WHERE organization_id = $1 AND contact_id = ANY($2)
        AND status IN ('active', 'paused') AND deleted_at IS NULL ORDER BY id
"""
_OF_DEALS = """
    SELECT id FROM sequence_enrolments WHERE organization_id = $1 AND deal_id = ANY($2)
        AND status IN ('active', 'paused') AND deleted_at IS NULL
"""
_OF_THREADS = """
    SELECT id FROM sequence_enrolments WHERE organization_id = $1 AND conversation_id = ANY($2)
        AND status IN ('active', 'paused') AND deleted_at IS NULL
"""
_OF_RUNS = """
    SELECT enrolment_id FROM sequence_step_runs WHERE organization_id = $1
        AND (message_id = ANY($2) OR task_id = ANY($2))
"""
_OF_MESSAGES = """
    SELECT id, contact_id, conversation_id, bounced_id FROM messages
    WHERE organization_id = $1 AND id = ANY($2)
"""
# What they wrote since, as a person; a mail that nobody has assigned counts by its conversation.
_REPLY = """
    SELECT id, at FROM messages
    WHERE organization_id = $1 AND direction = 'inbound' AND kind = 'message'
        AND created_at > $2 AND deleted_at IS NULL
        AND (conversation_id = $3 OR (contact_id = $4 AND $5))
    ORDER BY at LIMIT 1
"""
_AUTO_REPLY = """
    SELECT id, at FROM messages
    WHERE organization_id = $1 AND direction = 'inbound' AND kind = 'auto_reply'
        AND created_at > $2 AND deleted_at IS NULL
        AND (conversation_id = $3 OR contact_id = $4)
    ORDER BY at DESC LIMIT 1
"""
# One that says that it is tried again (RFC 3463: 4.x.x) is none yet.
_BOUNCE = """
    SELECT b.id FROM messages b JOIN sequence_step_runs r
        ON r.organization_id = $1 AND r.message_id = b.bounced_id
    WHERE b.organization_id = $1 AND r.enrolment_id = $2 AND b.kind = 'bounce'
        AND b.notes::text !~ 'did not arrive: 4[.]'
    LIMIT 1
"""
_MESSAGE = """
    SELECT id, status, attempts, failure, reasons, sent_at, conversation_id FROM messages
    WHERE organization_id = $1 AND id = $2
"""
_TASK = "SELECT status, deleted_at, close_comment FROM tasks WHERE organization_id = $1 AND id = $2"
_DEAL_WON = """
    SELECT FROM deals WHERE organization_id = $1 AND id = $2 AND status = 'won'
"""
_CONTACT = """
    SELECT id, company_id, time_zone FROM contacts
    WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
"""
_USER = """
    SELECT FROM users WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
        AND status <> 'suspended'
"""
_PUT_OFF = """
    UPDATE sequence_enrolments SET next_at = now() + interval '15 minutes'
    WHERE organization_id = $1 AND id = $2 AND status = 'active'
"""


class Sequences(Repository[SequenceRow]):
    """The sequences of an organization."""

    model = SequenceRow
    listing = SEQUENCES

    async def versions(self, id: UUID, number: int | None = None) -> list[dict[str, Any]]:
        """What was published, the newest first."""
        rows = await self.tx.fetch(_VERSIONS, self.tx.organization_id, id, number)
        return [{**row, "steps": decode(row["steps"])} for row in rows]

    async def steps(self, id: UUID, number: int) -> list[dict[str, Any]]:
        """The steps of a version; raises `NotFound`."""
        found = await self.versions(id, number)
        if not found:
            raise NotFound(f"There is no version {number}.")
        return found[0]["steps"]

    def publish(self, id: UUID, number: int, steps: Sequence[Mapping[str, Any]]) -> None:
        """Keep a version."""
        tx = self.tx
        self.tx.insert(
            SequenceVersion,
            {
                "sequence_id": id,
                "number": number,
                "steps": list(steps),
                "published_at": tx.now,
                "published_by": tx.actor.id,
            },
        )

    async def wake(self, id: UUID) -> None:
        """Have those go on who waited for the sequence."""
        await self.tx.write(_WAKE, self.tx.organization_id, id)

    async def end(self, id: UUID) -> None:
        """Have the stepper look at all who are under way."""
        await self.tx.write(_END, self.tx.organization_id, id)

    async def forget(self, ids: Sequence[UUID]) -> None:
        """Remove all that was kept of sequences."""
        for statement in _FORGET:
            await self.tx.write(statement, self.tx.organization_id, list(ids))

    async def found(self, id: UUID) -> SequenceRow | None:
        """One as it stands, whoever asks, also in the bin."""
        query = self.select_all().where(SequenceRow.id == id)
        return (await self.tx.run(query)).scalar_one_or_none()


class Enrolments(Repository[SequenceEnrolment]):
    """Those who go through the sequences of an organization."""

    model = SequenceEnrolment
    listing = ENROLMENTS

    async def due(self, id: UUID) -> datetime | None:
        """The moment, where one's time has come; it is locked then. None while another is at it."""
        rows = await self.tx.write(_DUE, self.tx.organization_id, id)
        return rows[0]["now"] if rows else None

    async def taken(self, id: UUID) -> SequenceEnrolment | None:
        """One that is under way, locked, whoever asks."""
        found = await self.locked([id], everywhere=True)
        return found[0] if found and found[0].status in UNDER_WAY else None

    async def put_off(self, id: UUID) -> None:
        """Have it be looked at later."""
        await self.tx.write(_PUT_OFF, self.tx.organization_id, id)

    async def in_it(self, sequence_id: UUID, contact_ids: Sequence[UUID]) -> set[UUID]:
        """Those of some people who are in a sequence already, whoever asks."""
        rows = await self.tx.fetch(_IN_IT, self.tx.organization_id, sequence_id, list(contact_ids))
        return {row["contact_id"] for row in rows}

    async def of_contacts(self, ids: Sequence[UUID]) -> list[UUID]:
        """What some people are under way in."""
        return await self._ids(_OF_CONTACTS, ids)

    async def of_deals(self, ids: Sequence[UUID]) -> list[UUID]:
        """What is under way for some deals."""
        return await self._ids(_OF_DEALS, ids)

    async def of_threads(self, ids: Sequence[UUID]) -> list[UUID]:
        """What is under way in some conversations."""
        return await self._ids(_OF_THREADS, ids)

    async def of_runs(self, ids: Sequence[UUID]) -> list[UUID]:
        """What some messages or tasks were made for."""
        rows = await self.tx.fetch(_OF_RUNS, self.tx.organization_id, list(ids))
        return [row["enrolment_id"] for row in rows]

    async def _ids(self, sql: str, ids: Sequence[UUID]) -> list[UUID]:
        if not ids:
            return []
        rows = await self.tx.fetch(sql, self.tx.organization_id, list(ids))
        return [row["id"] for row in rows]

    async def reply(self, enrolment: SequenceEnrolment, *, of_contact: bool) -> Any:
        """What they wrote since they were enrolled, the first of it; None where they did not."""
        return await self._one(
            _REPLY,
            enrolment.created_at,
            enrolment.conversation_id,
            enrolment.contact_id,
            of_contact,
        )

    async def auto_reply(self, enrolment: SequenceEnrolment) -> Any:
        """What a program of theirs answered since, the last of it."""
        return await self._one(
            _AUTO_REPLY, enrolment.created_at, enrolment.conversation_id, enrolment.contact_id
        )

    async def bounce(self, id: UUID) -> Any:
        """A report that one of its mails did not arrive."""
        return await self._one(_BOUNCE, id)

    async def messages(self, ids: Sequence[UUID]) -> list[Any]:
        """Whom some messages are from, and where they belong."""
        return await self.tx.fetch(_OF_MESSAGES, self.tx.organization_id, list(ids))

    async def message(self, id: UUID) -> Any:
        """How a message stands."""
        return await self._one(_MESSAGE, id)

    async def task(self, id: UUID) -> Any:
        """How a task stands."""
        return await self._one(_TASK, id)

    async def contact(self, id: UUID) -> Any:
        """Somebody who is there, not in the bin."""
        return await self._one(_CONTACT, id)

    async def is_won(self, deal_id: UUID) -> bool:
        """Whether a deal is won."""
        return await self._one(_DEAL_WON, deal_id) is not None

    async def is_there(self, user_id: UUID) -> bool:
        """Whether a user is there and may do something."""
        return await self._one(_USER, user_id) is not None

    async def _one(self, sql: str, *args: Any) -> Any:
        rows = await self.tx.fetch(sql, self.tx.organization_id, *args)
        return rows[0] if rows else None
