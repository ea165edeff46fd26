"""What rules and journeys can do with sequences: enrol people."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.sequences.schemas import SequenceEnrolmentCreate
from crm_api.domains.sequences.service import EnrolmentService, SequenceService
from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.errors import Conflict
from crm_api.kit.schema import Line
from crm_api.platform.automations.actions import uuid_of

_IN_IT = frozenset({"already_enrolled", "sequence_archived"})


class EnrolInSequence(Step):
    """Enrol a contact in a sequence: the one that the record is, or another one."""

    action: Literal["enrol_in_sequence"]
    sequence_id: UUID
    contact_id: Any = Field(
        None, description='A contact, or `{"$ref": "record.contact_id"}`; else the record.'
    )
    note: Line | None = None

    async def check(self, about: Checking) -> None:
        """A sequence that is there, and somebody to enrol."""
        EnrolmentService(about.tx).need("create")
        if self.sequence_id not in await SequenceService(about.tx).many([self.sequence_id]):
            about.fault("/sequence_id", "unknown_reference", "There is no such sequence.")
        about.values(self.contact_id, "/contact_id")
        if self.contact_id is None and about.need_record() and about.entity != "contact":
            about.fault("/contact_id", "required", f"A {about.entity} is no contact: say whom.")

    async def act(self, at: Situation) -> Outcome:
        """Enrolled, unless they are in it already or nobody enters it any more."""
        given = self.contact_id
        if given is None:
            _, id = at.subject
        else:
            id = uuid_of(await at.values(given, "/contact_id"), "/contact_id")
        asked = {"sequence_id": self.sequence_id, "contact_id": id, "note": self.note}
        shape = SequenceEnrolmentCreate.model_validate(asked)
        try:
            made = await EnrolmentService(at.tx).create(shape)
        except Conflict as error:
            if error.own_code not in _IN_IT:
                raise
            return Outcome({"reason": error.own_code}, skipped=True)
        return Outcome({"entity": "sequence_enrolment", "id": made.id})


ACTIONS = (EnrolInSequence,)
