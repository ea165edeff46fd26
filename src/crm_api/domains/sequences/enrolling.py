"""Many people enrolled at once: each with what became of them."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from crm_api.domains.contacts.service import ContactService
from crm_api.domains.sequences.schemas import MOST_AT_ONCE, Enrolling, SequenceEnrolmentCreate
from crm_api.domains.sequences.service import EnrolmentService, SequenceService
from crm_api.kit.automation import condition_of
from crm_api.kit.crud.bulk import Act, Outcome, carry_out
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection

_ALIKE = {"sender_id", "next_at"}


async def enrol(tx: Tx, id: UUID, data: Enrolling) -> dict[str, Any]:
    """Enrol some people, or those who pass a filter; each happens wholly or not at all."""
    service = EnrolmentService(tx)
    service.need("create")
    sequence = await SequenceService(tx).get(id)
    ids, more = await _people(tx, sequence.id, data)

    async def one(contact_id: UUID, _: Sequence[Outcome]) -> Outcome:
        asked = {"sequence_id": id, "contact_id": contact_id, **data.model_dump(include=_ALIKE)}
        made = await service.create(SequenceEnrolmentCreate.model_validate(asked))
        return Outcome("created", made.id)

    async def ready(_: Sequence[int]) -> None:
        # Nothing is at hand beforehand.
        return

    acts = [Act(partial(one, contact_id)) for contact_id in ids]
    report = await carry_out(tx, acts, ready=ready, on_error="skip")
    results = [_told(i, o) for i, o in zip(ids, report.outcomes, strict=True)]
    refused = sum(result["enrolment_id"] is None for result in results)
    enrolled = len(results) - refused
    return {"enrolled": enrolled, "refused": refused, "more": more, "results": results}


async def _people(tx: Tx, id: UUID, data: Enrolling) -> tuple[list[UUID], bool]:
    if data.contact_ids is not None:
        return list(dict.fromkeys(data.contact_ids)), False
    contacts = ContactService(tx)
    never = {"sequence_enrolments": {"none": {"sequence_id": {"eq": str(id)}}}}
    wanted = {"and": [data.filter, never]} if data.filter else never
    filter = condition_of(tx, contacts.records.listing.entity, wanted)
    query = PageQuery(Selection(("id",)), filter, sort="id", limit=MOST_AT_ONCE)
    page = await contacts.page(query)
    return [row.id for row in page.data], page.next_cursor is not None


def _told(contact_id: UUID, outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    fault = error.faults[0] if error is not None and error.faults else None
    code = None if error is None else fault.code if fault is not None else error.own_code
    message = None if error is None else fault.message if fault is not None else error.detail
    return {
        "contact_id": contact_id,
        "enrolment_id": outcome.id,
        "code": code,
        "message": message,
    }
