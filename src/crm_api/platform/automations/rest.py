"""Rules, their versions and their runs over REST."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import TooLarge
from crm_api.kit.rest import answers
from crm_api.kit.rest.params import Cursor, Limit
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, StrictRoute, Writing, services_of
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.schema import Storable
from crm_api.platform.automations.definitions import described
from crm_api.platform.automations.models import RunStatus
from crm_api.platform.automations.schemas import (
    AutomationCall,
    AutomationHook,
    AutomationOut,
    AutomationPause,
    AutomationRunDetail,
    AutomationRunPage,
    AutomationRuns,
    AutomationTest,
    AutomationTestReport,
    AutomationVersions,
    AutomationVocabulary,
    HookAnswer,
)
from crm_api.platform.automations.service import AutomationService, RunService, hook_of
from crm_api.platform.automations.testing import try_out

LONGEST_CALL = 65_536
vocabulary = new_router("automations", "automations")
automations = crud_router(AutomationService)
runs = new_router("automations", "automation-runs")
public = APIRouter(prefix="/public/automations", tags=["automations"], route_class=StrictRoute)
Responses = dict[int | str, dict[str, Any]]
_ONE: Responses = {200: {"model": AutomationOut}}
_RUN: Responses = {200: {"model": AutomationRunDetail}}


@vocabulary.get(
    "/vocabulary",
    operation_id="getAutomationVocabulary",
    summary="What automations are made of",
    responses={200: {"model": AutomationVocabulary}, **problems(403, 422)},
)
async def read_vocabulary(tx: Reading) -> Response:
    """Every kind of trigger and step, with its JSON Schema."""
    tx.actor.require("automations:read")
    return answers.plain(described())


@automations.post(
    "/{id}/publish",
    operation_id="publishAutomation",
    summary="Have the draft run",
    responses=_ONE | problems(403, 404, 409, 412, 422),
)
async def publish(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """Checked as a whole first; it acts with the rights of whoever publishes it."""
    expected = answers.version_of(if_match)
    return answers.record(await AutomationService(tx).publish(id, expected_version=expected))


@automations.post(
    "/{id}/pause",
    operation_id="pauseAutomation",
    summary="Have an automation begin no more runs",
    responses=_ONE | problems(400, 403, 404, 409, 415, 422),
)
async def pause(id: Id, tx: Writing, body: AutomationPause) -> Response:
    """What is under way goes on, unless it is to end as well."""
    row = await AutomationService(tx).pause(id, cancel_runs=body.cancel_runs)
    return answers.record(row)


@automations.post(
    "/{id}/resume",
    operation_id="resumeAutomation",
    summary="Have a paused automation run again",
    responses=_ONE | problems(403, 404, 409, 422),
)
async def resume(id: Id, tx: Writing) -> Response:
    """For what happens from then on, with the rights of whoever resumes it."""
    return answers.record(await AutomationService(tx).resume(id))


@automations.post(
    "/{id}/test",
    operation_id="testAutomation",
    summary="See what an automation would do",
    responses={200: {"model": AutomationTestReport}, **problems(400, 403, 404, 409, 415, 422)},
)
async def test(id: Id, tx: Writing, body: AutomationTest) -> Response:
    """The draft or a version, with a sample: every step is taken, shown and undone."""
    return answers.plain(await try_out(tx, id, body))


@automations.post(
    "/{id}/run",
    status_code=202,
    operation_id="runAutomation",
    summary="Run an automation for some records",
    responses={202: {"model": AutomationRuns}, **problems(400, 403, 404, 409, 415, 422)},
)
async def run(id: Id, tx: Writing, body: AutomationCall) -> Response:
    """Whatever its trigger is; the runs act with the rights of whoever asks."""
    made = await AutomationService(tx).call(id, body)
    return answers.plain({"data": made}, status=202)


@automations.post(
    "/{id}/rotate-hook",
    operation_id="rotateAutomationHook",
    summary="Give an automation another address for calls from outside",
    responses={200: {"model": AutomationHook}, **problems(403, 404, 409, 422)},
)
async def rotate_hook(id: Id, tx: Writing) -> Response:
    """Signed and secret, shown this once; the former one leads nowhere any more."""
    return answers.plain(await AutomationService(tx).rotate_hook(id), headers=answers.UNKEPT)


@automations.get(
    "/{id}/versions",
    operation_id="listAutomationVersions",
    summary="What was published of an automation",
    responses={200: {"model": AutomationVersions}, **problems(403, 404, 422)},
)
async def list_versions(id: Id, tx: Reading) -> Response:
    """Newest first; none of them ever changes."""
    return answers.plain({"data": await AutomationService(tx).versions(id)})


@automations.get(
    "/{id}/runs",
    operation_id="listAutomationRuns",
    summary="The runs of an automation",
    responses={200: {"model": AutomationRunPage}, **problems(403, 404, 422)},
)
async def list_runs(
    id: Id,
    tx: Reading,
    cursor: Cursor = None,
    limit: Limit = 50,
    status: Annotated[RunStatus | None, Query(description="Only these.")] = None,
    record_id: Annotated[UUID | None, Query(description="Only those about this record.")] = None,
) -> Response:
    """Newest first; kept for 30 days after their end."""
    found = await RunService(tx).page(
        id, cursor=cursor, limit=limit, status=status, record_id=record_id
    )
    return answers.plain(found)


@runs.get(
    "/{id}",
    operation_id="getAutomationRun",
    summary="What came of a run",
    responses=_RUN | problems(403, 404, 422),
)
async def read_run(id: Id, tx: Reading) -> Response:
    """With every step: what it did, or what was wrong."""
    return answers.plain(await RunService(tx).get(id))


@runs.post(
    "/{id}/cancel",
    operation_id="cancelAutomationRun",
    summary="End a run",
    responses=_RUN | problems(403, 404, 409, 422),
)
async def cancel_run(id: Id, tx: Writing) -> Response:
    """At once while it waits, after the step it is at while it runs."""
    return answers.plain(await RunService(tx).cancel(id))


@runs.post(
    "/{id}/retry",
    operation_id="retryAutomationRun",
    summary="Have a failed run go on",
    responses=_RUN | problems(403, 404, 409, 422),
)
async def retry_run(id: Id, tx: Writing) -> Response:
    """With the step that failed, by the same version."""
    return answers.plain(await RunService(tx).retry(id))


@public.post(
    "/{token}",
    status_code=202,
    operation_id="callAutomation",
    summary="Begin a run from outside",
    responses={202: {"model": HookAnswer}, **problems(400, 404, 409, 413, 415, 422, 429)},
)
async def call(
    token: str,
    request: Request,
    body: Annotated[dict[str, Any], Storable],
    webhook_id: Annotated[
        str | None,
        Header(max_length=200, description="Of calls with the same id the first one counts."),
    ] = None,
) -> Response:
    """Behind a signed address, which needs no credential; the body is the run's `input`."""
    if len(await request.body()) > LONGEST_CALL:
        raise TooLarge(f"A call has {LONGEST_CALL:,} bytes at most.")
    services = services_of(request)
    organization_id, id, hook_id = hook_of(services.database.signing_key, token)
    scopes = frozenset({"automations:read"})
    actor = Actor(organization_id, "system", id, scopes)
    await services.admit(actor)
    async with unit_of_work(Tx(services.database, actor), services.ring) as tx:
        answer = await AutomationService(tx).called(id, hook_id, webhook_id, body)
    return answers.plain(answer, status=202)
