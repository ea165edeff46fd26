"""The rules of sequences and of enrolments."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.sequences.keeping import StepRuns, withdraw
from crm_api.domains.sequences.models import Sequence as SequenceRow
from crm_api.domains.sequences.models import SequenceEnrolment, SequenceState
from crm_api.domains.sequences.repository import (
    AREA,
    ENROLMENTS_AREA,
    Enrolments,
    Sequences,
)
from crm_api.domains.sequences.schemas import (
    SequenceCreate,
    SequenceEnrolmentCreate,
    SequenceEnrolmentUpdate,
    SequenceUpdate,
)
from crm_api.domains.sequences.steps import check
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.partaking import Partaking
from crm_api.kit.crud.personal import About, Impersonal
from crm_api.kit.crud.places import FeedPlace
from crm_api.kit.crud.transitions import Way, need_way, way
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid, WrongState
from crm_api.platform.automations.flow import first, pointer_of

SEQUENCE_WAYS: Mapping[str, Way[str]] = {
    "publish": way("draft active paused", "active", "published"),
    "pause": way("active", "paused", "paused"),
    "resume": way("paused", "active", "resumed"),
    "archive": way("draft active paused", "archived", "archived"),
}
_ENGINE: Mapping[str, Any] = {
    **dict.fromkeys(
        (
            *("exit_reason", "exit_detail", "waiting_for", "conversation_id", "message_id"),
            *("task_id", "ended_at"),
        )
    ),
    "target": "contact",
    "status": "active",
    "round": 0,
    "reasons": [],
}
_MOVED = frozenset({*_ENGINE, "sequence_version", "place", "step", "next_at"})


class SequenceService(NamedService[SequenceRow]):
    """Steps to take with somebody: mail, calls, tasks, waits and branches."""

    repository = Sequences
    area = AREA
    plural = "sequences"
    personal = Impersonal("What is said to whoever is enrolled; enrolments name people.")
    create_shape = SequenceCreate
    update_shape = SequenceUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {"status": "draft", "published_version": None}
    records: Sequences

    async def prepare(self, values: dict[str, Any], current: SequenceRow | None) -> dict[str, Any]:
        """What is archived stays as it is."""
        if current is not None and current.status == "archived":
            changed = [n for n in values if n in self.create_shape.model_fields]
            changed = [n for n in changed if n not in self.beside]
            if any(values[n] != getattr(current, n) for n in changed):
                message = "A sequence that is archived stays as it is."
                raise WrongState(message, code="sequence_archived")
        return await super().prepare(values, current)

    async def go(self, id: UUID, verb: str, expected: int | None = None) -> Any:
        """Publish the draft as the next version, pause, resume or archive."""
        self.need("update")
        current = await self.locked(id, expected)
        one = need_way("sequence", SEQUENCE_WAYS, current.status, verb)
        values: dict[str, Any] = {"status": one.after}
        if verb == "publish":
            has_channel = current.channel_id is not None
            await check(self.tx, current.steps, current.goal, has_channel=has_channel)
            number = (current.published_version or 0) + 1
            self.records.publish(id, number, current.steps)
            values["published_version"] = number
            if current.status == "paused":
                values["status"] = "paused"
            await FeedPlace(self.tx, SequenceState.__tablename__).begin()
        shown = await self.change(current, values, verb=one.event)
        if values["status"] == "active":
            await self.records.wake(id)
        elif verb == "archive":
            await self.records.end(id)
        return await self.told(shown)

    async def versions(self, id: UUID) -> dict[str, Any]:
        """Every version of a sequence that is seen."""
        await self.get(id)
        return {"data": await self.records.versions(id)}

    async def put_back(self, record: SequenceRow, values: dict[str, Any]) -> Any:
        """What an undo takes back is no version."""
        kept = self.begins_with.keys()
        return await super().put_back(record, {n: v for n, v in values.items() if n not in kept})


class EnrolmentService(Partaking[SequenceEnrolment]):
    """Those who go through sequences, and where they stand."""

    repository = Enrolments
    area = ENROLMENTS_AREA
    plural = "sequence_enrolments"
    personal = About(("contact_id",), end="removed", reason="Who was to be written to.")
    create_shape = SequenceEnrolmentCreate
    update_shape = SequenceEnrolmentUpdate
    upserts = False
    begins_with: ClassVar[Mapping[str, Any]] = _ENGINE
    of = "sequence_id"
    moved = _MOVED
    records: Enrolments

    async def prepare(
        self, values: dict[str, Any], current: SequenceEnrolment | None
    ) -> dict[str, Any]:
        """A sequence that is not archived, somebody who is not in it, and a sender."""
        values = await super().prepare(values, current)
        if current is not None:
            return values
        sequence = await self._sequence(values["sequence_id"])
        if await self.records.in_it(sequence.id, [values["contact_id"]]):
            raise in_it_already()
        if values["sender_id"] is None:
            access = self.tx.actor.access
            values["sender_id"] = access.user_id if access is not None else sequence.owner_id
        now = await self.moment()
        next_at = max(values["next_at"] or now, now)
        return {**values, **await self.begun(sequence), "next_at": next_at}

    async def begun(self, sequence: SequenceRow) -> dict[str, Any]:
        """The first step of the version that is published, if there is one yet."""
        number = sequence.published_version
        steps = [] if number is None else await Sequences(self.tx).steps(sequence.id, number)
        way_in = first(steps)
        return {
            "sequence_version": number,
            "place": None if way_in is None else list(way_in),
            "step": None if way_in is None else pointer_of(way_in),
        }

    async def _sequence(self, id: UUID) -> SequenceRow:
        # Locked, so that whoever archives it finds all who are enrolled.
        sequences = SequenceService(self.tx)
        found = await sequences.records.find(id, lock=True)
        if found is None:
            raise Invalid.at("/sequence_id", "unknown_reference", "There is no such sequence.")
        if found.status == "archived":
            message = "Nobody is enrolled in a sequence that is archived."
            faults = [Fault("sequence_archived", message, "/sequence_id")]
            raise WrongState(message, code="sequence_archived", faults=faults)
        return found

    async def remove(self, records: Sequence[SequenceEnrolment]) -> None:
        """Put some in the bin; their mail leaves no more, and does once they are restored."""
        for one in records:
            await withdraw(self.tx, one)
        await super().remove(records)

    async def under_way(self, contact_ids: Sequence[UUID]) -> list[UUID]:
        """What some people are under way in."""
        return await self.records.of_contacts(contact_ids)

    async def leave(self, one: SequenceEnrolment, detail: str) -> None:
        """Take somebody out; the record is locked."""
        await self.end(one, "exited", "removed", detail)

    async def end(
        self, one: SequenceEnrolment, status: str, reason: str | None, detail: str | None = None
    ) -> Any:
        """Have somebody be through with a sequence; the enrolment is locked.

        Its mail leaves no more, unless it is leaving already.
        """
        await withdraw(self.tx, one)
        values: dict[str, Any] = {
            "status": status,
            "exit_reason": reason,
            "exit_detail": detail[:500] if detail else None,
            "next_at": None,
            "waiting_for": None,
            "reasons": [],
            "task_id": None,
            "ended_at": self.tx.now,
        }
        told = {"sequence_id": one.sequence_id, "contact_id": one.contact_id}
        return await self.change(one, values, verb=status, told=told)


def in_it_already() -> Conflict:
    """The error for somebody who is in a sequence already."""
    message = "They are in this sequence already."
    faults = [Fault("already_enrolled", message, "/contact_id")]
    return Conflict(message, code="already_enrolled", faults=faults)


async def forget_purged(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Take away what was kept of sequences and enrolments that were destroyed."""
    if entity == SequenceEnrolment.entity:
        await StepRuns(tx).forget(ids)
    elif entity == SequenceRow.entity:
        await Sequences(tx).forget(ids)
