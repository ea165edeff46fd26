"""Commitments over REST."""

from typing import Any

from fastapi import Response

from crm_api.domains.activities.service import ActivityService
from crm_api.domains.commitments.actions import CommitmentActions
from crm_api.domains.commitments.schemas import (
    CommitmentCreate,
    CommitmentDecision,
    CommitmentOut,
    CommitmentTransitions,
    CommitmentVerb,
    Renegotiation,
)
from crm_api.domains.commitments.service import CommitmentService
from crm_api.domains.commitments.settings import (
    CommitmentSettings,
    CommitmentSettingsOut,
    CommitmentSettingsService,
)
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.rest.settings import add_settings

Responses = dict[int | str, dict[str, Any]]
_CHANGES = problems(400, 403, 404, 409, 412, 415, 422)
_PLAIN: dict[CommitmentVerb, tuple[str, str]] = {
    "keep": ("Write down that a commitment was kept", "It is not open any more."),
    "break": ("Write down that a commitment was broken", "It is not open any more."),
    "withdraw": ("Withdraw a commitment", "Nobody waits for it any more."),
    "reopen": ("Open a commitment again", "One that was kept, broken or withdrawn."),
}

_ABOVE = "activity"
pure = new_router("commitments", "commitments")
commitments = crud_router(CommitmentService)
activities = new_router("commitments", "activities")
add_below(
    activities,
    "commitments",
    ActivityService,
    CommitmentService,
    by="source_id",
    operation_id="listActivityCommitments",
    summary="What was promised in an activity",
    description="Its commitments, the newest first.",
)


@activities.post(
    "/{id}/commitments",
    status_code=201,
    operation_id="createActivityCommitment",
    summary="Write down what was promised in an activity",
    responses={201: {"model": CommitmentOut}} | problems(400, 403, 404, 409, 415, 422),
)
async def promise(id: Id, tx: Writing, body: CommitmentCreate) -> Response:
    """Of its company, contact and deal, unless it says others; the activity is its source."""
    await ActivityService(tx).get(id, Selection(("id", "version")))
    body.source_target, body.source_id = _ABOVE, id
    made = await CommitmentService(tx).create(body)
    return answers.made("commitments", made)


add_settings(
    pure,
    CommitmentSettingsService,
    (CommitmentSettings, CommitmentSettingsOut),
    "Commitment",
    read=(
        "What becomes of commitments that are late",
        "Whether they count as broken after some days.",
    ),
    write=(
        "Say what becomes of commitments that are late",
        "Replaces what was said before; takes the permission `manage_settings`.",
    ),
)


@commitments.get(
    "/{id}/transitions",
    operation_id="getCommitmentTransitions",
    summary="What may be done with a commitment",
    responses={200: {"model": CommitmentTransitions}} | problems(403, 404, 422),
)
async def transitions(id: Id, tx: Reading) -> Response:
    """The actions that are for its status."""
    return answers.plain(await CommitmentActions(tx).transitions(id))


@commitments.post(
    "/{id}/renegotiate",
    status_code=201,
    operation_id="renegotiateCommitment",
    summary="Agree on another day for a commitment",
    responses={201: {"model": CommitmentOut}} | _CHANGES,
)
async def renegotiate(
    id: Id, tx: Writing, body: Renegotiation, if_match: IfMatch = None
) -> Response:
    """It ends as `renegotiated`; the answer is the one that takes its place, with the `trail`."""
    expected = answers.version_of(if_match)
    made = await CommitmentActions(tx).renegotiate(id, body, expected)
    return answers.made("commitments", made)


def _add(verb: CommitmentVerb, texts: tuple[str, str]) -> None:
    add_action(
        commitments,
        verb,
        lambda tx, one, data, expected: CommitmentActions(tx).go(one, verb, data, expected),
        CommitmentOut,
        texts,
        body=CommitmentDecision,
    )


for _verb, _texts in _PLAIN.items():
    _add(_verb, _texts)

ROUTERS = (pure, commitments, activities)
