"""Forms and lists over REST, for those who set them up."""

from typing import Any

from fastapi import Response

from crm_api.domains.prospects.admitting import admit_submission
from crm_api.domains.prospects.filling import Filling
from crm_api.domains.prospects.form_schemas import LeadSubmissionOut
from crm_api.domains.prospects.forms import LeadFormService, LeadSubmissionService
from crm_api.domains.prospects.list_schemas import (
    ProspectAddition,
    ProspectDistribution,
    ProspectJob,
    ProspectListOut,
    ProspectMemberOut,
    ProspectParts,
    ProspectRecall,
    ProspectRemoval,
    ProspectsChanged,
    ProspectSplit,
)
from crm_api.domains.prospects.service import ProspectListService, ProspectMemberService
from crm_api.domains.prospects.sharing import Sharing
from crm_api.domains.prospects.splitting import Splitting
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
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
    (
        "Have what was refused be a lead",
        "What was agreed to counts from then on; with `double_opt_in` once the link in a letter confirms it.",
    ),
)

lists = crud_router(ProspectListService)
members = new_router("prospect_members", "prospect-members")
add_below(
    lists,
    "members",
    ProspectListService,
    ProspectMemberService,
    by="list_id",
    operation_id="listProspectMembers",
    summary="Who is on a list",
    description="And what became of them there; the last that came first.",
)
_CHANGES = {200: {"model": ProspectsChanged}} | problems(400, 403, 404, 409, 415, 422)
_BEGINS = {202: {"model": ProspectJob}} | problems(400, 403, 404, 409, 412, 415, 422)


@members.get(
    "/{id}",
    operation_id="getProspectMember",
    summary="A lead on a list",
    responses={200: {"model": ProspectMemberOut}} | problems(403, 404, 422),
)
async def member(id: Id, tx: Reading) -> Response:
    """What became of it there."""
    return answers.record(await ProspectMemberService(tx).get(id))


@lists.post(
    "/{id}/members",
    operation_id="addProspects",
    summary="Put leads on a list",
    responses=_CHANGES,
)
async def add(id: Id, tx: Writing, body: ProspectAddition) -> Response:
    """By ids, by a filter of leads, or by one of contacts; nobody is on it twice."""
    return answers.plain(await Filling(tx).add(id, body))


@lists.post(
    "/{id}/remove",
    operation_id="removeProspects",
    summary="Take leads from a list",
    responses=_CHANGES,
)
async def remove(id: Id, tx: Writing, body: ProspectRemoval) -> Response:
    """Nothing else becomes of them."""
    return answers.plain(await Filling(tx).remove(id, body))


@lists.post(
    "/{id}/split",
    status_code=201,
    operation_id="splitProspectList",
    summary="Split a list into parts",
    responses={201: {"model": ProspectParts}} | problems(400, 403, 404, 409, 412, 415, 422),
)
async def split(id: Id, tx: Writing, body: ProspectSplit, if_match: IfMatch = None) -> Response:
    """By proportions, by number, by score or by a value; its cost is split with it."""
    parts = await Splitting(tx).split(id, body, answers.version_of(if_match))
    return answers.plain(parts, status=201)


@lists.post(
    "/{id}/distribute",
    status_code=202,
    operation_id="distributeProspectList",
    summary="Share a list out over a pool of leads",
    responses=_BEGINS,
)
async def distribute(
    id: Id, tx: Writing, body: ProspectDistribution, if_match: IfMatch = None
) -> Response:
    """By a job that can be cancelled; asked again it goes on with whom nobody has.

    The best leads go first, each once, by the weights, caps and times of the pool.
    """
    begun = await Sharing(tx).distribute(id, body, answers.version_of(if_match))
    return _accepted(begun)


@lists.post(
    "/{id}/recall",
    status_code=202,
    operation_id="recallProspectList",
    summary="Take back what was given by a list",
    responses=_BEGINS,
)
async def recall(id: Id, tx: Writing, body: ProspectRecall, if_match: IfMatch = None) -> Response:
    """By a job: what nobody works on yet, unless it says more; pools are as if it were not given."""
    return _accepted(await Sharing(tx).recall(id, body, answers.version_of(if_match)))


def _accepted(begun: dict[str, Any]) -> Response:
    return answers.plain(begun, status=202, headers={"Location": f"/v1/jobs/{begun['job_id']}"})


add_action(
    lists,
    "freeze",
    lambda tx, one, _data, expected: ProspectListService(tx).freeze(one, expected),
    ProspectListOut,
    ("Have the members of a list stay as they are", "Sharing it out does so, too."),
)
add_action(
    lists,
    "reopen",
    lambda tx, one, _data, expected: ProspectListService(tx).reopen(one, expected),
    ProspectListOut,
    ("Have members of a list come and go again", "One that was split goes on in its parts."),
)

ROUTERS = (forms, submissions, lists, members)
