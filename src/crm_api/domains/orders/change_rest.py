"""Change requests over REST."""

from typing import Any

from fastapi import Response

from crm_api.domains.orders.changes import ChangeRequestService
from crm_api.domains.orders.changing import ChangeActions, ChangeVerb
from crm_api.domains.orders.schemas import ChangeDecision, ChangeRequestOut, ChangeTransitions
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router

Responses = dict[int | str, dict[str, Any]]
_ONE: Responses = {200: {"model": ChangeRequestOut}}
_DONE = _ONE | problems(400, 403, 404, 409, 412, 415, 422)

changes = crud_router(ChangeRequestService)


@changes.get(
    "/{id}/transitions",
    operation_id="getChangeRequestTransitions",
    summary="What may be done with a change request",
    responses={200: {"model": ChangeTransitions}} | problems(403, 404, 422),
)
async def transitions(id: Id, tx: Reading) -> Response:
    """The actions that are for its state, and what stands in the way of each."""
    return answers.plain(await ChangeActions(tx).transitions(id))


@changes.post(
    "/{id}/submit",
    operation_id="submitChangeRequest",
    summary="Ask for the approvals that a change request needs",
    responses=_DONE,
)
async def submit(
    id: Id, tx: Writing, body: ChangeDecision | None = None, if_match: IfMatch = None
) -> Response:
    """Of every policy for `change_request`; where none wants one, it is approved."""
    data, expected = body or ChangeDecision(comment=None), answers.version_of(if_match)
    return answers.record(await ChangeActions(tx).submit(id, data, expected))


@changes.post(
    "/{id}/apply",
    operation_id="applyChangeRequest",
    summary="Have an order be as a change request says",
    responses=_ONE | problems(403, 404, 409, 412, 422),
)
async def apply(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """The next revision of the order; `before` and `after` tell what both come to."""
    expected = answers.version_of(if_match)
    return answers.record(await ChangeActions(tx).apply(id, expected))


def _add_end(verb: ChangeVerb, *texts: str) -> None:
    summary, description = texts
    add_action(
        changes,
        verb,
        lambda tx, one, data, expected: ChangeActions(tx).end(one, verb, data, expected),
        ChangeRequestOut,
        (summary, description),
        body=ChangeDecision,
    )


_add_end("reject", "Reject a change request", "Also one that is approved: it is not applied.")
_add_end("withdraw", "Withdraw a change request", "And with it what it was asked of others.")
