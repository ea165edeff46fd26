"""Forms and lists over REST, for those who set them up."""

from fastapi import Response

from crm_api.domains.prospects.admitting import admit_submission
from crm_api.domains.prospects.form_schemas import LeadSubmissionOut
from crm_api.domains.prospects.forms import LeadFormService, LeadSubmissionService
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import crud_router, new_router

forms = crud_router(LeadFormService)
submissions = new_router("lead_submissions", "lead-submissions")
add_below(
    forms,
    "submissions",
    LeadFormService,
    LeadSubmissionService,
    by="form_id",
    operation_id="listLeadSubmissions",
    summary="What was sent by a form",
    description="Also what was refused, and why; the last first.",
)


@submissions.get(
    "/{id}",
    operation_id="getLeadSubmission",
    summary="Something that was sent by a form",
    responses={200: {"model": LeadSubmissionOut}} | problems(403, 404, 422),
)
async def submission(id: Id, tx: Reading) -> Response:
    """With what spoke against it, and the lead that it became."""
    return answers.record(await LeadSubmissionService(tx).get(id))


add_action(
    submissions,
    "admit",
    lambda tx, one, _data, expected: admit_submission(tx, one, expected),
    LeadSubmissionOut,
    ("Have what was refused be a lead", "What was agreed to counts from then on."),
)

ROUTERS = (forms, submissions)
