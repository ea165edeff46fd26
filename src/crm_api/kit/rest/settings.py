"""Routes of settings of which an organization has one, such as how its cases end."""

from typing import Any, Protocol

from fastapi import APIRouter, Response
from pydantic import BaseModel

from crm_api.kit.db.tx import Tx
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing


class _Settings(Protocol):
    """What reads and replaces them."""

    def __init__(self, tx: Tx) -> None: ...

    def get(self) -> dict[str, Any]: ...

    async def replace(self, data: Any) -> dict[str, Any]: ...


def add_settings(
    router: APIRouter,
    service: type[_Settings],
    shapes: tuple[type[BaseModel], type[BaseModel]],
    name: str,
    *,
    read: tuple[str, str],
    write: tuple[str, str],
    faults: tuple[int, ...] = (400, 403, 415, 422),
) -> None:
    """Read and replace them at `/settings`: shapes of the body and the answer, then the texts.

    `name` is that of the operations (`getCaseSettings`); each text is a summary and a description.
    """
    body, out = shapes
    found: dict[int | str, dict[str, Any]] = {200: {"model": out}}

    async def get(tx: Reading) -> Response:
        return answers.plain(service(tx).get())

    async def put(tx: Writing, body: body) -> Response:  # pyright: ignore[reportInvalidTypeForm]
        return answers.plain(await service(tx).replace(body))

    router.add_api_route(
        "/settings",
        get,
        methods=["GET"],
        operation_id=f"get{name}Settings",
        summary=read[0],
        description=read[1],
        responses=found | problems(403),
    )
    router.add_api_route(
        "/settings",
        put,
        methods=["PUT"],
        operation_id=f"set{name}Settings",
        summary=write[0],
        description=write[1],
        responses=found | problems(*faults),
    )
