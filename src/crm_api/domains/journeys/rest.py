"""Journeys and their runs over REST."""

from typing import Any

from fastapi import Response

from crm_api.domains.contacts.service import ContactService
from crm_api.domains.journeys.actions import RunActions
from crm_api.domains.journeys.definitions import described
from crm_api.domains.journeys.entering import enter
from crm_api.domains.journeys.results import results
from crm_api.domains.journeys.schemas import (
    Entered,
    Entering,
    JourneyOut,
    JourneyResults,
    JourneyRunOut,
    JourneySimulated,
    JourneySimulation,
    JourneySteps,
    JourneyVerb,
    JourneyVersions,
    JourneyVocabulary,
    RunMigration,
    RunReasonInput,
    RunVerb,
)
from crm_api.domains.journeys.service import AREA, JourneyService, RunService
from crm_api.domains.journeys.simulating import simulate
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router

_PER_POINT = 10
_VERBS: dict[JourneyVerb, tuple[str, str]] = {
    "publish": (
        "Publish the draft of a journey",
        "Checked as a whole first; who is in it goes on with the version they began with.",
    ),
    "pause": ("Pause a journey", "Nobody goes on; what they do meanwhile is still heeded."),
    "resume": ("Have a paused journey go on", "Each goes on where they stand."),
    "stop": ("Stop a journey", "Whoever is in it leaves, with the reason `stopped`."),
}
_RUN_VERBS: dict[RunVerb, tuple[tuple[str, str], Any]] = {
    "pause": (("Pause somebody's run", "It stands still where it is."), None),
    "resume": (("Have a paused run go on", "Where it stands."), None),
    "remove": (("Take somebody out of a journey", "With a reason."), RunReasonInput),
    "migrate": (
        ("Have somebody go on with another version", "At the same node, or another one."),
        RunMigration,
    ),
}

pure = new_router("journeys", "journeys")
journeys = crud_router(JourneyService)
runs = crud_router(RunService)
contacts = new_router("journeys", "contacts")


@pure.get(
    "/vocabulary",
    operation_id="getJourneyVocabulary",
    summary="What journeys are made of",
    responses={200: {"model": JourneyVocabulary}} | problems(403, 422),
)
async def read_vocabulary(tx: Reading) -> Response:
    """Every kind of node and step with its JSON Schema."""
    tx.actor.require(f"{AREA}:read")
    return answers.plain(described())


@journeys.get(
    "/{id}/versions",
    operation_id="listJourneyVersions",
    summary="What was published of a journey",
    responses={200: {"model": JourneyVersions}} | problems(403, 404, 422),
)
async def versions(id: Id, tx: Reading) -> Response:
    """Every version, the newest first."""
    return answers.plain(await JourneyService(tx).versions(id))


@journeys.get(
    "/{id}/results",
    operation_id="getJourneyResults",
    summary="How a journey fares",
    responses={200: {"model": JourneyResults}} | problems(403, 404, 422),
)
async def read_results(id: Id, tx: Reading) -> Response:
    """How many entered, came to each node, and were a success."""
    return answers.plain(await results(tx, id))


@journeys.post(
    "/{id}/simulate",
    operation_id="simulateJourney",
    summary="See how people would go through a journey",
    responses={200: {"model": JourneySimulated}} | problems(400, 403, 404, 415, 422),
)
async def read_simulation(id: Id, tx: Reading, body: JourneySimulation) -> Response:
    """From now, as the contacts are now, by the draft or a version; nothing of it happens."""
    return answers.plain(await simulate(tx, id, body))


@journeys.post(
    "/{id}/enter",
    operation_id="enterJourney",
    summary="Have many enter a journey",
    responses={200: {"model": Entered}} | problems(400, 403, 404, 409, 415, 422),
)
async def enter_many(id: Id, tx: Writing, body: Entering) -> Response:
    """Up to 1,000 contacts, or those who pass a filter, as far as they may enter."""
    await tx.spend(len(body.contact_ids or ()) // _PER_POINT)
    return answers.plain(await enter(tx, id, body))


@runs.get(
    "/{id}/steps",
    operation_id="listJourneyRunSteps",
    summary="What somebody went through in a journey",
    responses={200: {"model": JourneySteps}} | problems(403, 404, 422),
)
async def log(id: Id, tx: Reading) -> Response:
    """Every node, when they came and left, and the way they took."""
    return answers.plain(await RunActions(tx).log(id))


def _add(verb: JourneyVerb, texts: tuple[str, str]) -> None:
    add_action(
        journeys,
        verb,
        lambda tx, one, _, expected: JourneyService(tx).go(one, verb, expected),
        JourneyOut,
        texts,
    )


def _add_run(verb: RunVerb, texts: tuple[str, str], body: Any) -> None:
    add_action(
        runs,
        verb,
        lambda tx, one, data, expected: RunActions(tx).go(one, verb, data, expected),
        JourneyRunOut,
        texts,
        body=body,
    )


for _verb, _texts in _VERBS.items():
    _add(_verb, _texts)
for _run_verb, (_told, _body) in _RUN_VERBS.items():
    _add_run(_run_verb, _told, _body)
add_below(
    contacts,
    "journey-runs",
    ContactService,
    RunService,
    by="contact_id",
    operation_id="listContactJourneyRuns",
    summary="The journeys that a contact is in",
    description="And was in, the newest first.",
)

ROUTERS = (pure, journeys, runs, contacts)
