"""Files and attachments over REST."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from crm_api.kit.actor import Actor
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.downloads import Download, sent
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.repeats import DIGEST
from crm_api.kit.rest.requests import Reading, StrictRoute, Writing, reading, services_of
from crm_api.kit.rest.router import crud_router, new_router, page_shape
from crm_api.kit.rest.routes import joined
from crm_api.kit.rest.uploads import Incoming
from crm_api.platform.attachments.kinds import SHOWN
from crm_api.platform.attachments.receiving import Limits, Received, received
from crm_api.platform.attachments.schemas import (
    AttachmentCreate,
    AttachmentLinkOut,
    AttachmentOut,
    FileName,
    FileOut,
    LinkInput,
)
from crm_api.platform.attachments.service import AttachmentService, opened

attachments = crud_router(AttachmentService)
files = new_router("files", "files")
public = APIRouter(prefix="/public/attachments", tags=["attachments"], route_class=StrictRoute)
_FILE: dict[int | str, dict[str, Any]] = {201: {"model": FileOut}}
_MADE: dict[int | str, dict[str, Any]] = {201: {"model": AttachmentOut}}
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": page_shape(AttachmentOut)}}
_LINK: dict[int | str, dict[str, Any]] = {200: {"model": AttachmentLinkOut}}
_BINARY = {"type": "string", "format": "binary"}
_ANY = {"*/*": {"schema": _BINARY}}
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": _ANY},
    206: {"description": "A part of the file.", "content": _ANY},
    304: {"description": "Not modified"},
}
_BODY: Mapping[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The bytes as they are, or a form with one part `file`.",
        "content": {
            "application/octet-stream": {"schema": _BINARY},
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
GivenName = Annotated[
    FileName | None, Query(description="What the file is called; a form tells it by itself.")
]
GivenSum = Annotated[
    str | None,
    Query(
        pattern="^[0-9a-fA-F]{64}$",
        description="The SHA-256 of the bytes; if it is not what came, nothing is kept.",
    ),
]
Inline = Annotated[
    bool, Query(description="Whether a browser shows it, if it is of a kind that can do no harm.")
]


@asynccontextmanager
async def _received(
    request: Request, tx: Tx, filename: str | None, sha256: str | None
) -> AsyncGenerator[Received]:
    services: Any = services_of(request)
    limits = Limits(services.settings.max_upload_bytes, services.settings.files_types)
    incoming = Incoming(request, filename)
    async with received(tx, services.files, limits, incoming, sha256) as found:
        told = (found.sha256, found.content_type, found.filename)
        request.scope[DIGEST] = encode(told)
        yield found


async def _of_nothing(
    request: Request, filename: GivenName = None, sha256: GivenSum = None
) -> AsyncIterator[Received]:
    tx = await reading(request)
    AttachmentService(tx).need("create")
    async with _received(request, tx, filename, sha256) as found:
        yield found


# Before the transaction, which is not held open while a file comes.
Sent = Annotated[Received, Depends(_of_nothing, scope="function")]


@files.post(
    "",
    status_code=201,
    operation_id="uploadFile",
    summary="Send a file",
    responses=_FILE | problems(400, 403, 409, 413, 415, 422),
    openapi_extra=dict(_BODY),
)
async def upload_file(file: Sent, tx: Writing) -> Response:
    """It waits for a day to be attached, and is removed otherwise.

    `POST /v1/{collection}/{id}/attachments` sends and attaches at once.
    """
    return answers.plain(await file.complete(tx), status=201)


@attachments.get(
    "/{id}/content",
    operation_id="getAttachmentContent",
    summary="The file of an attachment",
    responses=_CONTENT | problems(403, 404, 416, 422),
)
async def read_content(
    id: Id,
    request: Request,
    tx: Reading,
    inline: Inline = False,  # noqa: FBT002 - a query parameter
) -> Response:
    """Whole, or the `Range` of it that is asked for; its `ETag` is its SHA-256."""
    return await _content(request, tx, id, inline=inline)


@attachments.head("/{id}/content", include_in_schema=False)
async def read_content_head(
    id: Id,
    request: Request,
    tx: Reading,
    inline: Inline = False,  # noqa: FBT002
) -> Response:
    """The same without the file."""
    return await _content(request, tx, id, inline=inline)


@attachments.post(
    "/{id}/link",
    operation_id="linkAttachment",
    summary="A link that opens the file for a while",
    responses=_LINK | problems(400, 403, 404, 415, 422),
)
async def link_attachment(id: Id, tx: Writing, body: LinkInput) -> Response:
    """For whoever has it, without a credential; it ends early when the attachment is deleted."""
    link = await AttachmentService(tx).link(id, body)
    return answers.plain(link, headers=answers.UNKEPT)


@public.get(
    "/{token}",
    operation_id="downloadAttachment",
    summary="The file behind a link",
    responses=_CONTENT | problems(404, 416, 422),
)
async def download(token: str, request: Request) -> Response:
    """Behind a signed link, which needs no credential."""
    return await _linked(request, token)


@public.head("/{token}", include_in_schema=False)
async def download_head(token: str, request: Request) -> Response:
    """The same without the file."""
    return await _linked(request, token)


async def _linked(request: Request, token: str) -> Response:
    services = services_of(request)
    organization_id, id, inline = opened(services.database.signing_key, token)
    actor = Actor(organization_id, "system", scopes=frozenset({"attachments:read"}))
    async with unit_of_work(Tx(services.database, actor, read_only=True)) as tx:
        return await _content(request, tx, id, inline=inline, shared=True)


async def _content(
    request: Request, tx: Tx, id: UUID, *, inline: bool, shared: bool = False
) -> Response:
    service = AttachmentService(tx)
    found = await service.get(id)
    what = Download(
        service.place_of(found),
        found.filename,
        found.content_type,
        f'"{found.sha256}"',
        inline=inline and found.content_type in SHOWN,
        shared=shared,
    )
    return await sent(request, services_of(request).files, what)


def record_routes(services: Iterable[type[CrudService[Any]]]) -> APIRouter:
    """`GET` and `POST /{id}/attachments` for every collection."""
    return joined(map(_of, services))


def _of(service: type[CrudService[Any]]) -> APIRouter:
    entity = service.repository.listing.entity
    single = "".join(word.capitalize() for word in entity.split("_"))
    own = new_router(service.plural, service.route_of())

    @own.get(
        "/{id}/attachments",
        operation_id=f"list{single}Attachments",
        summary=f"The files of a {entity}",
        responses=_MANY | problems(403, 404, 409, 422),
    )
    async def list_attachments(
        request: Request,
        id: Id,
        tx: Reading,
        limit: params.Limit = 50,
        cursor: params.Cursor = None,
    ) -> Response:
        """What is attached to it, newest first; also while it is in the bin."""
        target = service(tx).records.listing.entity
        of = AttachmentService(tx)
        query = of.asked_of(target, id, limit=limit, cursor=cursor)
        return answers.page(request, await of.of_record(target, id, query))

    async def of_record(
        request: Request, id: Id, filename: GivenName = None, sha256: GivenSum = None
    ) -> AsyncIterator[Received]:
        tx = await reading(request)
        await AttachmentService(tx).need_record(service(tx).records.listing.entity, id)
        async with _received(request, tx, filename, sha256) as found:
            yield found

    @own.post(
        "/{id}/attachments",
        status_code=201,
        operation_id=f"attachTo{single}",
        summary=f"Send a file for a {entity}",
        responses=_MADE | problems(400, 403, 404, 409, 413, 415, 422),
        openapi_extra=dict(_BODY),
    )
    async def attach(
        id: Id,
        file: Annotated[Received, Depends(of_record, scope="function")],
        tx: Writing,
    ) -> Response:
        """By whoever may change the record; the file is attached to it."""
        await file.complete(tx)
        target = service(tx).records.listing.entity
        data = AttachmentCreate.model_validate(
            {"file_id": file.id, "target": target, "record_id": id}
        )
        made = await AttachmentService(tx).create(data)
        headers = {"Location": f"/v1/attachments/{made.id}", "ETag": f'"{made.version}"'}
        return answers.plain(made, status=201, headers=headers)

    return own
