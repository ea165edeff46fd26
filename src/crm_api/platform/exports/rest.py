"""Exports over REST."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from crm_api.kit.actor import Actor
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.files.store import Place
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.downloads import Download, sent
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import IfMatch
from crm_api.kit.rest.requests import Reading, StrictRoute, Writing, services_of
from crm_api.kit.rest.router import new_router, page_shape
from crm_api.kit.rest.routes import joined
from crm_api.platform.exports.downloads import SHELF
from crm_api.platform.exports.schemas import (
    ExportInput,
    ExportOut,
    ExportsStarted,
    ExportStarted,
    ModuleExportInput,
)
from crm_api.platform.exports.service import ExportService, opened
from crm_api.platform.exports.sources import Source

router = new_router("exports", "exports")
modules = new_router("exports", "modules")
public = APIRouter(prefix="/public/exports", tags=["exports"], route_class=StrictRoute)
_ONE: dict[int | str, dict[str, Any]] = {200: {"model": ExportOut}}
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": page_shape(ExportOut)}}
_STARTED: dict[int | str, dict[str, Any]] = {202: {"model": ExportStarted}}
_ALL_STARTED: dict[int | str, dict[str, Any]] = {202: {"model": ExportsStarted}}
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {
            kind.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
            for kind in _TYPES.values()
        },
    }
}


@modules.post(
    "/{key}/export",
    status_code=202,
    operation_id="exportModule",
    summary="Have all records of a module written to files",
    responses=_ALL_STARTED | problems(400, 403, 404, 409, 415, 422),
)
async def export_module(key: str, tx: Writing, body: ModuleExportInput) -> Response:
    """A job for each collection, also while the module is disabled.

    Takes the scope `modules:write` beside those of any export.
    """
    return answers.plain({"data": await ExportService(tx).begin_all(key, body)}, status=202)


def export_routes(services: Iterable[type[CrudService[Any]]]) -> APIRouter:
    """`POST /export` for every collection."""
    return joined(map(_export_of, services))


def _export_of(service: type[CrudService[Any]]) -> APIRouter:
    plural = service.plural
    own = new_router(plural, service.route_of())
    many = "".join(word.capitalize() for word in plural.split("_"))

    @own.post(
        "/export",
        status_code=202,
        operation_id=f"export{many}",
        summary=f"Have {plural} written to a file",
        responses=_STARTED | problems(400, 403, 409, 415, 422),
    )
    async def export(tx: Writing, body: ExportInput) -> Response:
        """CSV, NDJSON or XLSX, as a job; the export then has a link to the file.

        Takes the scope `export` of the collection beside `read`.
        """
        return _begun(await ExportService(tx).begin(service(tx).records.listing.entity, body))

    return own


def source_routes(sources: Iterable[Source]) -> APIRouter:
    """`POST /export` for what is no collection."""
    return joined(map(_lines_of, sources))


def _lines_of(source: Source) -> APIRouter:
    own = new_router(source.route, source.route)
    shape: type[BaseModel] = source.shape

    @own.post(
        "/export",
        status_code=202,
        operation_id=f"export{source.route.capitalize()}",
        summary=source.summary,
        description=source.description,
        responses=_STARTED | problems(400, 403, 409, 415, 422),
    )
    async def export(tx: Writing, body: shape) -> Response:  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        return _begun(await ExportService(tx).begin_lines(source, body))  # pyright: ignore[reportUnknownArgumentType]

    return own


def _begun(started: dict[str, Any]) -> Response:
    headers = {"Location": f"/v1/jobs/{started['job_id']}"}
    return answers.plain(started, status=202, headers=headers)


@router.get(
    "", operation_id="listExports", summary="List exports", responses=_MANY | problems(403, 422)
)
async def list_exports(
    request: Request, tx: Reading, limit: params.Limit = 50, cursor: params.Cursor = None
) -> Response:
    """Exports, newest first."""
    service = ExportService(tx)
    page = await params.newest(service, limit, cursor)
    page.data[:] = await service.completed(page.data)
    return answers.page(request, page)


@router.get(
    "/{id}",
    operation_id="getExport",
    summary="Read an export",
    responses=_ONE | problems(403, 404, 422),
)
async def read_export(id: UUID, tx: Reading) -> Response:
    """How it stands, and where its file is."""
    service = ExportService(tx)
    return answers.plain((await service.completed([await service.get(id)]))[0])


@router.delete(
    "/{id}",
    status_code=204,
    operation_id="deleteExport",
    summary="Put an export in the bin",
    responses=problems(403, 404, 412, 422),
)
async def delete_export(id: UUID, tx: Writing, if_match: IfMatch = None) -> Response:
    """Its links end at once, and its file is removed."""
    await ExportService(tx).delete(id, expected_version=answers.version_of(if_match))
    return Response(status_code=204)


@public.get(
    "/{token}",
    operation_id="downloadExport",
    summary="The file of an export",
    responses=_FILE | problems(404, 422),
)
async def download_export(token: str, request: Request) -> Response:
    """Behind a signed link, which needs no credential and ends within the hour."""
    services = services_of(request)
    organization_id, id = opened(services.database.signing_key, token)
    actor = Actor(organization_id, "system", scopes=frozenset({"exports:read"}))
    async with unit_of_work(Tx(services.database, actor, read_only=True)) as tx:
        found, stored_as = await ExportService(tx).file(id)
    place = Place(SHELF, organization_id, stored_as)
    file = Download(place, found.filename, _TYPES[found.format])
    return await sent(request, services.files, file)
