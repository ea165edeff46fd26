"""Cases over REST."""

from typing import Any

from fastapi import Response

from crm_api.domains.cases.actions import CaseActions
from crm_api.domains.cases.policies import SlaPolicyService
from crm_api.domains.cases.schemas import (
    CaseOut,
    CaseScore,
    CaseStep,
    CaseTransitions,
    CaseVerb,
    SlaDraftSimulation,
    SlaSimulation,
    SlaSimulationInput,
)
from crm_api.domains.cases.service import CaseService
from crm_api.domains.cases.settings import CaseSettings, CaseSettingsOut, CaseSettingsService
from crm_api.domains.cases.simulating import SlaSimulator
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.rest.settings import add_settings

Responses = dict[int | str, dict[str, Any]]
_DONE: Responses = {200: {"model": CaseOut}, **problems(400, 403, 404, 409, 412, 415, 422)}
_VERBS: dict[CaseVerb, tuple[str, str]] = {
    "assign": ("Assign a case", "To a user, a team, or both."),
    "start": ("Begin to work on a case", "It has an owner, or gets one by it."),
    "wait": ("Wait for the customer", "Until they answer, or `resume` says that it goes on."),
    "resume": ("Go on with a case", "The customer is not waited for any more."),
    "resolve": ("Resolve a case", "With what was done."),
    "close": ("Close a case", "One that is resolved."),
    "reopen": (
        "Reopen a case",
        (
            "One that is resolved or was closed not too long ago; later it is 409 "
            "`closing_window_passed`, and a case follows it up."
        ),
    ),
}

settings = new_router("cases", "cases")
cases = crud_router(CaseService)
policies = crud_router(SlaPolicyService)


add_settings(
    settings,
    CaseSettingsService,
    (CaseSettings, CaseSettingsOut),
    "Case",
    read=("How cases end", "How long they may be reopened, and when they close by themselves."),
    write=(
        "Say how cases end",
        "Replaces what was said before; takes the permission `manage_settings`.",
    ),
)


@cases.get(
    "/{id}/transitions",
    operation_id="getCaseTransitions",
    summary="What may be done with a case",
    responses={200: {"model": CaseTransitions}, **problems(403, 404, 422)},
)
async def transitions(id: Id, tx: Reading) -> Response:
    """The actions that are for its state, and what stands in the way of each."""
    return answers.plain(await CaseActions(tx).transitions(id))


@cases.post(
    "/{id}/follow-up",
    status_code=201,
    operation_id="followUpCase",
    summary="Open a case that follows up a closed one",
    responses={201: {"model": CaseOut}, **problems(403, 404, 409, 422)},
)
async def follow_up(id: Id, tx: Writing) -> Response:
    """With what the closed one is about."""
    made = await CaseService(tx).follow_up(id)
    return answers.made("cases", made)


@cases.post(
    "/{id}/rate",
    operation_id="rateCase",
    summary="Write down what the customer says of a closed case",
    responses=_DONE,
)
async def rate(id: Id, tx: Writing, body: CaseScore, if_match: IfMatch = None) -> Response:
    """Once for each closing."""
    return answers.record(await CaseActions(tx).rate(id, body, answers.version_of(if_match)))


_SIMULATED: Responses = {
    200: {"model": SlaSimulation},
    **problems(400, 403, 404, 415, 422),
}


@policies.post(
    "/simulate",
    operation_id="simulateSlaDraft",
    summary="What a new SLA policy would have come to",
    responses=_SIMULATED,
)
async def simulate_draft(tx: Reading, body: SlaDraftSimulation) -> Response:
    """Over the latest cases that it is for, as far as they are seen. Nothing is stored."""
    return answers.plain(await SlaSimulator(tx).draft(body))


@policies.post(
    "/{id}/simulate",
    operation_id="simulateSlaPolicy",
    summary="What an SLA policy would have come to, as it stands or changed",
    responses=_SIMULATED,
)
async def simulate(id: Id, tx: Reading, body: SlaSimulationInput) -> Response:
    """Over the latest cases that it is for, as far as they are seen. Nothing is stored."""
    return answers.plain(await SlaSimulator(tx).by_id(id, body))


def _add(verb: CaseVerb, texts: tuple[str, str]) -> None:
    add_action(
        cases,
        verb,
        lambda tx, one, data, expected: CaseActions(tx).go(one, verb, data, expected),
        CaseOut,
        texts,
        body=CaseStep,
    )


for _verb, _texts in _VERBS.items():
    _add(_verb, _texts)

ROUTERS = (settings, cases, policies)
