"""Campaigns over REST."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from crm_api.domains.campaigns.actions import CampaignActions, Verb
from crm_api.domains.campaigns.deciding import decide
from crm_api.domains.campaigns.evaluating import evaluate
from crm_api.domains.campaigns.membership import CampaignMembership
from crm_api.domains.campaigns.schemas import (
    CampaignAudience,
    CampaignCloneInput,
    CampaignEvaluation,
    CampaignMemberPage,
    CampaignMembersAsked,
    CampaignOut,
    CampaignSubmission,
    CampaignTransitions,
    DecisionInput,
    EvaluationInput,
    FrozenAudience,
    Happening,
    ScheduleInput,
)
from crm_api.domains.campaigns.service import CampaignService
from crm_api.kit.db.tx import Tx
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.actions import Act, add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router
from crm_api.kit.schema import Code

campaigns = crud_router(CampaignService)
TEXTS: dict[Verb, tuple[str, str]] = {
    "unschedule": ("Take a launch back", "It is a draft again."),
    "launch": (
        "Launch a campaign",
        "Its audience is frozen: segments, variants and the hold-out stay as they are.",
    ),
    "pause": ("Pause a campaign", "Nothing more is sent meanwhile."),
    "resume": ("Resume a paused campaign", "With the audience that it has."),
    "complete": ("Complete a campaign", "It has done what it was to do."),
    "cancel": ("Cancel a campaign", "Also one that runs."),
    "archive": ("Archive a campaign", "One that is completed or cancelled."),
}


def _act(verb: Verb) -> Act:
    async def act(tx: Any, id: Any, data: Any, expected: int | None) -> Any:
        del data
        return await CampaignActions(tx).go(id, verb, expected)

    return act


for _verb, _texts in TEXTS.items():
    add_action(campaigns, _verb, _act(_verb), CampaignOut, _texts)


async def _submit(tx: Tx, id: UUID, data: Any, expected: int | None) -> Any:
    return await CampaignActions(tx).submit(id, data, expected)


async def _recall(tx: Tx, id: UUID, data: Any, expected: int | None) -> Any:
    del data
    return await CampaignActions(tx).recall(id, expected)


async def _schedule(tx: Tx, id: UUID, data: Any, expected: int | None) -> Any:
    return await CampaignActions(tx).schedule(id, data, expected)


add_action(
    *(campaigns, "submit", _submit, CampaignOut),
    ("Ask for the approvals that a campaign needs", "Where no policy wants any it is approved."),
    body=CampaignSubmission,
)
add_action(
    *(campaigns, "recall", _recall, CampaignOut),
    ("Take a submitted campaign back", "With what was asked for and not decided."),
)
add_action(
    *(campaigns, "schedule", _schedule, CampaignOut),
    ("Have a campaign launched at a time", "By the rights of whoever schedules it; once."),
    body=ScheduleInput,
)
add_action(
    *(campaigns, "decide", decide, CampaignOut),
    ("Decide the experiment of a campaign", "For good; its rule looks no more."),
    body=DecisionInput,
)


@campaigns.get(
    "/{id}/transitions",
    operation_id="getCampaignTransitions",
    summary="What may be done with a campaign",
    responses={200: {"model": CampaignTransitions}} | problems(403, 404, 422),
)
async def transitions(id: Id, tx: Reading) -> Response:
    """The actions that are for its state, and what stands in the way of each."""
    return answers.plain(await CampaignActions(tx).transitions(id))


@campaigns.post(
    "/{id}/clone",
    status_code=201,
    operation_id="cloneCampaign",
    summary="Copy a campaign",
    responses={201: {"model": CampaignOut}} | problems(400, 403, 404, 409, 415, 422),
)
async def clone(id: Id, tx: Writing, body: CampaignCloneInput) -> Response:
    """A draft like it, without its audience and its dates."""
    return answers.made("campaigns", await CampaignActions(tx).clone(id, body))


@campaigns.post(
    "/{id}/audience/preview",
    operation_id="previewCampaignAudience",
    summary="Who would be reached",
    responses={200: {"model": CampaignAudience}} | problems(403, 404, 409, 422),
)
async def preview(id: Id, tx: Reading) -> Response:
    """And what stands against the others, each counted once."""
    return answers.plain(await CampaignActions(tx).preview(id))


@campaigns.get(
    "/{id}/audience",
    operation_id="getCampaignAudience",
    summary="Who is reached by what was launched",
    responses={200: {"model": FrozenAudience}} | problems(403, 404, 409, 422),
)
async def frozen(id: Id, tx: Reading) -> Response:
    """And who is not, by reason: as it was frozen, and as it would leave."""
    return answers.plain(await CampaignActions(tx).audience(id))


@campaigns.post(
    "/{id}/evaluate",
    operation_id="evaluateCampaign",
    summary="What an experiment shows",
    responses={200: {"model": CampaignEvaluation}} | problems(400, 403, 404, 409, 415, 422),
)
async def evaluation(id: Id, tx: Reading, body: EvaluationInput) -> Response:
    """By variant, against the first one and against those who were held out."""
    return answers.plain(await evaluate(tx, id, body))


@campaigns.get(
    "/{id}/members",
    operation_id="listCampaignMembers",
    summary="Who is in the frozen audience",
    responses={200: {"model": CampaignMemberPage}} | problems(403, 404, 422),
)
async def members(
    id: Id,
    tx: Reading,
    variant: Annotated[Code | None, Query()] = None,
    is_holdout: Annotated[bool | None, Query()] = None,
    is_excluded: Annotated[bool | None, Query()] = None,
    excluded_reason: Annotated[Code | None, Query()] = None,
    status: Annotated[Code | None, Query(description="How far what they were sent is.")] = None,
    did: Annotated[Happening | None, Query(description="What has happened to it.")] = None,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
) -> Response:
    """Of those whom the actor sees, also who is held out or excluded, and why."""
    asked = CampaignMembersAsked(
        variant=variant,
        is_holdout=is_holdout,
        is_excluded=is_excluded,
        excluded_reason=excluded_reason,
        status=status,
        did=did,
    )
    return answers.plain(await CampaignMembership(tx).of(id, asked, limit, cursor))


ROUTERS = (campaigns,)
