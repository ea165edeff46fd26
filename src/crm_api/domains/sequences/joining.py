"""What rules and journeys can do with sequences: enrol people."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.sequences.schemas import SequenceEnrolmentCreate
from crm_api.domains.sequences.service import EnrolmentService, SequenceService
from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.errors import Conflict
from crm_api.kit.schema import Line
from crm_api.platform.automations.actions import check_one, one_of

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
        check_one(about, "contact", self.contact_id, "/contact_id")

    async def act(self, at: Situation) -> Outcome:
        """Enrolled, unless they are in it already or nobody enters it any more."""
        id = await one_of(at, self.contact_id, "/contact_id")
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
