"""Requests of those who have a link: their transactions, and what their browsers send."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import Annotated, Any

from fastapi import Path, Request, Response

from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, TooLarge
from crm_api.kit.links.looks import HEADERS
from crm_api.kit.links.opening import Caller, Opened
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.repeats import IdempotencyKey, RequestTx, answered, manner_of
from crm_api.kit.rest.requests import let_in, services_of

LONGEST_FORM = 200_000
PUBLIC: dict[str, Any] = {"security": []}
FAULTS = problems(404, 409, 410, 422, 429)
BODY_FAULTS = FAULTS | problems(400, 415)
_HTML: dict[str, Any] = {"content": {"text/html": {"schema": {"type": "string"}}}}
_WRONG: dict[int | str, dict[str, Any]] = {
    status: {
        "description": "The page says what is wrong.",
        "content": {**_HTML["content"], **problem["content"]},
    }
    for status, problem in problems(404, 409, 410, 413, 422).items()
}
PAGE: dict[int | str, dict[str, Any]] = _WRONG | {
    200: {"description": "A page for people.", **_HTML}
}
SENT: dict[int | str, dict[str, Any]] = _WRONG | {303: {"description": "Done; the page shows it."}}
Token = Annotated[str, Path(max_length=200, description="What making the link told.")]


def caller_of(request: Request) -> Caller:
    """Where a request comes from."""
    client = request.client
    return Caller(None if client is None else client.host, request.headers.get("user-agent"))


async def begun(request: Request, token: str, opened: Opened) -> RequestTx:
    """The transaction of a link, let in and where the path is there for its organization."""
    database = services_of(request).database
    return await let_in(request, await opened.actor_of(database, token, caller_of(request).address))


async def throttled(request: Request, token: str, opened: Opened) -> None:
    """Count what is about to be said by a link; raises `TooMany`."""
    await opened.throttle(services_of(request).database, token, caller_of(request).address)


def visiting(opened: Opened) -> Callable[..., AsyncIterator[Tx]]:
    """A dependency: the transaction of whoever reads by a link."""

    async def visit(request: Request, token: Token) -> AsyncIterator[Tx]:
        tx = await begun(request, token, opened)
        async with unit_of_work(tx, services_of(request).ring) as entered:
            yield entered

    return visit


def answering(opened: Opened) -> Callable[..., AsyncIterator[RequestTx]]:
    """A dependency: the transaction of whoever says something by a link."""

    async def answer(
        request: Request, token: Token, idempotency_key: IdempotencyKey = None
    ) -> AsyncIterator[RequestTx]:
        await throttled(request, token, opened)
        tx = await begun(request, token, opened)
        manner = await manner_of(request, tx.actor, idempotency_key, None)
        if manner is not None:
            # Others of the organization know nothing of the keys that a customer makes up.
            tx.manner = replace(manner, key=f"{tx.actor.id}:{manner.key}")
        async with unit_of_work(tx, services_of(request).ring):
            yield tx

    return answer


def once(endpoint: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    """The same, answering whoever repeats it with the same `Idempotency-Key` as before."""
    return wraps(endpoint)(answered(endpoint, "tx"))


def form_of(fields: dict[str, Any]) -> dict[str, Any]:
    """What the document of the API says of the forms of a page, of which each has all of these."""
    shape = {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": True,
    }
    content = {"application/x-www-form-urlencoded": {"schema": shape}}
    return PUBLIC | {"requestBody": {"required": True, "content": content}}


def html_of(html: str, error: CrmError | None) -> Response:
    """A page, or one that says what is wrong."""
    status, own = (200, {}) if error is None else (error.status, error.headers)
    return Response(html, status, {**own, **HEADERS}, "text/html; charset=utf-8")


async def sent_form(request: Request) -> bytes:
    """What a browser has sent; raises `TooLarge`."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise TooLarge(f"A form has {LONGEST_FORM:,} bytes at most.")
    return body
