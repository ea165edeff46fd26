"""Where messages come in: mail with an API key, all else signed by whoever sends it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response
from pydantic import ValidationError

from crm_api.domains.conversations.channels import safe_of
from crm_api.domains.conversations.intake import TakenMail, taken
from crm_api.domains.conversations.models import Channel
from crm_api.domains.conversations.receiving import Inbox
from crm_api.domains.conversations.repository import INBOX_AREA, Channels
from crm_api.domains.conversations.schemas import InboxMessage, Receipt
from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import Malformed, Unauthenticated, Unsupported
from crm_api.kit.faults import invalid_body
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.repeats import DIGEST
from crm_api.kit.rest.requests import Writing, loads, reading, services_of
from crm_api.kit.rest.router import new_router
from crm_api.kit.rest.uploads import Incoming
from crm_api.platform.webhooks.signing import is_signed

_TOLERANCE = timedelta(minutes=5)
_ZONE = "SELECT time_zone, country FROM organizations WHERE id = $1"
_BINARY = {"type": "string", "format": "binary"}
_TYPES = frozenset(
    [
        "",
        "message/rfc822",
        "message/global",
        "multipart/form-data",
        "application/octet-stream",
        "text/plain",
    ]
)
"""What requests with a mail may say that they are: what gateways say of it."""
_ANSWERS: dict[int | str, dict[str, Any]] = {
    201: {"model": Receipt, "description": "It came in."},
    200: {"model": Receipt, "description": "It had come already: the same message."},
}
_MAIL: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The mail as RFC 5322 has it, or a form with one part `file`.",
        "content": {
            "message/rfc822": {"schema": _BINARY},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": _BINARY},
                    "required": ["file"],
                    "additionalProperties": False,
                }
            },
        },
    }
}
_SIGNED: dict[str, Any] = {
    "security": [],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": InboxMessage.model_json_schema(mode="validation")}
        },
    },
}
ChannelId = Annotated[
    UUID | None,
    Query(description="By which it came; without it that of an address it was sent to."),
]

inbox = new_router("inbox", "inbox")


async def _mail(request: Request) -> AsyncIterator[TakenMail]:
    tx = await reading(request)
    services: Any = services_of(request)
    limits = {
        "most": services.settings.max_upload_bytes,
        "types": services.settings.files_types,
    }
    incoming = Incoming(request, None)
    if incoming.content_type not in _TYPES:
        raise Unsupported("Post the mail as message/rfc822, or a form with it as its part `file`.")
    async with taken(tx, services.files, incoming, **limits) as found:
        request.scope[DIGEST] = found.raw.sha256.encode()
        yield found


# Before the transaction, which is not held open while a mail comes.
Taken = Annotated[TakenMail, Depends(_mail, scope="function")]


@inbox.post(
    "/email",
    status_code=201,
    operation_id="receiveEmail",
    summary="Take in a mail",
    responses=_ANSWERS | problems(400, 403, 409, 413, 415, 422),
    openapi_extra=_MAIL,
)
async def receive_email(taken: Taken, tx: Writing, channel_id: ChannelId = None) -> Response:
    """Whatever is wrong with it: what could not be read is among its `notes`, and the mail as it
    came is attached to the message. Takes the scope `inbox:write`.
    """
    receipt, is_new = await Inbox(tx).take_mail(taken.mail, channel_id)
    if is_new:
        await taken.attach(tx, receipt["id"])
    return answers.plain(receipt, status=201 if is_new else 200)


@inbox.post(
    "/messages",
    status_code=201,
    operation_id="receiveMessage",
    summary="Take in a message of another channel",
    responses=_ANSWERS | problems(400, 404, 409, 413, 422),
    openapi_extra=_SIGNED,
)
async def receive_message(
    request: Request,
    channel: Annotated[
        str, Query(max_length=64, description="As `POST /v1/channels/{id}/rotate-secret` told.")
    ],
    webhook_id: Annotated[str, Header(max_length=200)] = "",
    webhook_timestamp: Annotated[str, Header(max_length=20)] = "",
    webhook_signature: Annotated[str, Header(max_length=2_000)] = "",
) -> Response:
    """Signed as Standard Webhooks says, with no other credential; the same `id` counts once."""
    body = await request.body()
    services = services_of(request)
    actor = await _actor_of(services.database, channel)
    await services.admit(actor)
    tx = Tx(services.database, actor, request_id=request.scope.get("request_id"))
    await tx.learned.learn()
    tx.catalogue.switches.need_route(request.scope["route"].path_format)
    async with unit_of_work(tx, services.ring):
        signed = (webhook_id, webhook_timestamp, webhook_signature)
        found = await _signer(tx, actor.id, signed, body)
        receipt, is_new = await Inbox(tx).take_message(found, _shape_of(body))
    return answers.plain(receipt, status=201 if is_new else 200)


async def _actor_of(database: Database, token: str) -> Actor:
    try:
        organization_id, id = UUID(token[:32]), UUID(token[32:])
    except ValueError:
        raise _unsigned() from None
    rows = await database.fetch(organization_id, _ZONE, (organization_id,))
    if not rows:
        raise _unsigned()
    zone = {"time_zone": rows[0]["time_zone"], "country": rows[0]["country"]}
    return Actor(organization_id, "system", id, frozenset({f"{INBOX_AREA}:write"}), **zone)


async def _signer(tx: Tx, id: UUID | None, signed: tuple[str, str, str], body: bytes) -> Channel:
    """The channel that a request is signed for; raises `Unauthenticated`."""
    webhook_id, timestamp, given = signed
    channel = await Channels(tx).usable(id)
    if channel is None or channel.secrets is None or not timestamp.isdecimal():
        raise _unsigned()
    at = int(timestamp)
    secrets = safe_of(tx, channel.id).secrets(channel.secrets, tx.now)
    if not await asyncio.to_thread(is_signed, secrets, webhook_id, at, body, given):
        raise _unsigned()
    if abs(at - tx.now.timestamp()) > _TOLERANCE.total_seconds():
        raise Unauthenticated("It was signed too long ago.", code="old_signature")
    return channel


def _unsigned() -> Unauthenticated:
    return Unauthenticated("No secret of a channel has signed this.", code="invalid_signature")


def _shape_of(body: bytes) -> InboxMessage:
    try:
        return InboxMessage.model_validate(loads(body))
    except ValidationError as error:
        raise invalid_body(error.errors(include_url=False)) from None
    except ValueError as error:
        raise Malformed(f"The body is not JSON: {str(error)[:200]}.") from None


ROUTERS = (inbox,)
