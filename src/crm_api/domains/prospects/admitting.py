"""Having what was refused be a lead after all."""

from typing import Any
from uuid import UUID

from crm_api.domains.prospects.capturing import Capture
from crm_api.domains.prospects.forms import LeadFormService, LeadSubmissionService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, NotFound, WrongState


async def admit_submission(tx: Tx, id: UUID, expected: int | None = None) -> Any:
    """Accept a submission that was refused; raises `WrongState`, `Conflict`."""
    service = LeadSubmissionService(tx)
    service.need("update")
    sent = await service.locked(id, expected)
    if sent.status != "refused":
        raise WrongState("Only what was refused is admitted.", code="not_refused")
    form = await LeadFormService(tx).records.find(sent.form_id, deleted=True)
    if form is None:
        raise NotFound("There is no such form.")
    before = len(sent.reasons)
    shown = await Capture(tx).accept(form, sent)
    if sent.status == "refused":
        reason = sent.reasons[-1] if len(sent.reasons) > before else "refused"
        raise Conflict(f"No lead can be made of it: {reason}.", code="cannot_be_admitted")
    return await service.told(shown)
