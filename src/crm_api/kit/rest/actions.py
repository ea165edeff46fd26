"""Routes of what is done with a record by a verb, such as `POST /v1/orders/{id}/confirm`."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from crm_api.kit.db.tx import Tx
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Writing

Act = Callable[[Tx, UUID, Any, int | None], Awaitable[Any]]
"""Does it, by the record's id, what the body says and the version that is expected; answers the
record as it is then."""


def add_action(
    router: APIRouter,
    verb: str,
    act: Act,
    out: type[BaseModel],
    texts: tuple[str, str],
    *,
    body: type[BaseModel] | None = None,
) -> None:
    """Do `act` at `POST /{id}/{verb}`, which a summary and a description tell of.

    A `body` of which every field has a default may be left out; without a shape of it there is
    none, and `act` gets None. The operation is named by the verb and the record (`confirmOrder`).
    """
    bad_bodies = () if body is None else (400, 415)
    responses: dict[int | str, dict[str, Any]] = {200: {"model": out}}
    router.add_api_route(
        f"/{{id}}/{verb}",
        _without_body(act) if body is None else _with_body(act, body),
        methods=["POST"],
        operation_id=f"{verb}{out.__name__.removesuffix('Out')}",
        summary=texts[0],
        description=texts[1],
        responses=responses | problems(*sorted((403, 404, 409, 412, 422, *bad_bodies))),
    )


def _without_body(act: Act) -> Callable[..., Any]:
    async def action(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
        return answers.record(await act(tx, id, None, answers.version_of(if_match)))

    return action


def _with_body(act: Act, shape: type[BaseModel]) -> Callable[..., Any]:
    async def needing(
        id: Id,
        tx: Writing,
        body: shape,  # pyright: ignore[reportInvalidTypeForm]
        if_match: IfMatch = None,
    ) -> Response:
        return answers.record(await act(tx, id, body, answers.version_of(if_match)))

    async def action(
        id: Id,
        tx: Writing,
        body: shape | None = None,  # pyright: ignore[reportInvalidTypeForm]
        if_match: IfMatch = None,
    ) -> Response:
        data = shape.model_validate({}) if body is None else body
        return answers.record(await act(tx, id, data, answers.version_of(if_match)))

    needed = any(field.is_required() for field in shape.model_fields.values())
    return needing if needed else action
