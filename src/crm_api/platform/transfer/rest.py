"""Imports over REST."""

import asyncio
import csv
import io
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import File, Form, Request, Response, UploadFile
from fastapi.responses import StreamingResponse

from crm_api.kit.db.json import parsed
from crm_api.kit.errors import Invalid, TooLarge
from crm_api.kit.files.store import new_place
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import IfMatch, IfNoneMatch
from crm_api.kit.rest.requests import Reading, Writing, services_of
from crm_api.kit.rest.router import new_router, page_shape
from crm_api.kit.values.formulas import harmless
from crm_api.platform.transfer.schemas import (
    ImportOut,
    ImportStarted,
    ImportUpdate,
    TargetFields,
)
from crm_api.platform.transfer.service import ImportService, Upload, target_fields
from crm_api.platform.transfer.uploads import SHELF

router = new_router("imports", "imports")
_ONE: dict[int | str, dict[str, Any]] = {200: {"model": ImportOut}}
_MADE: dict[int | str, dict[str, Any]] = {201: {"model": ImportOut}}
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": page_shape(ImportOut)}}
_FIELDS: dict[int | str, dict[str, Any]] = {200: {"model": TargetFields}}
_STARTED: dict[int | str, dict[str, Any]] = {202: {"model": ImportStarted}}
_FORM = ("file", "entity", "encoding", "delimiter")
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "A CSV file.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


@router.post(
    "",
    status_code=201,
    operation_id="createImport",
    summary="Upload a file",
    responses=_MADE | problems(400, 403, 413, 415, 422),
)
async def create_import(
    request: Request,
    tx: Writing,
    file: Annotated[UploadFile, File(description="CSV, XLSX or NDJSON.")],
    entity: Annotated[
        str,
        Form(
            max_length=40,
            description="What its rows become: `contact`, `company`, `lead`, `deal`, `product` and "
            "others (a wrong one is answered with all that there are), or the key of a custom object.",
        ),
    ],
    encoding: Annotated[
        str | None, Form(max_length=40, description="When the detected one is wrong.")
    ] = None,
    delimiter: Annotated[
        str | None, Form(min_length=1, max_length=1, description="When the detected one is wrong.")
    ] = None,
) -> Response:
    """Nothing is imported yet: the answer shows how the file was read and a mapping to correct."""
    for name in await request.form():
        if name not in _FORM:
            message = f"A form has the fields {', '.join(_FORM)}."
            raise Invalid.at(f"/{name[:60]}", "unknown_field", message)
    settings = request.app.state.services.settings
    if (file.size or 0) > settings.max_upload_bytes:
        raise TooLarge(f"The file has more than {settings.max_upload_bytes} bytes.")
    files, place = services_of(request).files, new_place(SHELF, tx.organization_id)
    try:
        async with files.draft() as path:
            await asyncio.to_thread(_store, file, path)
            made = await ImportService(tx).upload(
                Upload(path, _plain_name(file.filename), place.name),
                entity,
                encoding=encoding,
                delimiter=delimiter,
            )
            if not tx.dry_run:
                await files.put_file(place, path)
        await tx.flush()
    except BaseException:
        await asyncio.shield(files.remove(place))
        raise
    return answers.created(request, made)


def _store(file: UploadFile, path: Path) -> None:
    with path.open("wb") as kept:
        shutil.copyfileobj(file.file, kept, 1 << 20)


def _plain_name(name: str | None) -> str:
    cleaned = "".join(c for c in Path(name or "upload").name if c.isprintable())
    return cleaned[:200] or "upload"


@router.get(
    "", operation_id="listImports", summary="List imports", responses=_MANY | problems(403, 422)
)
async def list_imports(
    request: Request, tx: Reading, limit: params.Limit = 50, cursor: params.Cursor = None
) -> Response:
    """Imports, newest first."""
    return answers.page(request, await params.newest(ImportService(tx), limit, cursor))


@router.get(
    "/fields/{entity}",
    operation_id="listImportFields",
    summary="What columns may be mapped to",
    responses=_FIELDS | problems(403, 422),
)
async def list_fields(entity: str, tx: Reading) -> Response:
    """The fields of a target, custom ones among them."""
    service = ImportService(tx)
    return answers.plain(target_fields(await service.hints_of(service.importer_of(entity))))


