"""Having what was refused be a lead after all."""

from typing import Any
from uuid import UUID

from crm_api.domains.prospects.capturing import Capture
from crm_api.domains.prospects.forms import LeadFormService, LeadSubmissionService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, NotFound, WrongState


async def admit_submission(tx: Tx, id: UUID, expected: int | None = None) -> Any:
    """Accept a submission that was refused; raises `WrongState`, `Conflict`.

    Whoever admits it knows no more than others whose address it is: where the form wants that
    confirmed, it is asked now.
    """
    service = LeadSubmissionService(tx)
    service.need("update")
    sent = await service.locked(id, expected)
    if sent.status != "refused":
        raise WrongState("Only what was refused is admitted.", code="not_refused")
    form = await LeadFormService(tx).records.find(sent.form_id, deleted=True)
    if form is None:
        raise NotFound("There is no such form.")
    if form.double_opt_in and sent.confirm_until is None and sent.email_key is not None:
        if form.deleted_at is not None:
            message = "The form by which it is to be confirmed is in the bin."
            raise Conflict(message, code="cannot_be_admitted")
        until = await service.ask(form, sent.id, sent.email_key)
        values = {"status": "pending", "confirm_until": until}
        return await service.told(await service.change(sent, values))
    before = len(sent.reasons)
    shown = await Capture(tx).accept(form, sent)
    if sent.status == "refused":
        reason = sent.reasons[-1] if len(sent.reasons) > before else "refused"
        raise Conflict(f"No lead can be made of it: {reason}.", code="cannot_be_admitted")
    return await service.told(shown)
