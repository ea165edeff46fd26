"""Channels, conversations and messages over REST."""

from datetime import timedelta
from typing import Any

from fastapi import Response

from crm_api.domains.cases.service import CaseService
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.service import ContactService
from crm_api.domains.conversations.actions import ConversationActions
from crm_api.domains.conversations.channels import ChannelService
from crm_api.domains.conversations.schemas import (
    AssignInput,
    ChannelSecret,
    ChannelSecretRotation,
    ConversationOut,
    ConversationVerb,
    MessageOut,
    OutgoingInput,
    ReplyInput,
)
from crm_api.domains.conversations.service import (
    ConversationService,
    MessageService,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Writing
from crm_api.kit.rest.router import crud_router, new_router, read_router

Responses = dict[int | str, dict[str, Any]]
_QUEUED: Responses = {202: {"model": MessageOut}}
_VERBS: dict[ConversationVerb, tuple[str, str]] = {
    "pend": ("Have a conversation wait", "For somebody here; the next message opens it again."),
    "close": ("Close a conversation", "The next message opens it again."),
    "reopen": ("Open a conversation again", "One that waits or is closed."),
    "read": ("Say that a conversation was read", "It is unread again with the next message."),
}

channels = crud_router(ChannelService)
conversations = crud_router(ConversationService)
messages = read_router(MessageService)
cases, companies, contacts = (
    new_router("conversations", n) for n in ("cases", "companies", "contacts")
)


@channels.post(
    "/{id}/rotate-secret",
    operation_id="rotateChannelSecret",
    summary="Give a channel a secret, or another one",
    responses={200: {"model": ChannelSecret}} | problems(400, 403, 404, 409, 415, 422),
)
async def rotate_secret(id: Id, tx: Writing, body: ChannelSecretRotation) -> Response:
    """The answer holds it this once; until the grace period ends, both sign."""
    grace = timedelta(seconds=body.grace_period_seconds)
    made = await ChannelService(tx).rotate_secret(id, grace)
    return answers.plain(made, headers=answers.UNKEPT)


@conversations.post(
    "/{id}/reply",
    status_code=202,
    operation_id="replyToConversation",
    summary="Answer in a conversation",
    responses=_QUEUED | problems(400, 403, 404, 409, 412, 415, 422),
)
async def reply(id: Id, tx: Writing, body: ReplyInput, if_match: IfMatch = None) -> Response:
    """It leaves by a job; 409 `outreach_refused` where something stands against it."""
    made = await ConversationActions(tx).reply(id, body, answers.version_of(if_match))
    return _queued(made)


@messages.post(
    "",
    status_code=202,
    operation_id="sendMessage",
    summary="Write to a contact",
    responses=_QUEUED | problems(400, 403, 404, 409, 415, 422),
)
async def send(tx: Writing, body: OutgoingInput) -> Response:
    """It leaves by a job, begins a conversation or goes on in one, and asks the gate of outreach."""
    return _queued(await ConversationActions(tx).send(body))


def _queued(made: Any) -> Response:
    headers = {"Location": f"/v1/messages/{made.id}", "ETag": f'"{made.version}"'}
    return answers.plain(made, status=202, headers=headers)


def _add(verb: ConversationVerb, texts: tuple[str, str]) -> None:
    add_action(
        conversations,
        verb,
        lambda tx, one, _, expected: ConversationActions(tx).go(one, verb, expected),
        ConversationOut,
        texts,
    )


for _verb, _texts in _VERBS.items():
    _add(_verb, _texts)
add_action(
    messages,
    "assign",
    lambda tx, one, data, expected: MessageService(tx).assign(one, data, expected),
    MessageOut,
    (
        "Say whose message it is",
        (
            "A contact's, or of one that is made of its sender; what they wrote else in the "
            "conversation is theirs, too."
        ),
    ),
    body=AssignInput,
)
add_action(
    messages,
    "cancel",
    lambda tx, one, _, expected: ConversationActions(tx).cancel(one, expected),
    MessageOut,
    (
        "Keep a message from leaving",
        "One that waits and was not tried yet; it counts as `failed`, and as sent no more.",
    ),
)
add_below(
    conversations,
    "messages",
    ConversationService,
    MessageService,
    by="conversation_id",
    operation_id="listConversationMessages",
    summary="What was written in a conversation",
    description="The newest first.",
)
for _router, _above, _by, _word in (
    (contacts, ContactService, "contact_id", "Contact"),
    (companies, CompanyService, "company_id", "Company"),
    (cases, CaseService, "case_id", "Case"),
):
    add_below(
        _router,
        "conversations",
        _above,
        ConversationService,
        by=_by,
        operation_id=f"list{_word}Conversations",
        summary=f"What was written to and fro with a {_word.lower()}",
        description="Its conversations, the newest first.",
    )

ROUTERS = (cases, companies, contacts, channels, conversations, messages)