@router.get(
    "/{id}",
    operation_id="getImport",
    summary="Read an import",
    responses=_ONE | {304: {"description": "Not modified"}} | problems(403, 404, 422),
)
async def read_import(id: UUID, tx: Reading, if_none_match: IfNoneMatch = None) -> Response:
    """How far it is, and what it has counted."""
    row = await ImportService(tx).get(id)
    undone = sum(parsed(row.undone).values()) if row.undone else 0
    etag = f'"{row.version}-{row.position}-{undone}"'
    if answers.matches(if_none_match, etag):
        return answers.unchanged(etag)
    return answers.record(row, etag=etag)


@router.patch(
    "/{id}",
    operation_id="updateImport",
    summary="Correct the mapping or the options",
    responses=_ONE | problems(400, 403, 404, 409, 412, 415, 422),
)
async def update_import(
    id: UUID, tx: Writing, body: ImportUpdate, if_match: IfMatch = None
) -> Response:
    """Before the start; what is not named in `mapping` is not read."""
    expected = answers.version_of(if_match)
    return answers.record(await ImportService(tx).adjust(id, body, expected_version=expected))


@router.delete(
    "/{id}",
    status_code=204,
    operation_id="deleteImport",
    summary="Put an import in the bin",
    responses=problems(403, 404, 409, 412, 422),
)
async def delete_import(id: UUID, tx: Writing, if_match: IfMatch = None) -> Response:
    """Its records stay, the uploaded file does not."""
    await ImportService(tx).delete(id, expected_version=answers.version_of(if_match))
    return Response(status_code=204)


@router.post(
    "/{id}/restore",
    operation_id="restoreImport",
    summary="Take an import out of the bin",
    responses=_ONE | problems(403, 404, 412, 422),
)
async def restore_import(id: UUID, tx: Writing, if_match: IfMatch = None) -> Response:
    """To look at it, or to undo it; its file is gone."""
    expected = answers.version_of(if_match)
    return answers.record(await ImportService(tx).restore(id, expected_version=expected))


def _add_start(verb: str, summary: str, description: str) -> None:
    @router.post(
        f"/{{id}}/{verb}",
        status_code=202,
        operation_id=f"{verb}Import",
        summary=summary,
        description=description,
        responses=_STARTED | problems(403, 404, 409, 422),
    )
    async def begin(id: UUID, tx: Writing) -> Response:
        started = await getattr(ImportService(tx), verb)(id)
        headers = {"Location": f"/v1/jobs/{started['job_id']}"}
        return answers.plain(started, status=202, headers=headers)


_add_start(
    "validate",
    "Count what a run would do",
    "Reads the whole file and writes nothing but its mistakes.",
)
_add_start(
    "start",
    "Commit the rows",
    "In chunks; after a failure or a cancel it goes on with the rows that are left.",
)
_add_start(
    "revert",
    "Undo an import",
    "What it made goes to the bin, what it changed is put back; "
    "records that somebody changed since stay as they are. "
    "After a failure or a cancel it goes on with what is left; the file can then not be started.",
)


@router.get(
    "/{id}/errors",
    operation_id="getImportErrors",
    summary="The rows with mistakes",
    responses=_CSV | problems(403, 404, 422),
)
async def read_errors(id: UUID, tx: Reading) -> Response:
    """Row, column, code, message, value, then the row itself: correct it and send it again."""
    service = ImportService(tx)
    record = await service.get(id)
    columns = [mapped["column"] for mapped in parsed(record.mapping)]
    stretches = service.faults(id)
    first = await anext(stretches, [])
    return StreamingResponse(
        _as_csv(columns, first, stretches),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="import-{id}-errors.csv"'},
    )


async def _as_csv(
    columns: list[str], first: list[Any], stretches: AsyncIterator[list[Any]]
) -> AsyncIterator[bytes]:
    yield _lines([["row", "column", "code", "message", "value", *columns]])
    yield _faults(first)
    async for stretch in stretches:
        yield _faults(stretch)


def _faults(stretch: list[Any]) -> bytes:
    lines: list[list[Any]] = []
    cells: list[Any] = []
    for row in stretch:
        if row["cells"] is not None:
            cells = parsed(row["cells"])
        lines.append([*row[:5], *cells])
    return _lines(lines)


def _lines(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(
        [[harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    )
    return text.getvalue().encode()
