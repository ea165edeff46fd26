"""Mailings over REST."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from crm_api.domains.mailings.actions import WAYS, MailingActions, Verb
from crm_api.domains.mailings.models import SendStatus
from crm_api.domains.mailings.results import results, sends
from crm_api.domains.mailings.schemas import (
    MailingOut,
    MailingResults,
    MailingSendPage,
    MailingSettings,
    RenderedMail,
    RenderInput,
    SendInput,
    SendsAsked,
    SendsQueued,
    TestSend,
    TestSendInput,
)
from crm_api.domains.mailings.service import MailingService
from crm_api.domains.mailings.settings import MailingSettingsService
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.actions import Act, add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.rest.settings import add_settings
from crm_api.kit.schema import Code

mailings = crud_router(MailingService)
settings = new_router("mailings", "mailings")
TEXTS: dict[Verb, tuple[str, str]] = {
    "start": (
        "Start a mailing",
        "What it says stays as it is. Launching a campaign starts its mailings, for its audience.",
    ),
    "pause": ("Pause a mailing", "Nothing more is handed to the mail server meanwhile."),
    "resume": ("Resume a paused mailing", "Also one that was paused by itself."),
    "complete": ("Complete a mailing", "What is still queued is not sent."),
    "cancel": ("Cancel a mailing", "What is still queued is not sent."),
}


def _act(verb: Verb) -> Act:
    async def act(tx: Any, id: Any, data: Any, expected: int | None) -> Any:
        del data
        return await MailingActions(tx).go(id, verb, expected)

    return act


for _verb in WAYS:
    add_action(mailings, _verb, _act(_verb), MailingOut, TEXTS[_verb])


@mailings.post(
    "/{id}/render",
    operation_id="renderMailing",
    summary="What a contact would get",
    responses={200: {"model": RenderedMail}} | problems(400, 403, 404, 415, 422),
)
async def render(id: Id, tx: Reading, body: RenderInput) -> Response:
    """Filled in with what whoever asks sees of them; nothing is sent."""
    return answers.plain(await MailingActions(tx).render(id, body))


@mailings.post(
    "/{id}/test-send",
    status_code=202,
    operation_id="testSendMailing",
    summary="Send a test to a user",
    responses={202: {"model": TestSend}} | problems(400, 403, 404, 409, 415, 422),
)
async def test_send(id: Id, tx: Writing, body: TestSendInput) -> Response:
    """As a contact would get it, without tracking; it counts for nobody."""
    return answers.plain(await MailingActions(tx).test_send(id, body), status=202)


@mailings.post(
    "/{id}/send",
    operation_id="sendMailing",
    summary="Send a mailing to more people",
    responses={200: {"model": SendsQueued}} | problems(400, 403, 404, 409, 415, 422),
)
async def send(id: Id, tx: Writing, body: SendInput) -> Response:
    """Those who have it in this step already are left as they are; the gate of outreach is asked
    as each leaves.
    """
    return answers.plain(await MailingActions(tx).send(id, body))


@mailings.get(
    "/{id}/sends",
    operation_id="listMailingSends",
    summary="To whom a mailing went",
    responses={200: {"model": MailingSendPage}} | problems(403, 404, 422),
)
async def list_sends(
    id: Id,
    tx: Reading,
    status: Annotated[SendStatus | None, Query()] = None,
    variant: Annotated[Code | None, Query()] = None,
    contact_id: Annotated[UUID | None, Query()] = None,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
) -> Response:
    """Of those whom the actor sees, and what became of each."""
    asked = SendsAsked(status=status, variant=variant, contact_id=contact_id)
    return answers.plain(await sends(tx, id, asked, limit, cursor))


@mailings.get(
    "/{id}/results",
    operation_id="readMailingResults",
    summary="What became of a mailing",
    responses={200: {"model": MailingResults}} | problems(403, 404, 422),
)
async def read_results(id: Id, tx: Reading) -> Response:
    """By status and variant, with the reasons and the links."""
    return answers.plain(await results(tx, id))


add_settings(
    settings,
    MailingSettingsService,
    (MailingSettings, MailingSettings),
    "Mailing",
    read=("How many are mailed", "How fast, what is tracked, and when a mailing stops by itself."),
    write=("Set how many are mailed", "It holds at once, also for what is being sent."),
)

ROUTERS = (settings, mailings)
